// Transpiles a component for Node, to dist/NAME/NAME.js: node transpile.js [COMPONENT]. Without one, what `cargo xtask component` wrote.

import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transpile, writeFiles } from '@bytecodealliance/jco-transpile';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [component = here('../../target/urlfetch.wasm')] = process.argv.slice(2);
const name = basename(component, '.wasm');
const outDir = here(`dist/${name}`);

const { files } = await transpile(component, { name, outDir, map: { 'wasi:http/*': '../../src/http.js#*' } });
await rm(outDir, { recursive: true, force: true });
await writeFiles(files);
