/** Asynchronous URL fetch RPCs: App Engine's verbs in camel case, over the component. */

export type ErrorKind =
  | 'download' | 'deadline-exceeded' | 'dns-lookup-failed' | 'connection-closed' | 'too-many-redirects' | 'malformed-reply'
  | 'invalid-url' | 'payload-too-large' | 'internal-transient' | 'ssl-certificate' | 'response-too-large' | 'invalid-method'
  | 'cancelled' | 'refused' | 'unsupported' | 'invalid-argument' | 'misuse' | 'deadlock';

export type Phase = 'local' | 'queued' | 'resolve' | 'connect' | 'tls' | 'request' | 'body' | 'redirect' | 'decode';

/** A call that failed or was refused. A value of the wrong type is a `TypeError` instead. */
export class UrlfetchError extends Error {
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
  /** The truncated answer, when the kind is 'response-too-large' and the body was received. */
  readonly response?: Response;
}

/** An answer, whatever its status. */
export class Response {
  readonly status: number;
  /** In the origin's order, repeats kept, values as latin-1. */
  readonly headers: [name: string, value: string][];
  readonly content: Uint8Array;
  readonly wasTruncated: boolean;
  /** The URL that answered; set only when a redirect was followed. */
  readonly finalUrl?: string;
  /** The values of a header, whatever the case of its name, joined by ", "; undefined when it is not there. */
  header(name: string): string | undefined;
  /** The content as UTF-8. */
  text(): string;
  /** The content as JSON. */
  json(): unknown;
}

/** Bytes are sent as they are; a string as latin-1 in a header and as UTF-8 in a payload. */
export type Bytes = Uint8Array | ArrayBuffer | ArrayBufferView;

export interface RequestOptions {
  /** GET, POST, HEAD, PUT, DELETE or PATCH, in any case. GET unless given. */
  method?: string;
  headers?: Record<string, string | number | Bytes> | Iterable<[string, string | number | Bytes]>;
  /** The body of a POST, PUT or PATCH. */
  payload?: string | Bytes | null;
  /** True unless given. */
  followRedirects?: boolean;
  /** Cut what is too much, instead of failing with 'response-too-large'. */
  allowTruncated?: boolean;
  /** Undefined and true both mean that the host validates. */
  validateCertificate?: boolean;
}

export interface RpcOptions {
  /** Seconds over queueing, redirects and body; the client's default unless given. */
  deadline?: number;
  /** Called once, without arguments, by the first wait that sees the rpc finished, after a failure as well. */
  callback?: () => unknown;
}

export interface Hop {
  url: string;
  /** 0 until the head came. */
  status: number;
  /** Instants are seconds after makeFetchCall. */
  startedAt: number;
  headAt?: number;
  endedAt?: number;
}

/** One fetch: created idle, started once, finished once. Forgetting it cancels it silently. */
export class Rpc {
  private constructor();
  readonly id: number;
  readonly client: Client;
  readonly deadline: number | undefined;
  readonly state: 'idle' | 'running' | 'finishing';
  /** May be assigned until the first wait. */
  callback: (() => unknown) | undefined;
  /** Starts the call; once. Gives the same rpc. */
  makeFetchCall(url: string, options?: RequestOptions): this;
  /** Blocks until finished, and runs the callback if it is due. */
  wait(): void;
  /** `wait`, then throws what the call failed with. */
  checkSuccess(): void;
  /** `checkSuccess`, then the answer. */
  getResult(): Response;
  /** A promise of what `getResult` gives. */
  result(): Promise<Response>;
  /** Ends the call; true when it was still running. */
  cancel(): boolean;
  readonly hops: Hop[];
  /** Bytes of content received so far, after decoding. */
  readonly received: number;
  /** Names of the caller's headers that were not sent. */
  readonly rejectedHeaders: string[];
}

/** A policy, and the rpcs made under it. A setter that refuses its value throws and changes nothing. */
export class Client {
  constructor();
  createRpc(options?: RpcOptions): Rpc;
  /** A promise of the answer. */
  fetch(url: string, options?: RequestOptions & RpcOptions): Promise<Response>;
  /** Blocks until the answer is there. */
  fetchSync(url: string, options?: RequestOptions & RpcOptions): Response;
  /** Seconds for rpcs without a deadline; undefined stands for 5. */
  defaultDeadline: number | undefined;
  setMaximumDeadline(seconds: number): void;
  setMaxInFlight(total: number, perOrigin: number): void;
  setMaxRedirects(hops: number): void;
  setFollow308(follow: boolean): void;
  setMaxResponse(bytes: number): void;
  setUserAgent(text: string | undefined): void;
  setAllowedOrigins(origins: string[]): void;
  setAllowPrivate(allow: boolean): void;
  setValidateAnyway(validate: boolean): void;
  setCurrentRequest(authority: string | undefined, path: string): void;
  setDevelopmentMode(on: boolean): void;
  /** From now on every setting but `setCurrentRequest` is refused. */
  seal(): void;
  /** Blocks until an rpc of this client finishes or `timeout` seconds are over; gives ids that no turn has named before. */
  turn(timeout?: number): number[];
  /** Blocks until no rpc of this client is running. */
  drain(): void;
  /** A promise that the rpc has finished; runs no callback. */
  finished(rpc: Rpc): Promise<void>;
}

/** The instance's own client, which the functions below use. Not while a snapshot is made: there is no component yet. */
export function shared(): Client;
export function createRpc(options?: RpcOptions): Rpc;
export function makeFetchCall(rpc: Rpc, url: string, options?: RequestOptions): Rpc;
export function fetch(url: string, options?: RequestOptions & RpcOptions): Promise<Response>;
export function fetchSync(url: string, options?: RequestOptions & RpcOptions): Response;
/** Blocks for the first finished rpc in order of the array; undefined for none, and when `after` seconds are over first. */
export function waitAny(rpcs: Rpc[], options?: { after?: number }): Rpc | undefined;
/** Blocks until all are finished; what failed is not thrown. */
export function waitAll(rpcs: Iterable<Rpc>): void;
