// The lowest floor inside a component: what ComponentizeJS gives, under the names that node.js has as well.

export { Client, Rpc, progress, waitAny } from 'urlfetch:rpc/fetch@0.2.0';
export { now, subscribeDuration } from 'wasi:clocks/monotonic-clock@0.2.0';
