// The package as npm packs it, in a folder outside of the repository: the program of the README, the types, and one component that is
// the example and all cases, on every host that is installed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cases, casesOfComponents } from './cases.js';
import { startOrigin } from './origin.js';
import { environment, hosts, serve } from './served.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
/** Far above what a loaded machine needs, to compile the component for each host first. */
const WATCHDOG = 45 * 60_000;
/** Where the package is installed. */
let folder;
let origin;

/** Runs a program there; what it printed. */
async function run(command, ...args) {
  const { stdout } = await promisify(execFile)(command, args, { cwd: folder, env: environment, maxBuffer: 1 << 26 });
  return stdout;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'urlfetch-installed-'));
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  await run('npm', 'pack', here('..'), '--silent');
  await run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', './urlfetch-rpc-0.2.0.tgz');
  origin = await startOrigin();
});
after(async () => {
  origin?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('the program of the README runs in Node', async () => {
  const [, program] = /```js\n(.*?)```/s.exec(await readFile(here('../README.md'), 'utf8'));
  await writeFile(join(folder, 'readme.js'), program);
  // Loopback is what the program itself rightly does without.
  await writeFile(join(folder, 'allow.js'), "import { Client } from 'urlfetch-rpc';\nClient.shared().setAllowPrivate(true);\n");
  const urls = ['/bytes/10', '/status/404'].map((path) => origin.url(path));
  const lines = (await run(process.execPath, '--import', './allow.js', 'readme.js', ...urls)).trim().split('\n');
  assert.deepEqual(lines.sort(), [`200 ${urls[0]}`, `404 ${urls[1]}`]);
});

test('TypeScript accepts the types, and refuses what they forbid', async () => {
  await cp(here('sample.ts'), join(folder, 'sample.ts'));
  const tsc = here('../node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023'];
  await run(process.execPath, tsc, ...options, 'sample.ts').catch(({ stdout }) => assert.fail(stdout));
});

test('bundling says in one line what is wrong', async () => {
  const bundle = async (...args) => {
    const { code, stderr } = await run('node_modules/.bin/urlfetch-bundle', ...args).then(() => ({ code: 0, stderr: '' }), (error) => error);
    return [code, stderr];
  };
  assert.deepEqual(await bundle('no-such.js'), [2, 'urlfetch-bundle: APP: no file no-such.js\n']);
  assert.deepEqual(await bundle(), [2, 'urlfetch-bundle: APP: one is wanted, not 0\n']);
  const [code, said] = await bundle('readme.js');
  assert.equal(code, 2);
  assert.match(said, /^urlfetch-bundle: @bytecodealliance\/componentize-js is missing: npm install --save-dev '.*'\n$/);
});

/** What bundling needs is large: that of the repository is linked, not fetched once more. */
async function linkBundlers() {
  await mkdir(join(folder, 'node_modules/@bytecodealliance'), { recursive: true });
  for (const name of ['@bytecodealliance/componentize-js', 'esbuild']) {
    await symlink(here(`../node_modules/${name}`), join(folder, 'node_modules', name)).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

test('the example and all cases in one component', { timeout: WATCHDOG }, async (context) => {
  await linkBundlers();
  await cp(here('../../../examples/javascript/app.js'), join(folder, 'app.js'));
  for (const name of ['both.js', 'inside.js', 'cases.js', 'claims.js']) await cp(here(name), join(folder, name));
  await run('node_modules/.bin/urlfetch-bundle', 'both.js', '-o', 'whole.wasm');

  for (const host of hosts()) {
    const server = await serve(host, join(folder, 'whole.wasm'));
    const ask = async (path, ...query) => {
      const response = await fetch(`${server.url}${path}?${new URLSearchParams(query)}`);
      return { status: response.status, text: await response.text() };
    };
    try {
      for (const name of Object.keys({ ...cases, ...casesOfComponents })) {
        await context.test(`${host}: ${name}`, async () => {
          assert.deepEqual(await ask('/case', ['case', name], ['origin', origin.url('')]), { status: 200, text: 'passed' });
        });
      }
      await context.test(`${host}: the example fetches all at once`, async () => {
        const urls = Array.from({ length: 10 }, () => origin.url('/together/10'));
        const { status, text } = await ask('/', ...urls.map((url) => ['url', url]));
        const { answers, took_ms: took } = JSON.parse(text);
        assert.deepEqual([status, answers.map(({ url, status, bytes }) => ({ url, status, bytes }))], [
          200, urls.map((url) => ({ url, status: 200, bytes: 1 })),
        ]);
        assert.deepEqual(answers.map(({ callback }) => callback).sort((one, other) => one - other), urls.map((_, place) => place + 1));
        assert.ok(took > 0);
      });
      await context.test(`${host}: the example tells failures, and what it wants`, async () => {
        const { text } = await ask('/', ['url', origin.url('/redirect/9')]);
        assert.equal(JSON.parse(text).answers[0].error, 'too-many-redirects');
        assert.equal((await ask('/')).status, 400);
      });
    } finally {
      server.stop();
    }
  }
});

test('the example that defers counts now, after its countdown and by the custom path', { timeout: WATCHDOG }, async () => {
  await linkBundlers();
  await cp(here('../../../examples/deferred-javascript/app.js'), join(folder, 'deferred.js'));
  await run('node_modules/.bin/urlfetch-bundle', 'deferred.js', '-o', 'deferred.wasm');
  await mkdir(join(folder, 'data'));
  const options = ['--dir', `${join(folder, 'data')}::/data`, '--env', 'COUNTDOWN=0.25', '--tasks-file', join(folder, 'tasks', 'tasks.db')];
  const server = await serve('urlfetch serve', join(folder, 'deferred.wasm'), ...options);
  const ask = async (path, init) => {
    const response = await fetch(`${server.url}${path}`, init);
    return [response.status, await response.text()];
  };
  try {
    assert.deepEqual(await ask('/counter/get'), [200, '0\n']);
    const [status, text] = await ask('/counter/increment');
    assert.equal(status, 200, text);
    assert.match(text, /^Deferred counter increment. The last task is [0-9a-f]{32}\.\n$/);
    let counted;
    do counted = await ask('/counter/get');
    while (counted[1] !== '30\n');
    assert.equal(counted[0], 200);
    // A stranger's, whose headers are taken away and whose envelope is not ours.
    const body = '{"function":"add","arguments":["theirs",1]}';
    const headers = { 'X-CloudTasks-QueueName': 'default', 'X-CloudTasks-TaskName': 'a', 'X-Urlfetch-Deferred': `v1;k1;9999999999;${'0'.repeat(64)}` };
    assert.deepEqual(await ask('/custom/path', { method: 'POST', body, headers }), [403, 'Forbidden']);
    assert.equal((await ask('/_ah/queue/deferred', { method: 'POST', body, headers }))[0], 403);
    assert.equal((await ask('/custom/path'))[0], 405);
    assert.deepEqual(await ask('/counter/get'), [200, '30\n']);
  } finally {
    server.stop();
  }
});
