// Deferring in Node: the envelope, what is asked of a service that answers as it is told, and deliveries of what it was asked.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  Handler, PermanentTaskFailure, SingularTaskFailure, checkDelivery, defer, deferred,
} from 'urlfetch-rpc/deferred';
import { UrlfetchError } from 'urlfetch-rpc';
import { HEADER, Keys, LIFE, canonical } from '../src/deferred/envelope.js';

const KEYS = `a:${'1'.repeat(64)}`;
const TASKS = '/v2/projects/p/locations/l/queues/default/tasks';
const DAY = 24 * 60 * 60;

/** What the service answers in turn, and what it was asked. */
let answers;
let asked;
/** What deferred functions have done. */
let done;
let service;

before(async () => {
  service = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    asked.push({ method: request.method, url: request.url, token: request.headers.authorization, json: body && JSON.parse(body) });
    const [status, json] = answers.shift() ?? [599, {}];
    if (status === 0) request.socket.destroy();
    else response.writeHead(status, { 'content-type': 'application/json' }).end(typeof json === 'string' ? json : JSON.stringify(json));
  });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
});
after(() => service.close());
beforeEach(() => {
  [answers, asked, done] = [[], [], []];
  Object.assign(process.env, {
    URLFETCH_DEFERRED_KEYS: KEYS,
    URLFETCH_TASKS_API: `http://127.0.0.1:${service.address().port}`,
    URLFETCH_TASKS_LOCATION: 'projects/p/locations/l',
    URLFETCH_TASKS_TARGET: 'http://app.test/',
    URLFETCH_TASKS_TOKEN: 'secret',
  });
});
afterEach(() => assert.deepEqual(answers, [], 'it was asked as often as it could answer'));

const add = deferred('add', (counter, amount) => void done.push([counter, amount]));
deferred('fail', async (how) => {
  done.push(how);
  if (how === 'singular') throw new SingularTaskFailure();
  if (how === 'permanent') throw new PermanentTaskFailure('never');
  if (how === 'other') throw new Error('once more');
});

const made = [200, {}];
const failed = (status, name, message) => [status, { error: { code: status, message, status: name } }];
const taken = failed(409, 'ALREADY_EXISTS', 'Requested entity already exists');

/** What the queue delivers of the task that was asked for last. */
function delivered(change = {}) {
  const { task } = asked.at(-1).json;
  const { url, httpMethod: method, headers, body } = task.httpRequest;
  const told = { 'X-CloudTasks-QueueName': task.name.split('/')[5], 'X-CloudTasks-TaskName': task.name.split('/')[7], 'X-CloudTasks-TaskRetryCount': '2' };
  const { url: otherUrl = url, body: otherBody = Buffer.from(body, 'base64'), method: otherMethod = method, headers: others = {} } = change;
  const all = Object.entries({ ...headers, ...told, ...others }).filter(([, value]) => value !== undefined);
  return new Request(otherUrl, { method: otherMethod, headers: all, body: otherBody });
}

async function told(response) {
  return [response.status, await response.text()];
}

const rejected = (promise, expected) => assert.rejects(promise, expected);

test('the envelope is the one of every language', async () => {
  const golden = fileURLToPath(new URL('../../../guest/deferred/src/golden/envelopes.json', import.meta.url));
  for (const { claim, keys: text, path, canonical: spelling, body, due, envelope, ...rest } of JSON.parse(await readFile(golden, 'utf8'))) {
    assert.equal(canonical(path), spelling, claim);
    const sealed = { ...rest, contentType: rest.content_type, path: spelling, body: Buffer.from(body, 'base64') };
    const keys = new Keys(text);
    assert.equal(await keys.seal(sealed, due), envelope, claim);
    await keys.check(envelope, sealed, due);
  }
});

