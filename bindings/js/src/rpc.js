// One fetch, from idle to finished, and the waits for many.

import * as floor from '#floor';
import { callable, collection, kindOf, optional, request, span } from './arguments.js';
import { asking, local } from './asking.js';
import { FetchResponse } from './response.js';
import { dropTimer, newTimer, seconds } from './timer.js';

/** One fetch: created idle, started once, finished once. Forgetting it cancels it silently. */
export class Rpc {
  #raw;
  #id;
  #callback;

  /** Made by `createRpc`, of what the component gave. */
  constructor(raw, callback, client) {
    this.#raw = raw;
    this.client = client;
    this.callback = callback;
  }

  get #live() {
    if (this.#raw === undefined) throw local('misuse', 'the rpc was consumed by intoResult');
    return this.#raw;
  }

  get id() {
    return (this.#id ??= this.#live.id());
  }

  get deadline() {
    return this.#live.deadline();
  }

  get state() {
    return this.#live.state();
  }

  get callback() {
    return this.#callback;
  }

  set callback(callback) {
    this.#callback = optional(callable)('callback', callback);
  }

  makeFetchCall(url, options) {
    const asked = request(url, options);
    asking(() => this.#live.makeFetchCall(asked));
    return this;
  }

  wait() {
    if (asking(() => this.#live.wait())) this.#callback?.();
  }

  checkSuccess() {
    this.wait();
    asking(() => this.#live.checkSuccess());
  }

  getResult() {
    this.wait();
    return new FetchResponse(asking(() => this.#live.getResult()));
  }

  intoResult() {
    // Below it waits by itself; only a callback has to be told that it is due.
    if (this.#callback) this.wait();
    const raw = this.#live;
    this.#raw = undefined;
    return new FetchResponse(asking(() => floor.Rpc.intoResult(raw)));
  }

  async result() {
    await this.client.finished(this);
    return this.getResult();
  }

  cancel() {
    return this.#live.cancel();
  }

  get hops() {
    return this.#live.hops();
  }

  get received() {
    return Number(this.#live.received());
  }

  get rejectedHeaders() {
    return this.#live.rejectedHeaders();
  }

  /** Waits for the first finished of `rpcs`, and runs its callback if it is due; undefined when `after` seconds are over first. */
  static first(rpcs, after) {
    const members = rpcs.map((rpc) => rpc.#live);
    const until = after === undefined ? undefined : newTimer(after);
    let waited;
    try {
      waited = asking(() => floor.waitAny(members, until));
    } finally {
      if (until) dropTimer(until);
    }
    if (waited.tag !== 'finished') return undefined;
    const rpc = rpcs[waited.val.index];
    if (waited.val.callbackDue) rpc.#callback?.();
    return rpc;
  }
}

/** Ends a `waitAny` early, without touching any rpc. */
export class WaitCanceller {
  #at;

  constructor({ after } = {}) {
    const given = optional(span)('after', after);
    this.#at = given === undefined ? Infinity : seconds() + given;
  }

  cancel() {
    this.#at = -Infinity;
  }

  get cancelled() {
    return this.remaining <= 0;
  }

  /** Seconds until it is cancelled; Infinity when nothing will but `cancel`. */
  get remaining() {
    return Math.max(0, this.#at - seconds());
  }
}

export function waitAny(rpcs) {
  const members = collection('rpcs', rpcs);
  const calls = members.filter((member) => member instanceof Rpc);
  const cancellers = members.filter((member) => member instanceof WaitCanceller);
  if (calls.length + cancellers.length < members.length) refuseForeign(members, [Rpc, WaitCanceller], 'Rpc and WaitCanceller');
  let first;
  let after = Infinity;
  for (const canceller of cancellers) {
    const { remaining } = canceller;
    if (first === undefined || remaining < after) [first, after] = [canceller, remaining];
  }
  if (calls.length === 0 && after === Infinity) {
    if (first === undefined) return undefined;
    throw local('deadlock', 'waitAny: no rpc, and nobody could cancel');
  }
  return Rpc.first(calls, after === Infinity ? undefined : after) ?? first;
}

export function waitAll(rpcs) {
  if (typeof rpcs?.[Symbol.iterator] !== 'function') collection('rpcs', rpcs);
  const left = new Set(rpcs);
  refuseForeign(left, [Rpc], 'Rpc');
  while (left.size > 0) left.delete(Rpc.first([...left]));
}

function refuseForeign(members, classes, names) {
  for (const member of members) {
    if (classes.some((one) => member instanceof one)) continue;
    throw new TypeError(`rpcs holds ${kindOf(member)}, where it may hold ${names} only`);
  }
}

/** Moves everything that can move, without blocking. */
export const progress = () => floor.progress();
