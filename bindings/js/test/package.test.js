// The package in Node, over the transpiled component: verbs, callbacks, promises, errors.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as urlfetch from '../urlfetch/index.js';
import { startOrigin } from './origin.js';

let origin;
before(async () => {
  origin = await startOrigin();
  urlfetch.shared().setAllowPrivate(true);
  urlfetch.shared().defaultDeadline = 30;
});
after(() => origin.stop());

const started = (path, options) => urlfetch.createRpc(options).makeFetchCall(origin.url(path));

test('every request field may be left out', () => {
  const response = urlfetch.fetchSync(origin.url('/bytes/5'));
  assert.deepEqual([response.status, response.content.length, response.wasTruncated, response.finalUrl], [200, 5, false, undefined]);
});

test('a request arrives as it was made', () => {
  const response = urlfetch.fetchSync(origin.url('/echo'), { method: 'post', payload: 'Grüße', headers: { 'X-A': 1, 'X-B': new Uint8Array([98]) } });
  const { method, rawHeaders, body } = response.json();
  assert.deepEqual([method, body], ['POST', 'Grüße']);
  const sent = rawHeaders.map((text) => text.toLowerCase());
  assert.deepEqual(['x-a', 'x-b'].map((name) => sent[sent.indexOf(name) + 1]), ['1', 'b']);
  assert.equal(response.header('Content-Length'), String(response.content.length));
});

test('promises of many fetches are all out before one is answered', async () => {
  const paths = Array.from({ length: 10 }, () => '/together/10');
  const responses = await Promise.all(paths.map((path) => urlfetch.fetch(origin.url(path))));
  assert.deepEqual(responses.map((response) => response.status), Array(10).fill(200));
});

test('a promise is rejected with a typed error', async () => {
  await assert.rejects(urlfetch.fetch(origin.url('/redirect/9')), { name: 'UrlfetchError', kind: 'too-many-redirects', code: 10 });
  await assert.rejects(urlfetch.fetch(origin.url('/stall'), { deadline: 0.01 }), { kind: 'deadline-exceeded', retryable: true });
});

test('a callback runs once, in the wait of its own rpc, after a failure as well', () => {
  const called = [];
  const rpcs = ['/bytes/1', '/redirect/9'].map((path) => started(path, { callback: () => called.push(path) }));
  rpcs[1].wait();
  assert.deepEqual(called, ['/redirect/9']);
  urlfetch.waitAll([...rpcs, ...rpcs]);
  assert.deepEqual(called, ['/redirect/9', '/bytes/1']);
});

test('what a callback throws leaves the wait and not the rpc', () => {
  const rpc = started('/bytes/3', {
    callback: () => {
      throw new RangeError('mine');
    },
  });
  assert.throws(() => rpc.wait(), RangeError);
  assert.equal(rpc.getResult().content.length, 3);
});

test('wait-any gives the first finished in order, and ends when its time is over', () => {
  const [stalled, first, second] = ['/stall', '/bytes/1', '/bytes/1'].map((path) => started(path));
  assert.equal(urlfetch.waitAny([stalled, first]), first);
  second.wait();
  assert.equal(urlfetch.waitAny([stalled, second, first]), second);
  assert.equal(urlfetch.waitAny([stalled], { after: 0.01 }), undefined);
  assert.equal(urlfetch.waitAny([]), undefined);
  assert.equal(stalled.cancel(), true);
  assert.throws(() => stalled.getResult(), { kind: 'cancelled' });
});

test('types are checked here and values in the component', () => {
  const url = origin.url('/');
  for (const [call, expected] of [
    [() => urlfetch.fetchSync(new Uint8Array(1)), { name: 'TypeError', message: /^url must be a string/ }],
    [() => urlfetch.fetchSync(null), { name: 'TypeError', message: /not null/ }],
    [() => urlfetch.createRpc({ deadline: '5' }), { name: 'TypeError', message: /^deadline must be a number/ }],
    [() => urlfetch.createRpc({ deadline: NaN }), { kind: 'invalid-argument' }],
    [() => urlfetch.fetchSync(url, { method: 'TRACE' }), { kind: 'invalid-method' }],
    [() => urlfetch.fetchSync(url, { method: 7 }), { kind: 'invalid-method' }],
    [() => urlfetch.fetchSync(url, { headers: { a: 'b\r\nc' } }), { kind: 'invalid-argument' }],
    [() => urlfetch.fetchSync(url, { headers: [[1, 'b']] }), { name: 'TypeError', message: /^headers: a name/ }],
    [() => urlfetch.fetchSync(url, { headers: { a: '€' } }), { name: 'TypeError', message: /not latin-1/ }],
    [() => urlfetch.fetchSync(url, { method: 'POST', payload: {} }), { name: 'TypeError', message: /^payload must be/ }],
    [() => urlfetch.createRpc({ callback: 'no function' }).makeFetchCall(url).wait(), { name: 'TypeError', message: /^callback must be/ }],
    [() => urlfetch.waitAny(new Set()), { kind: 'misuse' }],
    [() => urlfetch.waitAll(['no rpc']), { kind: 'misuse' }],
    [() => urlfetch.createRpc().wait(), { kind: 'misuse' }],
    [() => urlfetch.makeFetchCall('no rpc', url), { kind: 'misuse' }],
    [() => urlfetch.shared().setMaxRedirects(101), { kind: 'invalid-argument', message: /setMaxRedirects/ }],
  ]) {
    assert.throws(call, expected, String(call));
  }
});
