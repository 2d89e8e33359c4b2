// A policy and the rpcs made under it, what drives promises, and the verbs of the client that all share.

import * as floor from '#floor';
import { flag, kindOf, optional, options, request, seconds, span, text, texts, whole } from './arguments.js';
import { asking, local } from './asking.js';
import { FetchResponse } from './response.js';
import { Rpc } from './rpc.js';
import { dropTimer, newTimer } from './timer.js';

/** For how long promises may block the thread, in seconds: timers and events of the engine are late by no more. */
const SLICE = 0.01;

/** Lets the engine's timers and events run. Node's timers would wait for a millisecond. */
const pause = () => new Promise((resolve) => (globalThis.setImmediate ? setImmediate(resolve) : setTimeout(resolve, 0)));

/** How many promises, each waiting for the one before, go on before the thread blocks again. The next `pause` sees to longer chains. */
const CHAINED = 16;

async function settle() {
  for (let link = 0; link < CHAINED; link += 1) await undefined;
}

let shared;

/** A policy, and the rpcs made under it. */
export class Client {
  #raw;
  /** Who waits for an rpc, by its id. The rpc is kept as well: one that is forgotten is cancelled. */
  #waiters = new Map();

  /** The clients with rpcs that somebody awaits. */
  static #awaited = new Set();
  static #driven = false;

  constructor(raw = new floor.Client()) {
    this.#raw = raw;
  }

  static shared() {
    return (shared ??= new Client(floor.Client.shared()));
  }

  createRpc(given) {
    const { deadline, callback } = options('options', given);
    const wanted = optional(seconds)('deadline', deadline);
    return new Rpc(asking(() => this.#raw.createRpc(wanted)), callback, this);
  }

  fetchSync(url, given) {
    const { deadline, callback } = options('options', given);
    if (callback !== undefined) return this.createRpc(given).makeFetchCall(url, given).intoResult();
    const asked = request(url, given);
    const wanted = optional(seconds)('deadline', deadline);
    return new FetchResponse(asking(() => this.#raw.fetch(asked, wanted)));
  }

  async fetch(url, given) {
    const rpc = this.createRpc(given).makeFetchCall(url, given);
    await this.#running(rpc);
    return rpc.intoResult();
  }

  get defaultDeadline() {
    return this.#raw.defaultDeadline();
  }

  set defaultDeadline(value) {
    const wanted = optional(seconds)('defaultDeadline', value);
    asking(() => this.#raw.setDefaultDeadline(wanted), 'defaultDeadline');
  }

  turn(timeout) {
    const after = optional(span)('timeout', timeout);
    const timer = after === undefined ? undefined : newTimer(after);
    try {
      return this.#turned(timer ? [timer] : []).finished;
    } finally {
      if (timer) dropTimer(timer);
    }
  }

  /** One turn, with timers that are lent to it; those who wait for what has finished may go on. */
  #turned(timers) {
    const { finished, ready } = this.#raw.turn(timers);
    for (const id of finished) {
      const waiters = this.#waiters.get(id);
      if (!waiters) continue;
      this.#settled(id);
      waiters.forEach(({ resolve }) => resolve());
    }
    return { finished: [...finished], ready: ready.length > 0 };
  }

  drain() {
    this.#raw.drain();
  }

  seal() {
    this.#raw.seal();
  }

  finished(rpc) {
    if (!(rpc instanceof Rpc)) throw new TypeError(`rpc must be an Rpc, not ${kindOf(rpc)}`);
    if (rpc.client !== this) throw local('misuse', 'finished: the rpc is another client\'s');
    const { state } = rpc;
    if (state === 'idle') throw local('misuse', 'finished: the rpc is idle');
    if (state === 'finishing') return Promise.resolve();
    return this.#running(rpc);
  }

  #running(rpc) {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(rpc.id);
      const waiter = { rpc, resolve, reject };
      if (waiters) waiters.push(waiter);
      else this.#waiters.set(rpc.id, [waiter]);
      Client.#awaited.add(this);
      void Client.#drive();
    });
  }

  #settled(id) {
    this.#waiters.delete(id);
    if (this.#waiters.size === 0) Client.#awaited.delete(this);
  }

  /** Nothing else moves a fetch that is awaited: turns, and lets the program go on after each. */
  static async #drive() {
    if (Client.#driven) return;
    Client.#driven = true;
    while (Client.#awaited.size > 0) {
      await pause();
      for (const client of [...Client.#awaited]) await client.#slice(SLICE / Client.#awaited.size);
    }
    Client.#driven = false;
  }

  /** Turns until the time is over, or nobody waits. */
  async #slice(time) {
    const timer = newTimer(time);
    try {
      while (Client.#awaited.has(this) && !this.#turned([timer]).ready) await settle();
    } catch (error) {
      // The component itself has failed. Nobody may wait for ever.
      for (const [id, waiters] of this.#waiters) {
        this.#settled(id);
        waiters.forEach(({ reject }) => reject(error));
      }
    } finally {
      dropTimer(timer);
    }
  }

  static {
    const setters = {
      setMaximumDeadline: [seconds, 'seconds'],
      setMaxInFlight: [whole, 'total', whole, 'perOrigin'],
      setMaxRedirects: [whole, 'hops'],
      setFollowPermanentRedirect: [flag, 'follow'],
      setMaxResponse: [whole, 'bytes'],
      setUrlLimits: [whole, 'maxLength', flag, 'anyPort'],
      setUserAgent: [optional(text), 'text'],
      setAllowedOrigins: [texts, 'origins'],
      setAllowPrivate: [flag, 'allow'],
      setValidateAnyway: [flag, 'validate'],
      setCurrentRequest: [optional(text), 'authority', text, 'path'],
      setDevelopmentMode: [flag, 'on'],
    };
    for (const [name, [check, argument, nextCheck, nextArgument]] of Object.entries(setters)) {
      this.prototype[name] = function set(first, second) {
        const values = [check(argument, first)];
        if (nextCheck) values.push(nextCheck(nextArgument, second));
        asking(() => this.#raw[name](...values), name);
      };
    }
  }
}

export const createRpc = (given) => Client.shared().createRpc(given);

export function makeFetchCall(rpc, url, given) {
  if (!(rpc instanceof Rpc)) throw new TypeError(`rpc must be an Rpc, not ${kindOf(rpc)}`);
  return rpc.makeFetchCall(url, given);
}

export const fetch = (url, given) => Client.shared().fetch(url, given);
export const fetchSync = (url, given) => Client.shared().fetchSync(url, given);
export const getDefaultFetchDeadline = () => Client.shared().defaultDeadline;

export function setDefaultFetchDeadline(deadline) {
  Client.shared().defaultDeadline = deadline;
}
