// A policy and the rpcs made under it, what drives promises, and the verbs of the client that all share.

import * as floor from '#floor';
import { flag, kindOf, optional, options, request, seconds, span, text, texts, whole } from './arguments.js';
import { asking, local } from './asking.js';
import { FetchResponse } from './response.js';
import { Rpc } from './rpc.js';
import { withTimer } from './timer.js';

/** For how long promises may block the thread, in seconds: timers and events of the engine are late by no more. */
const SLICE = 0.01;

/** A task of the engine's: when it runs, every promise that could go on has done so. Node's timers would wait for a millisecond. */
const pause = () => new Promise((resolve) => (globalThis.setImmediate ? setImmediate(resolve) : setTimeout(resolve, 0)));

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
    await this.finished(rpc);
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
    const { finished } = withTimer(optional(span)('timeout', timeout), (timer) => this.#raw.turn(timer ? [timer] : []));
    for (const id of finished) {
      const waiters = this.#waiters.get(id);
      this.#settled(id);
      waiters?.forEach(({ resolve }) => resolve());
    }
    return [...finished];
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
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(rpc.id) ?? [];
      this.#waiters.set(rpc.id, [...waiters, { rpc, resolve, reject }]);
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
      for (const client of [...Client.#awaited]) client.#slice(SLICE / Client.#awaited.size);
    }
    Client.#driven = false;
  }

  #slice(timeout) {
    try {
      this.turn(timeout);
    } catch (error) {
      // The component itself has failed. Nobody may wait for ever.
      for (const [id, waiters] of this.#waiters) {
        this.#settled(id);
        waiters.forEach(({ reject }) => reject(error));
      }
    }
  }

  static {
    const setters = {
      setMaximumDeadline: [seconds, 'seconds'],
      setMaxInFlight: [whole, 'total', whole, 'perOrigin'],
      setMaxRedirects: [whole, 'hops'],
      setFollow308: [flag, 'follow'],
      setMaxResponse: [whole, 'bytes'],
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
