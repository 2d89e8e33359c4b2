// What TypeScript must accept, and below what it must refuse: `tsc --noEmit` judges.

import {
  Client, type FetchResponse, InvalidArgumentError, type Rpc, UrlfetchError, WaitCanceller, createRpc, fetch, fetchSync, makeFetchCall, waitAll, waitAny,
} from 'urlfetch-rpc';
import { type Enqueued, Handler, PermanentTaskFailure, type Task, TombstonedTaskError, defer, deferred } from 'urlfetch-rpc/deferred';

export async function all(urls: string[]): Promise<FetchResponse[]> {
  return Promise.all(urls.map((url) => fetch(url, { deadline: 2.5, headers: { 'x-a': 1 } })));
}

export function started(url: string): Rpc {
  const rpc: Rpc = createRpc({ deadline: 5, callback: () => console.log(rpc.getResult().headers.get('content-type')) });
  rpc.callback = undefined;
  return makeFetchCall(rpc, url, { method: 'POST', payload: new Uint8Array(3), headers: [['x-a', 'b']], followRedirects: false });
}

export function firstOf(rpcs: Rpc[]): Rpc | undefined {
  const timer = new WaitCanceller({ after: 2 });
  const first = waitAny([...rpcs, timer]);
  waitAll(new Set(rpcs));
  return first instanceof WaitCanceller ? undefined : first;
}

export function kindOf(error: unknown): string {
  if (error instanceof UrlfetchError || error instanceof InvalidArgumentError) return `${error.kind} ${error.phase} ${error.code}`;
  return 'other';
}

export function settings(client: Client): number | undefined {
  client.setMaxInFlight(10, 2);
  client.setAllowedOrigins(['https://example.com']);
  client.defaultDeadline = undefined;
  return client.defaultDeadline;
}

const add = deferred('add', (counter: string, amount: number) => {
  if (amount === 0) throw new PermanentTaskFailure(counter);
});

export async function later(): Promise<Enqueued> {
  await defer('elsewhere', [1, 'a'], { eta: new Date(), retry: { limit: 3 }, headers: { 'x-a': 1 } });
  return defer(add, ['visits', 10], { countdown: 60, url: '/custom/path' });
}

export class Custom extends Handler {
  override run(task: Task): unknown {
    return task.retryCount === 3 ? undefined : super.run(task);
  }
}

export const existed = (error: unknown): boolean => error instanceof TombstonedTaskError;

declare const console: { log(value: unknown): void };

// @ts-expect-error a URL is a string
fetchSync(new Uint8Array(1));
// @ts-expect-error a deadline is a number
createRpc({ deadline: '5' });
// @ts-expect-error a header has a value
fetchSync('https://example.com/', { headers: { 'x-a': undefined } });
// @ts-expect-error an iterator cannot be read again
waitAny([createRpc()].values());
// @ts-expect-error a canceller would end nothing
waitAll([new WaitCanceller()]);
// @ts-expect-error a callback is a function
createRpc({ callback: 'no function' });
// @ts-expect-error rpcs come from a client
new UrlfetchError();
// @ts-expect-error the arguments are the function's
defer(add, ['visits', 'ten']);
// @ts-expect-error a countdown is a number
defer(add, ['visits', 1], { countdown: '60' });
