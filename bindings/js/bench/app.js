// Fetches 1 KiB many times, by the ways that an application in JavaScript has: `/?way=NAME&url=URL&count=N`, 100 at once.

import * as rpc from 'urlfetch-rpc';
import { handle } from 'wasi:http/outgoing-handler@0.2.10';
import { Fields, IncomingBody, OutgoingBody, OutgoingRequest } from 'wasi:http/types@0.2.10';

const AT_ONCE = 100;
const SIZE = 1024;
const dispose = Symbol.dispose ?? Symbol.for('dispose');

/** wasi:http without anything between: no redirect, no deadline, no limit, no header of its own. */
const raw = {
  start(url) {
    const { host, pathname } = new URL(url);
    const request = new OutgoingRequest(Fields.fromList([]));
    request.setScheme({ tag: 'HTTP' });
    request.setAuthority(host);
    request.setPathWithQuery(pathname);
    const body = request.body();
    const future = handle(request, undefined);
    OutgoingBody.finish(body, undefined);
    return future;
  },
  content(future) {
    const ready = future.subscribe();
    ready.block();
    ready[dispose]();
    const response = future.get().val.val;
    response.status();
    response.headers().entries();
    const body = response.consume();
    const stream = body.stream();
    const chunks = [];
    try {
      for (;;) chunks.push(stream.blockingRead(65536n));
    } catch {
      // Its end.
    }
    stream[dispose]();
    IncomingBody.finish(body)[dispose]();
    response[dispose]();
    future[dispose]();
    return chunks.length === 1 ? chunks[0] : new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
  },
};

/** Each gives the contents of as many fetches. */
const WAYS = {
  /** The verbs of the package: start them all, then wait for each. */
  verbs: (urls) => {
    const rpcs = urls.map((url) => rpc.createRpc().makeFetchCall(url));
    return rpcs.map((one) => one.intoResult().content);
  },
  /** Its promises. */
  promises: (urls) => Promise.all(urls.map(async (url) => (await rpc.fetch(url)).content)),
  /** wasi:http from JavaScript. */
  raw: (urls) => urls.map(raw.start).map(raw.content),
  /** The engine's own fetch, over wasi:http as well. */
  engine: (urls) => Promise.all(urls.map(async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer()))),
};

async function answer(query) {
  rpc.Client.shared().setAllowPrivate(true);
  const count = Number(query.get('count'));
  for (let done = 0; done < count; done += AT_ONCE) {
    const contents = await WAYS[query.get('way')](Array(AT_ONCE).fill(query.get('url')));
    if (!contents.every(({ length }) => length === SIZE)) throw new Error(`${contents.map(({ length }) => length)}`);
  }
  return new Response('done');
}

const failed = (error) => new Response(`${error}\n${error.stack}`, { status: 500 });

addEventListener('fetch', (event) => event.respondWith(answer(new URL(event.request.url).searchParams).catch(failed)));
