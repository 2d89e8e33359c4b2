// Asynchronous URL fetch RPCs: App Engine's verbs in camel case, over the component. What a value means is judged there.

import * as wit from '#wit';

/** A call that failed or was refused: `kind` says how. */
export class UrlfetchError extends Error {
  constructor({ kind, code = 0, phase = 'local', retryable = false, url = '', detail = '', response }) {
    super(`${detail || kind}${url && ` (${url})`}`);
    this.name = 'UrlfetchError';
    Object.assign(this, { kind, code, phase, retryable, url, detail, response: response && new Response(response) });
  }
}

/** An answer, whatever its status. */
export class Response {
  constructor({ status, headers, content, wasTruncated, finalUrl }) {
    const latin1 = new TextDecoder('latin1');
    this.status = status;
    this.headers = headers.map(([name, value]) => [name, latin1.decode(value)]);
    this.content = content;
    this.wasTruncated = wasTruncated;
    this.finalUrl = finalUrl;
  }

  /** The values of a header, whatever the case of its name, joined by ", "; undefined when it is not there. */
  header(name) {
    const values = this.headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
    return values.length ? values.join(', ') : undefined;
  }

  /** The content as UTF-8. */
  text() {
    return new TextDecoder().decode(this.content);
  }

  /** The content as JSON. */
  json() {
    return JSON.parse(this.text());
  }
}

/** Calls the component; an error of the WIT becomes an UrlfetchError. jco throws a record as it is and an enum inside an error. */
function asking(call, argument = '') {
  try {
    return call();
  } catch (thrown) {
    const value = thrown?.payload ?? thrown;
    if (typeof value === 'string') throw new UrlfetchError({ kind: value, detail: `${argument}: ${value}` });
    if (value?.kind !== undefined && value.phase !== undefined) throw new UrlfetchError(value);
    throw thrown;
  }
}

const misuse = (detail) => new UrlfetchError({ kind: 'misuse', detail });

function text(argument, value) {
  if (typeof value !== 'string') throw new TypeError(`${argument} must be a string, not ${value === null ? 'null' : typeof value}`);
  return value;
}

function seconds(argument, value) {
  if (value !== undefined && typeof value !== 'number') throw new TypeError(`${argument} must be a number of seconds, not ${typeof value}`);
  return value;
}

function bytes(argument, value) {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError(`${argument} must be bytes or a string, not ${typeof value}`);
}

/** A header's value: bytes as they are, anything else by its text, in latin-1. */
function headerValue(name, value) {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytes('headers', value);
  return Uint8Array.from(String(value), (char) => {
    if (char.charCodeAt(0) > 255) throw new TypeError(`headers: the value of ${name} is not latin-1; pass bytes to choose an encoding`);
    return char.charCodeAt(0);
  });
}

function request(url, { method = 'GET', headers = [], payload, followRedirects = true, allowTruncated = false, validateCertificate } = {}) {
  const lines = typeof headers[Symbol.iterator] === 'function' ? [...headers] : Object.entries(headers);
  return {
    url: text('url', url),
    method: String(method),
    headers: lines.map(([name, value]) => [text('headers: a name', name), headerValue(name, value)]),
    payload: payload === undefined || payload === null ? undefined : bytes('payload', payload),
    followRedirects: Boolean(followRedirects),
    allowTruncated: Boolean(allowTruncated),
    validateCertificate: validateCertificate === undefined ? undefined : Boolean(validateCertificate),
  };
}

/** A policy, and the rpcs made under it. Its `set...` are those of the WIT. */
export class Client {
  #raw;
  #awaited = new Map();
  #driven = false;

  constructor(raw = new wit.Client()) {
    this.#raw = raw;
  }

