// The lowest floor in Node: the same component as an ES module, transpiled by jco, under the names that component.js has as well.

import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { fetch } from '../dist/urlfetch/urlfetch.js';

export const { Client, Rpc, progress, waitAny } = fetch;
export const { now, subscribeDuration } = monotonicClock;
