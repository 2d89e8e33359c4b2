// The component in Node: what it promises, over the sockets of preview2-shim, called without any binding of ours.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { fetch } from '../dist/urlfetch/urlfetch.js';
import { startOrigin } from './origin.js';

const { Client, waitAny } = fetch;
/** Far more than anything here takes. */
const PLENTY = 30;

let origin;
before(async () => void (origin = await startOrigin()));
after(() => origin.stop());

/** A client that may fetch from this machine. */
function newClient() {
  const client = new Client();
  client.setAllowPrivate(true);
  return client;
}

/** An rpc of `client` that runs. */
function start(client, path, { deadline = PLENTY, ...request } = {}) {
  const rpc = client.createRpc(deadline);
  rpc.makeFetchCall({
    url: path.startsWith('/') ? origin.url(path) : path,
    method: 'GET',
    headers: [],
    followRedirects: true,
    allowTruncated: false,
    ...request,
  });
  return rpc;
}

const text = (bytes) => new TextDecoder().decode(bytes);

/** What `call` fails with, in the words of the WIT: jco throws a record as it is, and an enum inside an error. */
function failure(call) {
  try {
    call();
  } catch (error) {
    if (error instanceof Error && !error.payload) throw error;
    return error.payload ?? error;
  }
  return assert.fail('it succeeded');
}

test('a request arrives as it was made, and its answer comes back', () => {
  const rpc = start(newClient(), '/echo?a=1', {
    method: 'POST',
    headers: [['x-greeting', new TextEncoder().encode('hi')]],
    payload: new TextEncoder().encode('hello'),
  });
  const response = rpc.getResult();
  assert.equal(response.status, 200);
  const echo = JSON.parse(text(response.content));
  assert.deepEqual([echo.method, echo.url, echo.body], ['POST', '/echo?a=1', 'hello']);
  assert.equal(echo.rawHeaders[echo.rawHeaders.indexOf('x-greeting') + 1], 'hi');
});

test('an HTTP error status is a result', () => {
  assert.equal(start(newClient(), '/status/404').getResult().status, 404);
});

test('ten fetches are out at once', () => {
  const client = newClient();
  const rpcs = Array.from({ length: 10 }, () => start(client, '/together/10'));
  const places = rpcs.map((rpc) => text(rpc.getResult().content)).sort();
  assert.deepEqual(places, [...'0123456789']);
});

test('redirects are followed and told', () => {
  const rpc = start(newClient(), '/redirect/3');
  const { content, finalUrl } = rpc.getResult();
  assert.deepEqual([text(content), finalUrl], ['arrived', origin.url('/redirect/0')]);
  assert.deepEqual(rpc.hops().map((hop) => hop.status), [302, 302, 302, 200]);
});

test('a large and compressed answer comes whole', () => {
  const { content } = start(newClient(), '/gzip/3000000').getResult();
  assert.deepEqual([content.length, content.every((byte) => byte === 0)], [3_000_000, true]);
});

test('a callback is due once', () => {
  const rpc = start(newClient(), '/echo');
  assert.deepEqual([rpc.wait(), rpc.wait()], [true, false]);
  assert.equal(rpc.state(), 'finishing');
});

test('wait-any names the one that has finished', () => {
  const client = newClient();
  const rpcs = [start(client, '/stall'), start(client, '/echo')];
  const waited = waitAny(rpcs);
  assert.deepEqual(waited, { tag: 'finished', val: { index: 1, callbackDue: true } });
  assert.equal(rpcs[0].state(), 'running');
});

test('wait-any is interrupted by a pollable of the caller', () => {
  const rpc = start(newClient(), '/stall');
  assert.deepEqual(waitAny([rpc], monotonicClock.subscribeDuration(1_000_000n)), { tag: 'interrupted' });
  assert.deepEqual(waitAny([]), { tag: 'nothing' });
});

test('a turn names what has finished once, and the timers that are ready', () => {
  const client = newClient();
  const slow = start(client, '/delay/100');
  const stalled = start(client, '/stall');
  let ticks = 0;
  let finished = [];
  while (finished.length === 0) {
    const turned = client.turn([monotonicClock.subscribeDuration(1_000_000n)]);
    ticks += turned.ready.length;
    finished = [...turned.finished];
  }
  assert.deepEqual(finished, [slow.id()]);
  assert.ok(ticks > 0, 'the loop ran while the fetch was out');
  assert.equal(stalled.cancel(), true);
  assert.deepEqual([...client.turn([]).finished], [stalled.id()]);
});

test('a deadline ends a wait for the head', () => {
  const { kind, code, phase, retryable } = failure(() => start(newClient(), '/stall', { deadline: 0.1 }).getResult());
  assert.deepEqual([kind, code, phase, retryable], ['deadline-exceeded', 5, 'request', true]);
});

test('a deadline ends a body that drips', () => {
  const rpc = start(newClient(), '/drip', { deadline: 2 });
  const { kind, phase } = failure(() => rpc.getResult());
  assert.deepEqual([kind, phase, rpc.received() > 0n], ['deadline-exceeded', 'body', true]);
});

test('an rpc can be cancelled', () => {
  const rpc = start(newClient(), '/stall');
  assert.deepEqual([rpc.cancel(), rpc.cancel()], [true, false]);
  assert.equal(failure(() => rpc.getResult()).kind, 'cancelled');
});

test('nobody listens: the call fails in the phase connect', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address();
  closed.close();
  await once(closed, 'close');
  const { kind, phase, retryable } = failure(() => start(newClient(), `http://127.0.0.1:${port}/`).getResult());
  assert.deepEqual([kind, phase, retryable], ['download', 'connect', true]);
});

test('an answer that is cut fails', () => {
  const rpc = start(newClient(), '/cut');
  const { kind, phase } = failure(() => rpc.getResult());
  assert.deepEqual([kind, phase], ['connection-closed', 'body']);
});

test('limits are the client\'s', () => {
  const client = newClient();
  client.setMaxRedirects(2);
  client.setMaxResponse(10);
  assert.equal(failure(() => start(client, '/redirect/3').getResult()).kind, 'too-many-redirects');
  const error = failure(() => start(client, '/bytes/11').getResult());
  assert.deepEqual([error.kind, error.response.content.length], ['response-too-large', 10]);
  const kept = start(client, '/bytes/11', { allowTruncated: true }).getResult();
  assert.deepEqual([kept.wasTruncated, kept.content.length], [true, 10]);
});

test('a private address is refused unless it is allowed', () => {
  assert.equal(failure(() => start(new Client(), '/echo').getResult()).kind, 'refused');
});

test('what has no meaning is refused where it is said', () => {
  const client = newClient();
  assert.equal(failure(() => client.createRpc(Number.NaN)).kind, 'invalid-argument');
  assert.equal(failure(() => start(client, '/echo', { method: 'BREW' })).kind, 'invalid-method');
  assert.equal(failure(() => start(client, 'gopher://example.com/').getResult()).kind, 'invalid-url');
  assert.equal(failure(() => client.createRpc(1).wait()).kind, 'misuse');
  client.seal();
  assert.equal(failure(() => client.setMaxRedirects(1)), 'misuse');
});
