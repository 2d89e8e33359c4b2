/** Deferred functions: call one now, and a task queue has it run later, in an instance of its own.
 *
 * A task is an HTTP request to the application itself, made by the REST API of Cloud Tasks. It runs at least once. Each carries an
 * envelope that only the application can make, and nothing of a task is decoded before that was checked. The variables of the environment
 * are those of the Rust crate `urlfetch-deferred`, which documents them and the envelope; of them `URLFETCH_DEFERRED_KEYS` must be set. */

/** A global of the engine, where the program's types have it. */
type Global<Name extends string> = typeof globalThis extends { [name in Name]: { prototype: infer Known } } ? Known : unknown;

/** The path that tasks are delivered to, unless they name another: `/_ah/queue/deferred`. */
export const DEFAULT_PATH: string;

/** Makes `run` one that tasks may call by `name`, and gives it back. Where modules are loaded: a task may come to any instance. Arguments
 * are what JSON can carry. Another function of that name is a `RangeError`. */
export function deferred<Run extends (...args: any[]) => unknown>(name: string, run: Run): Run;

/** When and how often a task is tried again; what is not said is as its queue says. It is given up when `limit` and `ageLimit` are both
 * exceeded; when only one is given, when that one is. */
export interface Retry {
  /** How often, after the first attempt. */
  limit?: number | null;
  /** For how many seconds after the first attempt, rounded up. */
  ageLimit?: number | null;
  /** Seconds between the first attempt and the second. */
  minBackoff?: number | null;
  /** The most seconds between two attempts. */
  maxBackoff?: number | null;
  /** How often the time between two is doubled, before it grows by the same amount each time. */
  maxDoublings?: number | null;
}

export interface DeferOptions {
  /** Seconds that have to pass first, at most 30 days. Excludes `eta`. */
  countdown?: number | null;
  /** Not before this instant, at most 30 days ahead; what is past is now. Excludes `countdown`. */
  eta?: Date | null;
  /** The task's name, so that there is only one of it: 1 to 500 of letters, digits, `_` and `-`. Otherwise 128 random bits. */
  name?: string | null;
  /** The queue, by its id: `default` unless given. */
  queue?: string | null;
  /** The path to deliver to, absolute and without a query. Empty stands for `/_ah/queue/QUEUE`. */
  url?: string | null;
  /** Headers of the delivery. What the queue sets itself it sets all the same. */
  headers?: Readonly<Record<string, string | number | bigint | boolean>> | Iterable<readonly [name: string, value: string | number | bigint | boolean]> | null;
  retry?: Retry | null;
  /** Seconds that an attempt may take: 15 to 1800. Ten minutes unless given. */
  dispatchDeadline?: number | null;
}

/** A task that is in the queue. */
export interface Enqueued {
  /** `projects/P/locations/L/queues/Q`. */
  readonly queue: string;
  /** The id of the task in its queue. */
  readonly name: string;
  /** When it is due. */
  readonly eta: Date;
}

/** Has a function of `deferred`, or what is known by that name where the task is delivered, called later. The promise is kept when the
 * task is in its queue. A task without a name of yours is asked for up to three times; with one, once: a second answer that it exists
 * would mean two things. Fails with a `DeferError`, or with the `UrlfetchError` of a service that could not be asked: then the task may
 * have been made all the same. */
export function defer<Args extends unknown[]>(called: (...args: Args) => unknown, args?: Args, options?: DeferOptions): Promise<Enqueued>;
export function defer(called: string, args?: readonly unknown[], options?: DeferOptions): Promise<Enqueued>;

/** A task of this application, which was checked to be that. */
export class Task {
  private constructor();
  /** The id of its queue. */
  readonly queue: string;
  /** Its id. */
  readonly name: string;
  /** Those of the delivery. The envelope is not over them, `content-type` excepted. */
  readonly headers: Global<'Headers'>;
  /** The encoded call. */
  readonly body: Uint8Array;
  /** How often it was tried before: 0 the first time. */
  readonly retryCount: number | undefined;
  /** When it was due. */
  readonly eta: Date | undefined;
}

/** The task that a delivery is. Rejected with a `Forgery` that says why when its envelope is not ours, and with a `SettingsError` when there
 * are no keys. Reads the body. */
export function checkDelivery(request: Global<'Request'>): Promise<Task>;

/** What answers deliveries, at the default path or at one of its own: 200 when the function returned, and for a permanent failure; 408 for
 * a singular one, 500 for any other; 403 for what is no task of ours, without running anything. To do more, override `post` or `run`. */
export class Handler {
  /** Answers a request of any method: other than POST is 405. */
  handle(request: Global<'Request'>): Promise<Global<'Response'>>;
  /** Checks a delivery, runs it, and answers. */
  post(request: Global<'Request'>): Promise<Global<'Response'>>;
  /** Makes the call of a task. What it throws decides the answer. */
  run(task: Task): unknown;
}

/** Throw it where a function will never succeed: the task is done, and what is said here is logged. */
export class PermanentTaskFailure extends Error {}
/** Throw it to be tried again, where that is nothing unusual: nothing is logged. */
export class SingularTaskFailure extends Error {}
/** Why a delivery is not believed. */
export class Forgery extends Error {}

/** Why a call could not be deferred. */
export class DeferError extends Error {}
/** A variable of the environment is missing or wrong; it is named. */
export class SettingsError extends DeferError {}
/** Options that exclude each other, or have no meaning. */
export class InvalidTaskError extends DeferError {}
/** A name is 1 to 500 of letters, digits, `_` and `-`. */
export class InvalidTaskNameError extends InvalidTaskError {}
/** The id of a queue is 1 to 100 of letters, digits and `-`. */
export class InvalidQueueNameError extends InvalidTaskError {}
/** A URL is an absolute path, without a query. */
export class InvalidUrlError extends InvalidTaskError {}
/** More than 30 days ahead. */
export class InvalidEtaError extends InvalidTaskError {}
/** A task of this name is in the queue. */
export class TaskAlreadyExistsError extends DeferError {}
/** A task of this name was in the queue, not long ago. */
export class TombstonedTaskError extends DeferError {}
/** The queue does not exist. */
export class UnknownQueueError extends DeferError {}
/** The service takes no task of this size. */
export class TaskTooLargeError extends DeferError {}
/** The service answered otherwise. */
export class ServiceError extends DeferError {
  /** The HTTP status. */
  readonly status: number;
}