test('the first key signs, all check, until it ends; no digit may differ', async () => {
  const sealed = { queue: 'q', task: 't', method: 'POST', path: '/', contentType: '', body: new Uint8Array() };
  const [old, both] = [new Keys(`old:${'1'.repeat(64)}`), new Keys(`new:${'2'.repeat(64)}, old:${'1'.repeat(64)}`)];
  const value = await old.seal(sealed, 1000);
  await both.check(value, sealed, 1000 + LIFE);
  await rejected(both.check(value, sealed, 1001 + LIFE), { name: 'Forgery', message: /expired/ });
  await rejected(old.check(await both.seal(sealed, 1000), sealed, 1000), /not known/);
  for (let place = 0; place < value.length; place += 1) {
    const other = String.fromCharCode(value.charCodeAt(place) ^ 1);
    await rejected(old.check(value.slice(0, place) + other + value.slice(place + 1), sealed, 1000), { name: 'Forgery' });
  }
  for (const wrong of ['', 'v1', `${value};`, value.toUpperCase(), value.replace('v1', 'v2')]) await rejected(old.check(wrong, sealed, 0), /malformed/);
  for (const field of ['queue', 'task', 'method', 'path', 'contentType']) {
    await rejected(old.check(value, { ...sealed, [field]: 'x' }, 1000), /not of this task/);
  }
});

test('keys are refused without being repeated', () => {
  const good = `a:${'1'.repeat(64)}`;
  for (const wrong of ['', 'a', 'a:12', `${good},`, `${good},${good}`, good.replace('a:', ':'), good.replace('1', 'g')]) {
    assert.throws(() => new Keys(wrong), ({ name, message }) => name === 'SettingsError' && !message.includes('111'));
  }
});

test('without options it is a post to the default path and queue, under a name of its own', async () => {
  answers = [made, made];
  const before = Date.now();
  const { queue, name, eta } = await defer(add, ['visits', 10]);
  assert.equal(queue, 'projects/p/locations/l/queues/default');
  assert.match(name, /^[0-9a-f]{32}$/);
  assert.ok(eta.getTime() >= before);
  const [{ method, url, token, json }] = asked;
  assert.deepEqual([method, url, token], ['POST', TASKS, 'Bearer secret']);
  const { task } = json;
  assert.deepEqual(Object.keys(task).sort(), ['httpRequest', 'name']);
  assert.equal(task.name, `${queue}/tasks/${name}`);
  const { headers, body, ...request } = task.httpRequest;
  assert.deepEqual(request, { url: 'http://app.test/_ah/queue/deferred', httpMethod: 'POST' });
  assert.equal(Buffer.from(body, 'base64').toString(), '{"function":"add","arguments":["visits",10]}');
  assert.deepEqual(Object.keys(headers).sort(), ['Content-Type', HEADER]);
  assert.equal(headers['Content-Type'], 'application/octet-stream');
  const expires = Number(headers[HEADER].split(';')[2]);
  assert.equal(expires, Math.floor(eta.getTime() / 1000) + 31 * DAY);
  assert.notEqual((await defer('add', ['visits', 10])).name, name);
});

test('options are the task\'s', async () => {
  answers = [made, made];
  const before = Date.now();
  const { eta } = await defer('elsewhere', [], {
    countdown: 60.25,
    name: 'mine',
    queue: 'mail',
    url: '/custom/a%20path',
    headers: { 'content-type': 'text/plain', 'X-A': 1 },
    retry: { limit: 3, ageLimit: 1.5, minBackoff: 0.5, maxBackoff: 600, maxDoublings: 0 },
    dispatchDeadline: 15,
  });
  const { task } = asked[0].json;
  assert.equal(task.name, 'projects/p/locations/l/queues/mail/tasks/mine');
  assert.equal(task.httpRequest.url, 'http://app.test/custom/a%20path');
  assert.deepEqual([task.httpRequest.headers['Content-Type'], task.httpRequest.headers['X-A']], ['text/plain', '1']);
  assert.deepEqual(task.retryConfig, { maxAttempts: 4, maxRetryDuration: '2s', minBackoff: '0.5s', maxBackoff: '600s', maxDoublings: 0 });
  assert.equal(task.dispatchDeadline, '15s');
  assert.equal(task.scheduleTime, eta.toISOString());
  assert.ok(eta.getTime() >= before + 60_250);
  await defer('elsewhere', [], { eta: new Date(0), url: '', queue: 'mail' });
  assert.equal(asked[1].json.task.scheduleTime, undefined, 'what is past is now');
  assert.equal(asked[1].json.task.httpRequest.url, 'http://app.test/_ah/queue/mail');
});

