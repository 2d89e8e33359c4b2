import { fetch, shared } from 'urlfetch-rpc';

async function answer(url) {
  const query = new URL(url).searchParams;
  shared().setAllowPrivate(true);
  const urls = query.getAll('url');
  const settled = await Promise.allSettled(urls.map((one) => fetch(one)));
  return settled.map(({ value, reason }) => (value ? `${value.status} ${value.content.length}` : reason.kind ?? `${reason}`)).join('\n') + '\n';
}

addEventListener('fetch', (event) => {
  event.respondWith(answer(event.request.url).then((text) => new globalThis.Response(text), (error) => new globalThis.Response(`${error.stack}`, { status: 500 })));
});
