// Copies into dist what the package needs and the repository has elsewhere: the WIT, the component, the license.

import { cp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

for (const [from, to] of [
  ['../../wit', 'dist/wit'],
  ['../../target/urlfetch.wasm', 'dist/urlfetch.wasm'],
  ['../../LICENSE', 'dist/LICENSE'],
]) {
  await rm(here(to), { recursive: true, force: true });
  await cp(here(from), here(to), { recursive: true });
}
