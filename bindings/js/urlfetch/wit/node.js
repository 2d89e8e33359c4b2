// The WIT in Node: the same component as an ES module, transpiled by jco, under the names that component.js has as well.

import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { fetch } from '../../dist/urlfetch.js';

export const { Client, Rpc, waitAny } = fetch;

/** A pollable that is ready that many seconds later. */
export const timer = (seconds) => monotonicClock.subscribeDuration(BigInt(Math.round(seconds * 1e9)));
