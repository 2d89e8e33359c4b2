// An origin on a free loopback port, in a thread of its own: a fetch that waits blocks the thread it is called on.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';

/** Starts it: `url(path)` is a URL at the origin, `stop()` ends it. */
export async function startOrigin() {
  const worker = new Worker(new URL(import.meta.url));
  const [port] = await once(worker, 'message');
  return { url: (path) => `http://127.0.0.1:${port}${path}`, stop: () => worker.terminate() };
}

/** Answers that wait until this many requests to the path have come. */
const together = [];

const routes = {
  /** What was asked for, as JSON. */
  echo: async (request, response) => {
    const chunks = await request.toArray();
    const { method, url, rawHeaders } = request;
    response.end(JSON.stringify({ method, url, rawHeaders, body: Buffer.concat(chunks).toString() }));
  },
  /** `/delay/200`: answers after so many milliseconds. */
  delay: (_, response, millis) => setTimeout(() => response.end('late'), Number(millis)),
  /** `/together/10`: nobody is answered before ten have asked. */
  together: (_, response, count) => {
    together.push(response);
    if (together.length === Number(count)) {
      together.splice(0).forEach((response, place) => response.end(`${place}`));
    }
  },
  /** `/redirect/3`: three redirects, then an answer. */
  redirect: (_, response, left) => {
    if (left === '0') return response.end('arrived');
    response.writeHead(302, { location: `/redirect/${left - 1}` }).end();
  },
  /** `/gzip/1000`: so many bytes, compressed. */
  gzip: (_, response, bytes) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(Number(bytes))));
  },
  /** `/bytes/1000`: so many zeros. */
  bytes: (_, response, bytes) => response.end(Buffer.alloc(Number(bytes))),
  /** A header twice, and one with bytes that windows-1252 reads otherwise. */
  headers: (_, response) => {
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.setHeader('x-latin', '\x80\x9f\xe9');
    response.end();
  },
  /** `/status/404`. */
  status: (_, response, status) => response.writeHead(Number(status)).end(),
  /** Never answers. */
  stall: () => {},
  /** A byte now and then, without an end. */
  drip: (_, response) => {
    const timer = setInterval(() => response.write('.'), 20);
    response.once('close', () => clearInterval(timer));
  },
  /** Half of the answer it has announced. */
  cut: (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write(Buffer.alloc(50), () => response.destroy());
  },
};

if (!isMainThread) {
  const server = createServer((request, response) => {
    const [, verb, argument] = request.url.split(/[/?]/);
    const route = routes[verb];
    if (route) route(request, response, argument);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
}
