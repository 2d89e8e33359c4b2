/** Asynchronous URL fetch RPCs: App Engine's verbs in camel case, over the component `urlfetch:rpc`. */

export type ErrorKind =
  | 'download' | 'deadline-exceeded' | 'dns-lookup-failed' | 'connection-closed' | 'too-many-redirects' | 'malformed-reply'
  | 'invalid-url' | 'payload-too-large' | 'internal-transient' | 'ssl-certificate' | 'response-too-large' | 'invalid-method'
  | 'cancelled' | 'refused' | 'unsupported' | 'invalid-argument' | 'misuse' | 'deadlock';

export type Phase = 'local' | 'queued' | 'resolve' | 'connect' | 'tls' | 'request' | 'body' | 'redirect' | 'decode';

/** What every error of this package tells. */
export interface ErrorFacts {
  readonly kind: ErrorKind;
  /** App Engine's service code, 1 to 13; 0 when there is none. */
  readonly code: number;
  readonly phase: Phase;
  /** The same request may succeed later, and sending it again does no harm. */
  readonly retryable: boolean;
  /** The URL of the hop at fault; empty when no call is concerned. */
  readonly url: string;
  /** What happened, for a person. */
  readonly detail: string;
  /** The part that fits, when the kind is 'response-too-large' and the body was received. */
  readonly response?: FetchResponse;
}

/** A call that failed, or that was refused before it began. A value of the wrong type is a `TypeError` instead. */
export class UrlfetchError extends Error implements ErrorFacts {
  protected constructor();
  readonly kind: ErrorKind;
  readonly code: number;
  readonly phase: Phase;
  readonly retryable: boolean;
  readonly url: string;
  readonly detail: string;
  readonly response?: FetchResponse;
}

/** The URL could not be fetched. An HTTP error status is a result and throws nothing. */
export class DownloadError extends UrlfetchError {}
/** The deadline passed: one deadline over queueing, every redirect and the body. */
export class DeadlineExceededError extends DownloadError {}
/** The name of the host was not resolved. */
export class DNSLookupFailedError extends DownloadError {}
/** The connection ended before the answer was complete. */
export class ConnectionClosedError extends DownloadError {}
/** One redirect more than the client follows. */
export class TooManyRedirectsError extends DownloadError {}
/** The answer is not HTTP, or contradicts itself. */
export class MalformedReplyError extends DownloadError {}
/** The URL, or that of a redirect, is not one that may be fetched. */
export class InvalidURLError extends UrlfetchError {}
/** The request has more than 10 MiB, or its headers more than 16 KiB. */
export class PayloadTooLargeError extends InvalidURLError {}
/** The host had no room for the call just now. */
export class InternalTransientError extends UrlfetchError {}
/** TLS failed. */
export class SSLCertificateError extends UrlfetchError {}
/** The content exceeds the client's limit; `response` holds the part that fits, when the body was received. */
export class ResponseTooLargeError extends UrlfetchError {}
/** The method is not one of GET, POST, HEAD, PUT, DELETE and PATCH. */
export class InvalidMethodError extends UrlfetchError {}
/** `Rpc.cancel` was called. */
export class CancelledError extends UrlfetchError {}
/** The client's policy forbids this destination. */
export class RefusedError extends UrlfetchError {}
/** The host cannot do what was asked. */
export class UnsupportedError extends UrlfetchError {}
/** The call is out of order. Nothing changed. */
export class MisuseError extends UrlfetchError {}
/** Nothing in this wait could ever end it. */
export class DeadlockError extends UrlfetchError {}

/** A value of the right type has no meaning, such as a deadline of NaN. Nothing changed. */
export class InvalidArgumentError extends RangeError implements ErrorFacts {
  private constructor();
  readonly kind: 'invalid-argument';
  readonly code: number;
  readonly phase: Phase;
  readonly retryable: boolean;
  readonly url: string;
  readonly detail: string;
  readonly response?: FetchResponse;
}

/** Header lines in the origin's order, found whatever the case of a name. Values are read as latin-1. */
export class ResponseHeaders implements Iterable<[name: string, value: string]> {
  private constructor();
  /** The values of every line of that name, joined by ", "; undefined when there is none. */
  get(name: string): string | undefined;
  /** The same one by one. */
  getAll(name: string): string[];
  has(name: string): boolean;
  /** Every line, repeats kept. */
  [Symbol.iterator](): IterableIterator<[name: string, value: string]>;
}

