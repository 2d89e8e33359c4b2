#!/usr/bin/env node
// urlfetch-bundle APP: an application that answers the event 'fetch', with what it imports, as one component that fetches.
//
// esbuild makes one module of it, ComponentizeJS a component, and `urlfetch compose` or `wac plug` puts urlfetch.wasm in.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// What ComponentizeJS 0.23 serves HTTP with. It links by the exact version, and ours is 0.2.0, so both are there.
const SERVED = '0.2.10';
const world = (more) => `package urlfetch:javascript@0.2.0;
world handler {
${more.map((name) => `  import ${name};\n`).join('')}  include urlfetch:rpc/imports@0.2.0;
  import wasi:cli/environment@0.2.0;
  import wasi:clocks/monotonic-clock@0.2.0;
  import wasi:io/poll@0.2.0;
  import wasi:http/outgoing-handler@${SERVED};
  export wasi:http/incoming-handler@${SERVED};
}
`;
/** What is there for those who import it: it makes a component 1.1 MB larger. */
const FILES = ['wasi:filesystem/preopens@0.2.0', 'wasi:filesystem/types@0.2.0'];
const USAGE = `usage: urlfetch-bundle APP [-o OUTPUT] [--alone]

  APP           a JavaScript or TypeScript module that answers the event 'fetch'
  -o, --output  where to write the component (app.wasm)
  --alone       do not compose: leave urlfetch:rpc to be plugged in later`;

/** What ends the command: a line for stderr, and 2 when an argument is wrong or a tool is missing, 1 when a tool failed. */
class Failure extends Error {
  constructor(code, line) {
    super(line);
    this.code = code;
  }
}

async function main() {
  const { app, output, alone } = chosen();
  if (!existsSync(app)) throw new Failure(2, `APP: no file ${app}`);
  const { componentize } = await componentizer();
  const { build } = await required('esbuild');
  const compose = alone ? undefined : composer();
  const scratch = await mkdtemp(join(tmpdir(), 'urlfetch-'));
  try {
    const sourcePath = join(scratch, 'app.js');
    const imported = await oneModule(build, app, sourcePath);
    const witPath = await wit(join(scratch, 'wit'), imported.some((name) => FILES.includes(name)) ? FILES : []);
    const { component } = await failing('ComponentizeJS', componentize({ sourcePath, witPath, worldName: 'handler' }));
    const single = join(scratch, 'app.wasm');
    await writeFile(compose ? single : output, component);
    if (compose) run(compose({ app: single, plug: here('../dist/urlfetch.wasm'), output }));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  console.log(`${output}: ${(await stat(output)).size.toLocaleString('en')} bytes`);
}

function chosen() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        output: { type: 'string', short: 'o', default: 'app.wasm' },
        alone: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    if (positionals.length !== 1) throw new Error(`APP: one is wanted, not ${positionals.length}`);
    return { app: positionals[0], ...values };
  } catch (error) {
    throw new Failure(2, error.message);
  }
}

/** A package that only bundling needs. */
async function required(name) {
  try {
    return await import(name);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const { peerDependencies } = JSON.parse(await readFile(here('../package.json'), 'utf8'));
    throw new Failure(2, `${name} is missing: npm install --save-dev '${name}@${peerDependencies[name]}'`);
  }
}

async function componentizer() {
  const name = '@bytecodealliance/componentize-js';
  const found = await required(name);
  // It reads the WIT by the preview2-shim that npm has put beside it, and that of today shows a program no folder by itself.
  const beside = createRequire(import.meta.resolve(name));
  const shim = await import(pathToFileURL(beside.resolve('@bytecodealliance/preview2-shim/filesystem')));
  shim._addPreopen('/', '/');
  return found;
}

/** Whichever is on PATH: a function that gives its command line. */
function composer() {
  if (onPath('urlfetch')) return ({ app, output }) => ['urlfetch', 'compose', app, '-o', output];
  if (onPath('wac')) return ({ app, plug, output }) => ['wac', 'plug', app, '--plug', plug, '-o', output];
  throw new Failure(2, "no wac on PATH: cargo install wac-cli --version '>=0.10', or install the command urlfetch");
}

function onPath(name) {
  const names = process.platform === 'win32' ? [`${name}.exe`] : [name];
  return (process.env.PATH ?? '').split(delimiter).some((folder) => names.some((file) => existsSync(join(folder, file))));
}

function run([command, ...args]) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  // What a tool says when all is well is said once more above.
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  throw new Failure(1, error ? `${command} cannot be run: ${error.message}` : `${command} failed; what it said is above`);
}

/** The WIT of such an application, which imports `more`, in a new folder. */
async function wit(folder, more) {
  const ours = here('../dist/wit');
  const deps = join(folder, 'deps');
  await cp(join(ours, 'deps'), deps, { recursive: true });
  for (const name of ['types', 'fetch', 'worlds']) await cp(join(ours, `${name}.wit`), join(deps, 'rpc', `${name}.wit`));
  for (const name of ['io', 'clocks', 'http']) {
    const copy = join(deps, `${name}-${SERVED}`);
    await cp(join(ours, 'deps', name), copy, { recursive: true });
    for (const file of await readdir(copy)) {
      const path = join(copy, file);
      await writeFile(path, (await readFile(path, 'utf8')).replaceAll('@0.2.0', `@${SERVED}`));
    }
  }
  // The world of a proxy wants more packages than are served.
  await writeFile(join(deps, `http-${SERVED}`, 'proxy.wit'), `package wasi:http@${SERVED};\n`);
  await writeFile(join(folder, 'app.wit'), world(more));
  return folder;
}

/** Writes it, and tells what it imports of a component's world. */
async function oneModule(build, app, outfile) {
  const options = {
    entryPoints: [resolve(app)],
    outfile,
    bundle: true,
    metafile: true,
    format: 'esm',
    conditions: ['urlfetch-component'],
    external: ['urlfetch:*', 'wasi:*'],
    // The package that bundles is the one that is put in, wherever the application lies.
    alias: { 'urlfetch-rpc': here('index.js'), 'urlfetch-rpc/deferred': here('deferred/index.js') },
    logLevel: 'error',
  };
  const { metafile } = await failing('esbuild', build(options), () => {});
  return Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
}

async function failing(tool, promise, say = (error) => process.stderr.write(`${error.message}\n`)) {
  try {
    return await promise;
  } catch (error) {
    say(error);
    throw new Failure(1, `${tool} failed; what it said is above`);
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`urlfetch-bundle: ${error.message}`);
  process.exitCode = error.code;
}
