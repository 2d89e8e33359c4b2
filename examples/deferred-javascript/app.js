// An HTTP handler with a counter that is incremented later: now, after a countdown, and by a path of its own.

import { getEnvironment } from 'wasi:cli/environment@0.2.0';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.0';
import { DEFAULT_PATH, Handler, defer, deferred } from 'urlfetch-rpc/deferred';

/** Adds to the counter. A task may run twice, and two at the same time: what each adds is a file of its own, so that it counts once. */
const add = deferred('add', (addend, amount) => {
  folder().openAt({}, addend, { create: true, truncate: true }, { write: true }).write(new TextEncoder().encode(`${amount}`), 0n);
});

/** The handler of the custom path: it does something more. */
class Custom extends Handler {
  post(request) {
    console.log('Executing deferred task.');
    return super.post(request);
  }
}

async function increment() {
  const visit = Date.now();
  // As soon as possible.
  await defer(add, [`${visit}-now`, 10]);
  // After a countdown.
  const countdown = Number(getEnvironment().find(([name]) => name === 'COUNTDOWN')?.[1] ?? 60);
  await defer(add, [`${visit}-later`, 10], { countdown });
  // By a path of its own, later still.
  const { name } = await defer(add, [`${visit}-custom`, 10], { url: '/custom/path', countdown: countdown * 2 });
  return new Response(`Deferred counter increment. The last task is ${name}.\n`);
}

const routes = {
  '/counter/increment': increment,
  '/counter/get': () => new Response(`${count()}\n`),
  [DEFAULT_PATH]: (request) => new Handler().handle(request),
  '/custom/path': (request) => new Custom().handle(request),
};

/** The folder that the host lends. */
function folder() {
  const [lent] = getDirectories();
  if (lent === undefined) throw new Error('no folder is lent: --dir FOLDER::/data');
  return lent[0];
}

/** The sum of what was added. */
function count() {
  const files = folder();
  const entries = files.readDirectory();
  let sum = 0;
  for (let entry = entries.readDirectoryEntry(); entry !== undefined; entry = entries.readDirectoryEntry()) {
    const [content] = files.openAt({}, entry.name, {}, { read: true }).read(32n, 0n);
    sum += Number(new TextDecoder().decode(content));
  }
  return sum;
}

async function answer(request) {
  const route = routes[new URL(request.url).pathname];
  if (route === undefined) return new Response('/counter/increment or /counter/get\n', { status: 404 });
  try {
    return await route(request);
  } catch (error) {
    return new Response(`${error}\n`, { status: 500 });
  }
}

addEventListener('fetch', (event) => event.respondWith(answer(event.request)));