/** An answer, whatever its status. */
export class FetchResponse {
  private constructor();
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly content: Uint8Array;
  /** True when the content was cut at the client's `setMaxResponse`. */
  readonly wasTruncated: boolean;
  /** The URL that answered; set only when a redirect was followed. */
  readonly finalUrl?: string;
  /** The content as UTF-8. */
  text(): string;
  /** The content as JSON. */
  json(): unknown;
}

export type Bytes = ArrayBuffer | ArrayBufferView;

/** Bytes are sent as they are, anything else by its text, in latin-1. */
export type HeaderValue = string | number | bigint | boolean | Bytes;

export interface RequestOptions {
  /** GET, POST, HEAD, PUT, DELETE or PATCH, in any case. GET unless given. */
  method?: string;
  headers?: Readonly<Record<string, HeaderValue>> | Iterable<readonly [name: string, value: HeaderValue]>;
  /** The body of a POST, PUT or PATCH; a string is sent as UTF-8. */
  payload?: string | Bytes | null;
  /** True unless given. */
  followRedirects?: boolean;
  /** Cut what is too much, instead of failing with 'response-too-large'. False unless given. */
  allowTruncated?: boolean;
  /** Undefined and true both mean that the host validates. */
  validateCertificate?: boolean | null;
}

export interface RpcOptions {
  /** Seconds over queueing, redirects and body; the client's default unless given. */
  deadline?: number | null;
  /** Called once, without arguments, by the first wait that sees the rpc finished, after a failure as well. */
  callback?: (() => unknown) | null;
}

/** One exchange of a call. Instants are seconds after `makeFetchCall`. */
export interface Hop {
  readonly url: string;
  /** 0 until the head came. */
  readonly status: number;
  readonly startedAt: number;
  readonly headAt?: number;
  readonly endedAt?: number;
}

/** One fetch: created idle, started once, finished once. Forgetting it cancels it silently. */
export class Rpc {
  private constructor();
  /** What `Client.turn` calls this rpc; never used again. */
  readonly id: number;
  readonly client: Client;
  /** Seconds, as given or taken from the client's default at creation; undefined when there was neither. */
  readonly deadline: number | undefined;
  /** Moves what can move without blocking, and tells the state. It never goes backwards. */
  readonly state: 'idle' | 'running' | 'finishing';
  /** May be assigned until the first wait. What it throws leaves that wait; the rpc keeps its outcome. */
  get callback(): (() => unknown) | undefined;
  set callback(callback: (() => unknown) | null | undefined);
  /** Starts the call, without waiting for the network; once. Gives the same rpc. */
  makeFetchCall(url: string, options?: RequestOptions): this;
  /** Blocks until finished, and runs the callback if this is the first wait to see that. A failed call is not a failed wait. */
  wait(): void;
  /** `wait`, then throws what the call failed with, each time it is asked. */
  checkSuccess(): void;
  /** `checkSuccess`, then the answer. Each call gives a copy. */
  getResult(): FetchResponse;
  /** `getResult` for the last time: the component keeps no second copy of the content, and the rpc can only be forgotten. */
  intoResult(): FetchResponse;
  /** A promise of what `getResult` gives. */
  result(): Promise<FetchResponse>;
  /** Ends the call. True when it was still running: then it fails with 'cancelled', and its callback is due. */
  cancel(): boolean;
  /** Every exchange so far, also while running and after a failure. */
  readonly hops: Hop[];
  /** Bytes of content received so far, after decoding. */
  readonly received: number;
  /** Names of the caller's headers that were not sent, as they were spelled. */
  readonly rejectedHeaders: string[];
}