  /** An idle rpc; nothing is sent. */
  createRpc({ deadline, callback } = {}) {
    return new Rpc(asking(() => this.#raw.createRpc(seconds('deadline', deadline)), 'deadline'), callback, this);
  }

  /** Fetches, and blocks until the answer is there. */
  fetchSync(url, options = {}) {
    return makeFetchCall(this.createRpc(options), url, options).getResult();
  }

  /** Fetches; a promise of the answer. */
  async fetch(url, options = {}) {
    return makeFetchCall(this.createRpc(options), url, options).result();
  }

  get defaultDeadline() {
    return this.#raw.defaultDeadline();
  }

  set defaultDeadline(value) {
    asking(() => this.#raw.setDefaultDeadline(seconds('defaultDeadline', value)), 'defaultDeadline');
  }

  /** Blocks until an rpc of this client finishes or the time is over; gives the ids of those that no turn has named before. */
  turn(timeout) {
    const timers = timeout === undefined ? [] : [wit.timer(seconds('timeout', timeout))];
    try {
      const finished = [...this.#raw.turn(timers).finished];
      for (const id of finished) {
        for (const resolve of this.#awaited.get(id) ?? []) resolve();
        this.#awaited.delete(id);
      }
      return finished;
    } finally {
      for (const timer of timers) timer[Symbol.dispose]?.();
    }
  }

  /** Blocks until no rpc of this client is running. */
  drain() {
    this.#raw.drain();
  }

  /** From now on every setting but `setCurrentRequest` is refused. */
  seal() {
    this.#raw.seal();
  }

  /** A promise that the rpc has finished. */
  finished(rpc) {
    if (rpc.state === 'idle') return Promise.reject(misuse('awaiting an rpc before its makeFetchCall'));
    if (rpc.state === 'finishing') return Promise.resolve();
    const promise = new Promise((resolve) => {
      this.#awaited.set(rpc.id, [...(this.#awaited.get(rpc.id) ?? []), resolve]);
    });
    void this.#drive();
    return promise;
  }

  /** Nothing else moves a fetch that somebody awaits: turns, and lets the program go on after each. */
  async #drive() {
    if (this.#driven) return;
    this.#driven = true;
    try {
      while (this.#awaited.size > 0) {
        // A task of the engine's, so that every promise that can go on has done so before this blocks.
        await new Promise((resolve) => setTimeout(resolve, 0));
        if (this.#awaited.size > 0) this.turn();
      }
    } finally {
      this.#driven = false;
    }
  }

  static {
    for (const name of [
      'setMaximumDeadline', 'setMaxInFlight', 'setMaxRedirects', 'setFollow308', 'setMaxResponse', 'setUserAgent',
      'setAllowedOrigins', 'setAllowPrivate', 'setValidateAnyway', 'setCurrentRequest', 'setDevelopmentMode',
    ]) {
      this.prototype[name] = function (...values) {
        asking(() => this.#raw[name](...values), name);
      };
    }
  }
}

/** One fetch: created idle, started once, finished once. */
export class Rpc {
  #raw;
  #id;

  constructor(raw, callback, client) {
    this.#raw = raw;
    this.#id = raw.id();
    this.callback = callback;
    this.client = client;
  }

  get id() {
    return this.#id;
  }

  get deadline() {
    return this.#raw.deadline();
  }

  /** 'idle', 'running' or 'finishing'. */
  get state() {
    return this.#raw.state();
  }

  makeFetchCall(url, options) {
    asking(() => this.#raw.makeFetchCall(request(url, options)));
    return this;
  }

  /** Blocks until finished; runs the callback if this is the first wait to see that. */
  wait() {
    if (asking(() => this.#raw.wait())) this.#call();
  }

  /** `wait`, then throws what the call failed with. */
  checkSuccess() {
    this.wait();
    asking(() => this.#raw.checkSuccess());
  }

  /** `checkSuccess`, then the answer. */
  getResult() {
    this.wait();
    return new Response(asking(() => this.#raw.getResult()));
  }

  /** A promise of what `getResult` gives. */
  async result() {
    await this.client.finished(this);
    return this.getResult();
  }

  cancel() {
    return this.#raw.cancel();
  }

  get hops() {
    return this.#raw.hops();
  }

  get received() {
    return Number(this.#raw.received());
  }

  get rejectedHeaders() {
    return this.#raw.rejectedHeaders();
  }

  #call() {
    if (this.callback === undefined || this.callback === null) return;
    if (typeof this.callback !== 'function') throw new TypeError(`callback must be a function, not ${typeof this.callback}`);
    this.callback();
  }

  /** Waits for the first of many; see `waitAny`. */
  static waitAny(rpcs, until) {
    const waited = asking(() => wit.waitAny(rpcs.map((rpc) => rpc.#raw), until));
    if (waited.tag !== 'finished') return undefined;
    const rpc = rpcs[waited.val.index];
    if (waited.val.callbackDue) rpc.#call();
    return rpc;
  }
}

let sharedClient;

/** The instance's own client. Not while a snapshot is made: there is no component yet. */
export function shared() {
  return (sharedClient ??= new Client(wit.Client.shared()));
}

export const createRpc = (options) => shared().createRpc(options);

export function makeFetchCall(rpc, url, options) {
  if (!(rpc instanceof Rpc)) throw misuse('makeFetchCall: rpc must be an Rpc');
  return rpc.makeFetchCall(url, options);
}

export const fetch = (url, options) => shared().fetch(url, options);
export const fetchSync = (url, options) => shared().fetchSync(url, options);

/** The first finished rpc in order of the array; undefined for none, and when `after` seconds have passed before one has finished. */
export function waitAny(rpcs, { after } = {}) {
  const members = checked('waitAny', rpcs);
  if (after === undefined) return Rpc.waitAny(members, undefined);
  const timer = wit.timer(seconds('after', after));
  try {
    return Rpc.waitAny(members, timer);
  } finally {
    timer[Symbol.dispose]?.();
  }
}

/** Waits for all; what failed is not thrown. */
export function waitAll(rpcs) {
  const left = new Set(checked('waitAll', [...rpcs]));
  while (left.size > 0) left.delete(Rpc.waitAny([...left], undefined));
}

function checked(verb, rpcs) {
  if (!Array.isArray(rpcs)) throw misuse(`${verb}: rpcs must be an array`);
  for (const rpc of rpcs) if (!(rpc instanceof Rpc)) throw misuse(`${verb}: rpcs holds something that is no Rpc`);
  return rpcs;
}
