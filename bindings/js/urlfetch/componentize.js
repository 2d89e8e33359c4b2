// Makes a component of an application: node componentize.js APP.js [OUT.wasm]. Compose the result with `urlfetch compose` or `wac plug`.
// The application answers the event 'fetch'; what it imports is bundled in.

import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { componentize } from '@bytecodealliance/componentize-js';
import { build } from 'esbuild';

// What ComponentizeJS 0.23 serves HTTP with. It links by the exact version, and ours is 0.2.0, so both are there.
const SERVED = '0.2.10';
const WORLD = `package urlfetch:javascript@0.2.0;
world handler {
  include urlfetch:rpc/imports@0.2.0;
  import wasi:io/poll@0.2.0;
  import wasi:clocks/monotonic-clock@0.2.0;
  export wasi:http/incoming-handler@${SERVED};
}
`;

const [app, out = 'app.wasm'] = process.argv.slice(2);
if (!app) {
  console.error('componentize: APP.js is missing');
  process.exit(2);
}
const scratch = await mkdtemp(join(tmpdir(), 'urlfetch-'));
try {
  const wit = fileURLToPath(new URL('../../../wit', import.meta.url));
  const deps = join(scratch, 'wit', 'deps');
  await cp(join(wit, 'deps'), deps, { recursive: true });
  for (const name of ['types', 'fetch', 'worlds']) await cp(join(wit, `${name}.wit`), join(deps, 'rpc', `${name}.wit`));
  for (const folder of ['io', 'clocks', 'http']) {
    const copy = join(deps, `${folder}-${SERVED}`);
    await cp(join(deps, folder), copy, { recursive: true });
    for (const name of await readdir(copy)) {
      const file = join(copy, name);
      await writeFile(file, (await readFile(file, 'utf8')).replaceAll('@0.2.0', `@${SERVED}`));
    }
    // The world of a proxy wants more packages than are served.
    if (folder === 'http') {
      await rm(join(copy, 'proxy.wit'));
      await writeFile(join(copy, 'package.wit'), `package wasi:http@${SERVED};\n`);
    }
  }
  await writeFile(join(scratch, 'wit', 'app.wit'), WORLD);
  const sourcePath = join(scratch, 'app.js');
  await build({
    entryPoints: [app],
    outfile: sourcePath,
    bundle: true,
    format: 'esm',
    conditions: ['urlfetch-component'],
    external: ['urlfetch:*', 'wasi:*'],
    logLevel: 'error',
  });
  const { component } = await componentize({ sourcePath, witPath: join(scratch, 'wit'), worldName: 'handler' });
  await writeFile(out, component);
  console.log(`${out}: ${component.length.toLocaleString('en')} bytes`);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