/** A policy, and the rpcs made under it. A setter that refuses its value throws and changes nothing. */
export class Client {
  /** A client with the documented defaults, independent of the shared one. */
  constructor();
  /** The instance's own client, which the functions below use. Not while a module is loaded into a component: nothing runs yet. */
  static shared(): Client;
  /** An idle rpc; nothing is sent. */
  createRpc(options?: RpcOptions): Rpc;
  /** A promise of the answer. */
  fetch(url: string, options?: RequestOptions & RpcOptions): Promise<FetchResponse>;
  /** Blocks until the answer is there. */
  fetchSync(url: string, options?: RequestOptions & RpcOptions): FetchResponse;
  /** Seconds for rpcs without a deadline; undefined, as at first, stands for 5. */
  get defaultDeadline(): number | undefined;
  set defaultDeadline(seconds: number | null | undefined);
  /** The longest deadline an rpc may have; longer ones are clamped. 60 at first. */
  setMaximumDeadline(seconds: number): void;
  /** How many calls may be out at once, in total and to one origin; the rest queue in order. 100 and 100 at first; 1 to 10,000. */
  setMaxInFlight(total: number, perOrigin: number): void;
  /** 5 at first, at most 100. */
  setMaxRedirects(hops: number): void;
  /** Follow 308 (Permanent Redirect) like 307. Off at first. */
  setFollowPermanentRedirect(follow: boolean): void;
  /** The most bytes of decoded content that are kept. 32 MiB at first; at most 1 GiB. */
  setMaxResponse(bytes: number): void;
  /** How many bytes a URL may have, 10,240 at first and at most 20,480, and whether every port is fetched: else those of App Engine. */
  setUrlLimits(maxLength: number, anyPort: boolean): void;
  /** The product text of `user-agent`; undefined stands for this project's, empty text adds nothing. */
  setUserAgent(text: string | null | undefined): void;
  /** The only origins that may be fetched, on each hop: `https://example.com`, `https://*.example.com`. Empty means any. */
  setAllowedOrigins(origins: Iterable<string>): void;
  /** Permit private, loopback and link-local addresses. Off at first. */
  setAllowPrivate(allow: boolean): void;
  /** Validate certificates although `validateCertificate` is false, instead of failing with 'unsupported'. Off at first. */
  setValidateAnyway(validate: boolean): void;
  /** The request being served: a GET of the same then fails with 'invalid-url'. Undefined skips the rule. Allowed when sealed. */
  setCurrentRequest(authority: string | null | undefined, path: string): void;
  /** App Engine's development server: one call at a time, sent when something waits for it. Off at first. */
  setDevelopmentMode(on: boolean): void;
  /** From now on every setting but `setCurrentRequest` is refused. */
  seal(): void;
  /** Blocks until an rpc of this client finishes or `timeout` seconds are over; gives the ids that no turn has named before. */
  turn(timeout?: number): number[];
  /** Blocks until no rpc of this client is running. Callbacks stay due. */
  drain(): void;
  /** A promise that the rpc has finished; runs no callback. */
  finished(rpc: Rpc): Promise<void>;
}

/** Ends a `waitAny` early, without touching any rpc: with `after`, that many seconds after it was made. There is one thread, so that
 * a `cancel()` reaches a wait only when it came before, for instance in a callback. */
export class WaitCanceller {
  constructor(options?: { after?: number | null });
  /** Cancels, for good; may be repeated. */
  cancel(): void;
  /** Whether a wait would end now. */
  readonly cancelled: boolean;
}

export function createRpc(options?: RpcOptions): Rpc;
export function makeFetchCall(rpc: Rpc, url: string, options?: RequestOptions): Rpc;
export function fetch(url: string, options?: RequestOptions & RpcOptions): Promise<FetchResponse>;
export function fetchSync(url: string, options?: RequestOptions & RpcOptions): FetchResponse;
export function getDefaultFetchDeadline(): number | undefined;
export function setDefaultFetchDeadline(seconds: number | null | undefined): void;

/** Blocks until one of `rpcs` is finished and gives the first such in the order of the collection; its callback runs if it is due.
 * Repeating the call gives the same rpc until an earlier one finishes. A canceller is given when it is cancelled and no rpc has
 * finished. An empty collection gives undefined. Not for iterators, which could not be read again. */
export function waitAny<Member extends Rpc | WaitCanceller>(rpcs: readonly Member[] | ReadonlySet<Member>): Member | undefined;

/** Blocks until all are finished; what failed is not thrown. What a callback throws leaves at once; calling again finishes the rest. */
export function waitAll(rpcs: Iterable<Rpc>): void;

/** Moves everything that can move, without blocking. */
export function progress(): void;