test('what has no meaning is refused before anything is asked', async () => {
  const later = (days) => new Date(Date.now() + days * DAY * 1000);
  for (const [options, name] of [
    [{ countdown: 1, eta: new Date() }, 'InvalidTaskError'],
    [{ countdown: -1 }, 'InvalidTaskError'],
    [{ countdown: 31 * DAY }, 'InvalidEtaError'],
    [{ eta: later(31) }, 'InvalidEtaError'],
    [{ eta: new Date(NaN) }, 'InvalidEtaError'],
    [{ name: '' }, 'InvalidTaskNameError'],
    [{ name: 'a b' }, 'InvalidTaskNameError'],
    [{ name: 'a'.repeat(501) }, 'InvalidTaskNameError'],
    [{ queue: 'a_b' }, 'InvalidQueueNameError'],
    ...['path', '//host/path', '/a?b', '/a#b', '/a b', '/a/../b', '/%2e%2E/b', '/\\host', 'http://host/', '/\u00fc'].map((url) => [{ url }, 'InvalidUrlError']),
    [{ headers: { host: 'a' } }, 'InvalidTaskError'],
    [{ headers: { 'x_urlfetch_deferred': 'v1' } }, 'InvalidTaskError'],
    [{ headers: { 'a b': 'c' } }, 'InvalidTaskError'],
    [{ headers: { a: 'b\r\nc: d' } }, 'InvalidTaskError'],
    [{ retry: { minBackoff: 2, maxBackoff: 1 } }, 'InvalidTaskError'],
    [{ retry: { limit: -1 } }, 'RangeError'],
    [{ countdown: '1' }, 'TypeError'],
    [{ eta: 1 }, 'TypeError'],
    [{ name: 1 }, 'TypeError'],
  ]) await rejected(defer(add, ['visits', 1], options), { name }, JSON.stringify(options));
  for (const [called, args, message] of [
    [() => {}, [], /has not named/],
    [undefined, [], /must be a function/],
    ['add', 'visits', /args must be an array/],
    ['add', [1n], /args: /],
  ]) await rejected(defer(called, args), { name: 'TypeError', message });
  assert.throws(() => deferred('add', () => {}), RangeError);
  for (const [name, value] of [
    ['URLFETCH_DEFERRED_KEYS', ''], ['URLFETCH_TASKS_API', 'ftp://a'], ['URLFETCH_TASKS_TARGET', 'http://a/b'], ['URLFETCH_TASKS_LOCATION', 'projects/p'],
  ]) {
    const good = process.env[name];
    process.env[name] = value;
    await rejected(defer(add, []), { name: 'SettingsError', message: new RegExp(`^${name}: `) });
    process.env[name] = good;
  }
  assert.deepEqual(asked, []);
});

test('a create that may have been heard is asked again under the same name', async () => {
  for (const lost of [[0], failed(503, 'UNAVAILABLE', ''), failed(429, 'RESOURCE_EXHAUSTED', '')]) {
    asked = [];
    answers = [lost, taken];
    const { name } = await defer(add, ['visits', 1]);
    assert.equal(asked.length, 2);
    assert.deepEqual(asked[0], asked[1]);
    assert.ok(asked[0].json.task.name.endsWith(name));
  }
});

test('it is asked three times and no more, and once by a name of the caller\'s', async () => {
  const busy = failed(503, 'UNAVAILABLE', 'later');
  answers = [busy, busy, busy];
  await rejected(defer(add, ['visits', 1]), { name: 'ServiceError', status: 503, message: 'the task service answered 503: later' });
  answers = [[0]];
  await rejected(defer(add, ['visits', 1], { name: 'mine' }), (error) => error instanceof UrlfetchError);
  assert.equal(asked.length, 4);
});

