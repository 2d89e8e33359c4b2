// What the package promises, as cases that run in Node and inside a component: each is given the package and `at(path)`, a URL at the
// origin of origin.js. The names are claims.

import * as urlfetch from 'urlfetch-rpc';
import { equal, ok, rejects, throws } from './claims.js';

const { Client, Rpc, WaitCanceller, createRpc, fetch, fetchSync, makeFetchCall, waitAll, waitAny } = urlfetch;

/** A URL at the origin. */
let at;

/** Says where the origin is, and permits it. */
export function prepare(origin) {
  at = (path) => `${origin}${path}`;
  Client.shared().setAllowPrivate(true);
  Client.shared().defaultDeadline = 30;
}

const started = (path, options) => createRpc(options).makeFetchCall(at(path));

function newClient() {
  const client = new Client();
  client.setAllowPrivate(true);
  client.defaultDeadline = 30;
  return client;
}

const refused = (call, name, message) => throws(call, { name, message });

export const cases = {
  'every request field may be left out'() {
    const { status, content, wasTruncated, finalUrl } = fetchSync(at('/bytes/5'));
    equal([status, content.length, wasTruncated, finalUrl], [200, 5, false, undefined]);
  },

  'a request arrives as it was made'() {
    const headers = { 'X-A': 1, 'X-B': new Uint8Array([98]) };
    const { method, rawHeaders, body } = fetchSync(at('/echo'), { method: 'post', payload: 'Grüße', headers }).json();
    equal([method, body], ['POST', 'Grüße']);
    const sent = rawHeaders.map((text) => text.toLowerCase());
    equal(['x-a', 'x-b'].map((name) => sent[sent.indexOf(name) + 1]), ['1', 'b']);
  },

  'headers may be an object, pairs, a map'() {
    for (const headers of [{ 'x-a': 'b' }, [['x-a', 'b']], new Map([['x-a', 'b']])]) {
      const { rawHeaders } = fetchSync(at('/echo'), { headers }).json();
      equal(rawHeaders[rawHeaders.indexOf('x-a') + 1], 'b');
    }
  },

  'a payload may be any bytes'() {
    const bytes = new TextEncoder().encode('xhello');
    for (const payload of [bytes.subarray(1), new DataView(bytes.buffer, 1), bytes.buffer.slice(1), 'hello']) {
      equal(fetchSync(at('/echo'), { method: 'PUT', payload }).json().body, 'hello');
    }
    equal(fetchSync(at('/echo'), { method: 'PUT', payload: null }).json().body, '');
  },

  'headers of an answer are found whatever the case of their names'() {
    const { headers } = fetchSync(at('/bytes/5'));
    equal([headers.get('Content-LENGTH'), headers.getAll('content-length')], ['5', ['5']]);
    equal([headers.has('Content-Length'), headers.has('x-none'), headers.get('x-none')], [true, false, undefined]);
  },

  'an HTTP error status is a result'() {
    equal(fetchSync(at('/status/503')).status, 503);
  },

  'redirects are followed and told'() {
    const rpc = started('/redirect/2');
    equal([rpc.getResult().text(), rpc.getResult().finalUrl], ['arrived', at('/redirect/0')]);
    equal(rpc.hops.map(({ status }) => status), [302, 302, 200]);
    equal(fetchSync(at('/redirect/2'), { followRedirects: false }).status, 302);
  },

  'what an rpc knows of itself'() {
    const rpc = createRpc({ deadline: 2.5 });
    equal([rpc.state, rpc.deadline, rpc.client === Client.shared()], ['idle', 2.5, true]);
    ok(makeFetchCall(rpc, at('/bytes/7'), { headers: { Host: 'example.com' } }) === rpc);
    rpc.wait();
    equal([rpc.state, rpc.received, rpc.rejectedHeaders], ['finishing', 7, ['Host']]);
    ok(rpc.id !== createRpc().id);
  },

  async 'promises of many fetches are all out before one is answered'() {
    const urls = Array.from({ length: 10 }, () => at('/together/10'));
    const responses = await Promise.all(urls.map((url) => fetch(url)));
    equal(responses.map(({ status }) => status), Array(10).fill(200));
  },

  async 'timers run while a promise of a fetch is awaited'() {
    const rpc = started('/stall');
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1) === 3 && rpc.cancel(), 5);
    await rejects(rpc.result(), { kind: 'cancelled' });
    clearInterval(timer);
    equal(ticks, 3);
  },

  async 'a promise may lose a race against a timer'() {
    const rpc = started('/stall');
    const winner = await Promise.race([rpc.result().catch(() => 'cancelled'), new Promise((go) => setTimeout(go, 20, 'timer'))]);
    equal([winner, rpc.cancel()], ['timer', true]);
  },

  async 'promises of two clients are driven together'() {
    const clients = [newClient(), newClient()];
    const responses = await Promise.all(clients.map((client) => client.fetch(at('/together/2'))));
    equal(responses.map(({ status }) => status), [200, 200]);
  },

  async 'a program may go on by as many promises as it likes between two fetches'() {
    const goOn = async (depth) => (depth === 0 ? fetch(at('/bytes/2')) : goOn(depth - 1));
    const [first, second] = await Promise.all([fetch(at('/bytes/1')).then(() => goOn(100)), fetch(at('/delay/50'))]);
    equal([first.content.length, second.status], [2, 200]);
  },

  async 'a promise sends what development mode holds back'() {
    const client = newClient();
    client.setDevelopmentMode(true);
    const responses = await Promise.all([1, 2].map((size) => client.fetch(at(`/bytes/${size}`))));
    equal(responses.map(({ content }) => content.length), [1, 2]);
  },

  async 'one rpc may be awaited by many'() {
    const rpc = started('/bytes/3');
    const results = await Promise.all([rpc.result(), rpc.result(), rpc.client.finished(rpc)]);
    equal([results[0].content.length, results[1].content.length], [3, 3]);
    equal((await rpc.result()).content.length, 3);
  },

  async 'an rpc that a wait has seen finished is still reported to those who await it'() {
    const rpc = started('/bytes/3');
    const awaited = rpc.result();
    rpc.wait();
    equal((await awaited).content.length, 3);
  },

  async 'a promise is rejected with a typed error'() {
    await rejects(fetch(at('/redirect/9')), { name: 'TooManyRedirectsError', kind: 'too-many-redirects', code: 10, phase: 'redirect' });
    await rejects(fetch(at('/stall'), { deadline: 0.01 }), { kind: 'deadline-exceeded', code: 5, phase: 'request', retryable: true });
    await rejects(createRpc().result(), { name: 'MisuseError' });
  },

  'the tree of errors is App Engine\'s'() {
    const error = throws(() => fetchSync(at('/stall'), { deadline: 0.01 }), { name: 'DeadlineExceededError', url: at('/stall') });
    ok(error instanceof urlfetch.DownloadError && error instanceof urlfetch.UrlfetchError && error instanceof Error);
    ok(error.message.includes(at('/stall')) && error.detail.length > 0);
    ok(throws(() => fetchSync('gopher://example.com/'), { kind: 'invalid-url', code: 1 }) instanceof urlfetch.InvalidURLError);
    ok(urlfetch.PayloadTooLargeError.prototype instanceof urlfetch.InvalidURLError);
    ok(!(urlfetch.ResponseTooLargeError.prototype instanceof urlfetch.DownloadError));
  },

  'a failed call fails the same way each time it is asked'() {
    const rpc = started('/redirect/9');
    rpc.wait();
    for (const ask of [() => rpc.checkSuccess(), () => rpc.getResult(), () => rpc.checkSuccess(), () => rpc.intoResult()]) {
      throws(ask, { name: 'TooManyRedirectsError' });
    }
  },

  'too much content is carried by the error'() {
    const client = newClient();
    client.setMaxResponse(10);
    const { response } = throws(() => client.fetchSync(at('/bytes/11')), { name: 'ResponseTooLargeError' });
    equal([response.content.length, response.wasTruncated], [10, true]);
    equal(client.fetchSync(at('/bytes/11'), { allowTruncated: true }).content.length, 10);
  },

  'a callback runs once, in the wait of its own rpc, after a failure as well'() {
    const called = [];
    const rpcs = ['/bytes/1', '/redirect/9'].map((path) => started(path, { callback: () => called.push(path) }));
    rpcs[1].wait();
    equal(called, ['/redirect/9']);
    waitAll([...rpcs, ...rpcs]);
    equal(called, ['/redirect/9', '/bytes/1']);
  },

  'a callback is called without arguments, and sees its rpc finished'() {
    let seen;
    const rpc = started('/bytes/4');
    rpc.callback = (...args) => (seen = [args.length, rpc.getResult().content.length]);
    waitAny([rpc]);
    equal(seen, [0, 4]);
  },

  'a callback may wait for others, whose callbacks run inside it'() {
    const order = [];
    const inner = started('/bytes/1', { callback: () => order.push('inner') });
    const outer = started('/bytes/1', { callback: () => (order.push('outer'), inner.wait(), order.push('after')) });
    outer.wait();
    equal(order, ['outer', 'inner', 'after']);
  },

  'what a callback throws leaves the wait and not the rpc'() {
    const thrown = new RangeError('mine');
    const callback = () => {
      throw thrown;
    };
    for (const wait of [(rpc) => rpc.wait(), (rpc) => rpc.getResult(), (rpc) => waitAny([rpc]), (rpc) => waitAll([rpc])]) {
      const rpc = started('/bytes/3', { callback });
      ok(throws(() => wait(rpc), { message: 'mine' }) === thrown);
      equal([rpc.state, rpc.getResult().content.length], ['finishing', 3]);
    }
  },

  'when the call has failed too, the callback is first and the error of the call second'() {
    const rpc = started('/redirect/9', {
      callback: () => {
        throw new RangeError('mine');
      },
    });
    throws(() => rpc.getResult(), { message: 'mine' });
    throws(() => rpc.getResult(), { kind: 'too-many-redirects' });
  },

  'wait-all goes on where a callback that threw has left it'() {
    const called = [];
    const rpcs = [1, 2, 3].map((size) =>
      started(`/bytes/${size}`, {
        callback: () => {
          called.push(size);
          if (called.length === 1) throw new Error('mine');
        },
      }));
    throws(() => waitAll(rpcs), { message: 'mine' });
    waitAll(rpcs);
    equal(called.sort(), [1, 2, 3]);
  },

  async 'what a callback throws rejects the promise'() {
    const rpc = started('/bytes/3', {
      callback: () => {
        throw new RangeError('mine');
      },
    });
    await rejects(rpc.result(), { message: 'mine' });
    equal((await rpc.result()).content.length, 3);
  },

  'wait-any gives the first finished in order'() {
    const [stalled, first, second] = ['/stall', '/bytes/1', '/bytes/1'].map((path) => started(path));
    ok(waitAny([stalled, first]) === first);
    second.wait();
    ok(waitAny(new Set([stalled, second, first])) === second);
    equal([waitAny([]), stalled.cancel()], [undefined, true]);
    throws(() => stalled.getResult(), { name: 'CancelledError' });
  },

  'a canceller ends wait-any, and a finished rpc beats it'() {
    const [stalled, finished] = [started('/stall'), started('/bytes/1')];
    const inTime = new WaitCanceller({ after: 0.01 });
    ok(waitAny([new WaitCanceller(), stalled, inTime]) === inTime);
    ok(inTime.cancelled);
    const canceller = new WaitCanceller();
    equal(canceller.cancelled, false);
    canceller.cancel();
    ok(waitAny([canceller, stalled]) === canceller);
    finished.wait();
    ok(waitAny([canceller, stalled, finished]) === finished);
    equal([waitAny([inTime]) === inTime, stalled.state], [true, 'running']);
    stalled.cancel();
    throws(() => waitAny([new WaitCanceller()]), { name: 'DeadlockError' });
  },

  'a turn names what has finished once'() {
    const client = newClient();
    const rpc = client.createRpc().makeFetchCall(at('/bytes/1'));
    equal([client.turn(), client.turn(0)], [[rpc.id], []]);
  },

  'nothing runs after a drain'() {
    const client = newClient();
    const rpcs = [1, 2].map((size) => client.createRpc().makeFetchCall(at(`/bytes/${size}`)));
    urlfetch.progress();
    client.drain();
    equal(rpcs.map(({ state }) => state), ['finishing', 'finishing']);
  },

  'an rpc is consumed by its last result'() {
    const rpc = started('/bytes/2');
    equal(rpc.intoResult().content.length, 2);
    throws(() => rpc.getResult(), { name: 'MisuseError', message: /intoResult/ });
  },

  'the default deadline is copied when an rpc is created'() {
    const client = newClient();
    client.defaultDeadline = 7;
    const rpc = client.createRpc();
    client.defaultDeadline = undefined;
    equal([rpc.deadline, client.createRpc().deadline, client.createRpc({ deadline: 2 }).deadline], [7, undefined, 2]);
    urlfetch.setDefaultFetchDeadline(29);
    equal([urlfetch.getDefaultFetchDeadline(), createRpc().deadline], [29, 29]);
  },

  'a private address is refused unless it is allowed'() {
    throws(() => new Client().fetchSync(at('/bytes/1')), { name: 'RefusedError', kind: 'refused' });
  },

  'a sealed client stays as it is'() {
    const client = new Client();
    client.seal();
    refused(() => client.setMaxRedirects(1), 'MisuseError', /setMaxRedirects/);
    client.setCurrentRequest('example.com', '/');
    throws(() => client.fetchSync('https://example.com/'), { kind: 'invalid-url' });
  },

  'a client can be set in every way'() {
    const client = newClient();
    client.setMaximumDeadline(20);
    client.setMaxInFlight(10, 2);
    client.setFollowPermanentRedirect(true);
    client.setUrlLimits(2048, true);
    client.setUserAgent('test');
    client.setUserAgent(undefined);
    client.setValidateAnyway(true);
    client.setDevelopmentMode(true);
    client.setAllowedOrigins(['https://example.com']);
    throws(() => client.fetchSync(at('/bytes/1')), { kind: 'refused' });
  },

  'a URL is a string'() {
    for (const url of [new Uint8Array(1), null, undefined, 7, new URL(at('/bytes/1')), {}]) {
      const rpc = createRpc();
      refused(() => rpc.makeFetchCall(url), 'TypeError', /^url must be a string, not \w/);
      equal(rpc.state, 'idle');
    }
    refused(() => fetchSync(at('/\ud800')), 'RangeError', /^url /);
  },

  'a deadline is a number of seconds'() {
    for (const deadline of ['5', {}, true, 5n]) refused(() => createRpc({ deadline }), 'TypeError', /^deadline must be a number of seconds/);
    for (const deadline of [NaN, Infinity, 0, -1]) {
      const error = throws(() => createRpc({ deadline }), { name: 'InvalidArgumentError', kind: 'invalid-argument', message: /^deadline/ });
      ok(error instanceof RangeError);
    }
    refused(() => (Client.shared().defaultDeadline = '5'), 'TypeError', /^defaultDeadline/);
    refused(() => (Client.shared().defaultDeadline = NaN), 'InvalidArgumentError', /^defaultDeadline/);
    refused(() => newClient().setMaximumDeadline('5'), 'TypeError', /^seconds/);
    refused(() => newClient().turn('5'), 'TypeError', /^timeout/);
    refused(() => newClient().turn(NaN), 'RangeError', /^timeout/);
  },

  'a header is text or bytes'() {
    const send = (headers) => () => fetchSync(at('/bytes/1'), { headers });
    for (const value of [undefined, null, {}, [], Symbol('a')]) {
      refused(send({ 'x-a': value }), 'TypeError', /^headers: the value of x-a must be text or bytes/);
    }
    for (const name of [1, null, new Uint8Array(1)]) refused(send([[name, 'b']]), 'TypeError', /^headers: a name must be a string/);
    for (const line of ['ab', ['a'], ['a', 'b', 'c'], 7]) refused(send([line]), 'TypeError', /^headers: a line must be a pair/);
    for (const headers of ['a: b', 7, null]) refused(send(headers), 'TypeError', /^headers must be/);
    refused(send({ 'x-a': '€' }), 'RangeError', /^headers: the value of x-a is not latin-1/);
    refused(send({ 'x-a': 'b\r\nc: d' }), 'InvalidArgumentError', /x-a/);
    refused(send({ 'x a': 'b' }), 'InvalidArgumentError', /x a/);
  },

  'a method is one of six'() {
    for (const method of ['OPTIONS', '', 7, null, Symbol('GET'), {}]) {
      throws(() => fetchSync(at('/bytes/1'), { method }), { name: 'InvalidMethodError', kind: 'invalid-method' });
    }
  },

  'a payload is text or bytes'() {
    for (const payload of [{}, 7, [1], true]) {
      refused(() => fetchSync(at('/echo'), { method: 'POST', payload }), 'TypeError', /^payload must be a string or bytes/);
    }
  },

  'a flag is true or false'() {
    for (const name of ['followRedirects', 'allowTruncated', 'validateCertificate']) {
      refused(() => fetchSync(at('/bytes/1'), { [name]: 'no' }), 'TypeError', new RegExp(`^${name} must be true or false, not string`));
    }
    refused(() => newClient().setAllowPrivate('false'), 'TypeError', /^allow must be true or false/);
  },

  'options are an object'() {
    for (const options of [5, 'GET', null]) {
      refused(() => createRpc(options), 'TypeError', /^options must be an object/);
      refused(() => createRpc().makeFetchCall(at('/bytes/1'), options), 'TypeError', /^options must be an object/);
    }
  },

  'a callback is a function'() {
    refused(() => createRpc({ callback: 'no function' }), 'TypeError', /^callback must be a function, not string/);
    const rpc = createRpc();
    refused(() => (rpc.callback = 7), 'TypeError', /^callback/);
  },

  'a number of the WIT is not bent until it fits'() {
    const client = newClient();
    for (const total of [0, 10_001]) refused(() => client.setMaxInFlight(total, 1), 'InvalidArgumentError', /^setMaxInFlight/);
    for (const total of [-1, 2 ** 32 + 1, 1.5, NaN]) refused(() => client.setMaxInFlight(total, 1), 'RangeError', /^total must be a whole/);
    refused(() => client.setMaxInFlight(1), 'TypeError', /^perOrigin must be a whole number, not undefined/);
    refused(() => client.setMaxRedirects('5'), 'TypeError', /^hops/);
  },

  'origins are a collection of strings'() {
    for (const origins of ['https://example.com', 7, undefined]) {
      refused(() => newClient().setAllowedOrigins(origins), 'TypeError', /^origins must be an array or a set/);
    }
    refused(() => newClient().setAllowedOrigins([7]), 'TypeError', /^origins: a member must be a string/);
  },

  'wait-any wants what can be read again'() {
    const rpc = started('/bytes/1');
    refused(() => waitAny([rpc].values()), 'TypeError', /^rpcs must be an array or a set, not an iterator/);
    for (const rpcs of [rpc, undefined, null, 'rpcs', 7]) refused(() => waitAny(rpcs), 'TypeError', /^rpcs must be an array or a set, not \w/);
    waitAll([rpc].values());
    equal(rpc.state, 'finishing');
  },

  'foreign things in a wait list are refused before anything is waited for'() {
    const rpc = started('/stall');
    for (const foreign of ['rpc', undefined, {}, Object.create(Rpc)]) {
      refused(() => waitAny([rpc, foreign]), 'TypeError', /^rpcs holds \w+, where it may hold Rpc and WaitCanceller only/);
      refused(() => waitAll([rpc, foreign]), 'TypeError', /^rpcs holds \w+, where it may hold Rpc only/);
    }
    refused(() => waitAll([rpc, new WaitCanceller()]), 'TypeError', /^rpcs holds WaitCanceller/);
    refused(() => waitAll(7), 'TypeError', /^rpcs/);
    equal([rpc.state, rpc.cancel()], ['running', true]);
  },

  'an rpc is started once, and not waited for before'() {
    const rpc = createRpc();
    for (const ask of [() => rpc.wait(), () => rpc.checkSuccess(), () => rpc.getResult(), () => waitAny([rpc]), () => waitAll([rpc])]) {
      throws(ask, { name: 'MisuseError', kind: 'misuse' });
    }
    rpc.makeFetchCall(at('/bytes/1'));
    throws(() => rpc.makeFetchCall(at('/bytes/1')), { name: 'MisuseError' });
    equal(rpc.getResult().status, 200);
  },

  'only an rpc of ours is started or awaited'() {
    refused(() => makeFetchCall('rpc', at('/bytes/1')), 'TypeError', /^rpc must be an Rpc, not string/);
    refused(() => Client.shared().finished('rpc'), 'TypeError', /^rpc must be an Rpc/);
    refused(() => newClient().finished(createRpc()), 'MisuseError', /another client/);
  },

  'a canceller is cancelled after a number of seconds'() {
    refused(() => new WaitCanceller({ after: '2' }), 'TypeError', /^after must be a number of seconds/);
    refused(() => new WaitCanceller({ after: NaN }), 'RangeError', /^after/);
  },
};

/** What preview2-shim 0.26.1 does not carry: it joins lines, and takes the bytes of headers for UTF-8. */
export const casesOfComponents = {
  'a repeated header of an answer is read line by line or joined'() {
    const { headers } = fetchSync(at('/headers'));
    equal([headers.get('Set-COOKIE'), headers.getAll('set-cookie')], ['a=1, b=2', ['a=1', 'b=2']]);
    equal([...headers].filter(([name]) => name === 'set-cookie').length, 2);
  },

  'a header is latin-1, and not windows-1252'() {
    equal([...fetchSync(at('/headers')).headers.get('x-latin')].map((char) => char.charCodeAt(0)), [0x80, 0x9f, 0xe9]);
    const { rawHeaders } = fetchSync(at('/echo'), { headers: { 'x-a': 'ü\x80' } }).json();
    equal(rawHeaders[rawHeaders.indexOf('x-a') + 1], 'ü\x80');
  },
};
