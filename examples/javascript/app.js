// An HTTP handler that fetches every `url=` of its query at once, and answers JSON: what became of each, and in which order.

import { getEnvironment } from 'wasi:cli/environment@0.2.0';
import { Client, UrlfetchError } from 'urlfetch-rpc';

/** Seconds that each fetch may take, redirects and body included. */
const DEADLINE = 5;

/** Starts them all, then awaits them together. Each callback runs as its rpc is seen to finish. */
async function fetchAll(urls) {
  // A handler makes a client of its own. What it may reach is policy, here the operator's.
  const client = new Client();
  client.setAllowPrivate(getEnvironment().some(([name, value]) => name === 'URLFETCH_ALLOW_PRIVATE' && value === '1'));

  const began = performance.now();
  let callbacks = 0;
  const answers = await Promise.all(urls.map(async (url) => {
    let callback;
    const rpc = client.createRpc({ deadline: DEADLINE, callback: () => (callback = callbacks += 1) });
    rpc.makeFetchCall(url);
    const outcome = await rpc.result().then(
      ({ status, content }) => ({ status, bytes: content.length }),
      failure,
    );
    return { url, ...outcome, callback };
  }));
  return { took_ms: Math.round((performance.now() - began) * 1e3) / 1e3, answers };
}

function failure(error) {
  if (!(error instanceof UrlfetchError)) throw error;
  const { kind, retryable, detail } = error;
  return { error: kind, retryable, detail };
}

async function answer(request) {
  const urls = new URL(request.url).searchParams.getAll('url');
  const [status, value] = urls.length > 0
    ? [200, await fetchAll(urls)]
    : [400, { error: 'name what to fetch: /?url=https://example.com/&url=...' }];
  const headers = { 'content-type': 'application/json' };
  return new Response(`${JSON.stringify(value, undefined, 2)}\n`, { status, headers });
}

addEventListener('fetch', (event) => event.respondWith(answer(event.request)));
