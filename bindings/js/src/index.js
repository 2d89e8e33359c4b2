// Asynchronous URL fetch RPCs: App Engine's verbs in camel case, over the component.

export * from './errors.js';
export { Client, createRpc, fetch, fetchSync, getDefaultFetchDeadline, makeFetchCall, setDefaultFetchDeadline } from './client.js';
export { FetchResponse, ResponseHeaders } from './response.js';
export { Rpc, WaitCanceller, progress, waitAll, waitAny } from './rpc.js';
