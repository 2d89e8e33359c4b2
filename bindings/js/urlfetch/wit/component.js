// The WIT inside a component: what ComponentizeJS gives, under the names that node.js has as well.

import * as fetch from 'urlfetch:rpc/fetch@0.2.0';
import { subscribeDuration } from 'wasi:clocks/monotonic-clock@0.2.0';

export const { Client, Rpc, waitAny } = fetch;

/** A pollable that is ready that many seconds later. */
export const timer = (seconds) => subscribeDuration(BigInt(Math.round(seconds * 1e9)));