test('refusals are told apart', async () => {
  for (const [answer, name] of [
    [failed(404, 'NOT_FOUND', 'Queue does not exist.'), 'UnknownQueueError'],
    [failed(400, 'INVALID_ARGUMENT', 'Task size too large'), 'TaskTooLargeError'],
    [failed(403, 'PERMISSION_DENIED', 'no'), 'ServiceError'],
    [[404, '<html>'], 'ServiceError'],
    [[302, '{}'], 'ServiceError'],
  ]) {
    answers = [answer];
    await rejected(defer(add, ['visits', 1]), { name });
  }
  for (const [found, name] of [[made, 'TaskAlreadyExistsError'], [failed(404, 'NOT_FOUND', ''), 'TombstonedTaskError']]) {
    answers = [taken, found];
    await rejected(defer(add, ['visits', 1], { name: 'mine' }), { name });
    assert.equal(asked.at(-1).url, `${TASKS}/mine`);
  }
});

test('what was deferred is run with its arguments, and its outcome decides the answer', async (context) => {
  context.mock.method(console, 'error', () => {});
  const handler = new Handler();
  for (const [called, args, expected] of [
    ['add', ['visits', 10], [200, 'Success']],
    ['fail', ['singular'], [408, 'SingularTaskFailure']],
    ['fail', ['permanent'], [200, 'PermanentTaskFailure']],
    ['fail', ['other'], [500, 'Error']],
    ['fail', [], [200, 'Success']],
    ['unknown', [], [200, 'PermanentTaskFailure']],
  ]) {
    answers = [made];
    await defer(called, args, { url: '/custom/a%20path' });
    assert.deepEqual(await told(await handler.handle(delivered())), expected);
  }
  assert.deepEqual(done, [['visits', 10], 'singular', 'permanent', 'other', undefined]);
});

test('what is not exactly ours is refused and not run', async (context) => {
  const said = context.mock.method(console, 'error', () => {});
  answers = [made];
  await defer(add, ['visits', 10]);
  const handler = new Handler();
  const forged = [
    { headers: { 'X-CloudTasks-TaskName': undefined } },
    { headers: { 'X-CloudTasks-QueueName': undefined } },
    { headers: { 'X-CloudTasks-TaskName': 'other' } },
    { headers: { [HEADER]: undefined } },
    { headers: { 'Content-Type': undefined } },
    { headers: { 'Content-Type': 'text/plain' } },
    { url: 'http://app.test/custom' },
    { url: 'http://app.test/_ah/queue/deferred?a=b' },
    { body: '{"function":"add","arguments":["visits",11]}' },
  ];
  for (const change of forged) assert.deepEqual(await told(await handler.handle(delivered(change))), [403, 'Forbidden'], JSON.stringify(change));
  const twice = delivered();
  twice.headers.append('X-CloudTasks-TaskName', 'other');
  assert.equal((await handler.handle(twice)).status, 403);
  delete process.env.URLFETCH_DEFERRED_KEYS;
  assert.equal((await handler.handle(delivered())).status, 403, 'without keys nothing is believed');
  process.env.URLFETCH_DEFERRED_KEYS = KEYS;
  assert.deepEqual(done, []);
  assert.equal(said.mock.callCount(), forged.length + 2);
  assert.equal((await handler.handle(delivered())).status, 200, 'it was good');
});

test('other methods are told which is allowed', async () => {
  for (const method of ['GET', 'HEAD', 'PUT']) {
    const answer = await new Handler().handle(new Request('http://app.test/', { method }));
    assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST']);
  }
});

test('post and run can be overridden', async () => {
  const seen = [];
  class Custom extends Handler {
    post(request) {
      seen.push('posted');
      return super.post(request);
    }

    run(task) {
      seen.push([task.queue, task.retryCount, task.body.length]);
      return super.run(task);
    }
  }
  answers = [made];
  await defer(add, ['visits', 1], { queue: 'mail' });
  assert.equal((await checkDelivery(delivered())).queue, 'mail');
  assert.deepEqual(await told(await new Custom().handle(delivered())), [200, 'Success']);
  assert.deepEqual(seen, ['posted', ['mail', 2, 43]]);
});
