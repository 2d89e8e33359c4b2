// The cases inside a component, beside the example: `/case?case=NAME&origin=URL` runs one, and answers 200, or 500 with what it failed by.

import { cases, casesOfComponents, prepare } from './cases.js';

const all = { ...cases, ...casesOfComponents };

async function run(query) {
  prepare(query.get('origin'));
  try {
    await all[query.get('case')]();
    return new Response('passed');
  } catch (error) {
    return new Response(`${error?.name}: ${error?.message}\n${error?.stack}`, { status: 500 });
  }
}

addEventListener('fetch', (event) => {
  const { pathname, searchParams } = new URL(event.request.url);
  if (pathname !== '/case') return;
  event.stopImmediatePropagation();
  event.respondWith(run(searchParams));
});
