// What a fetch of 1 KiB costs from JavaScript, by the processor time of `wasmtime serve`: node bench/crossing.js [COUNT]. Linux only.
//
// Each way is asked for the same fetches in turn, three times, and the least is told: what else the machine does costs no processor time of
// that process, but cache. The origin is a process of its own.

import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startOrigin } from '../test/origin.js';
import { environment, serve } from '../test/served.js';

const WAYS = ['verbs', 'promises', 'raw', 'engine'];
const ROUNDS = 3;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [count = '2000'] = process.argv.slice(2);

/** Nanoseconds that all threads of a process were on a processor. */
async function processorTime(pid) {
  let total = 0;
  for (const task of await readdir(`/proc/${pid}/task`)) {
    total += Number((await readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8')).split(' ')[0]);
  }
  return total;
}

const folder = await mkdtemp(join(tmpdir(), 'urlfetch-bench-'));
const app = join(folder, 'bench.wasm');
execFileSync(process.execPath, [here('../src/bundle.js'), here('app.js'), '-o', app], { env: environment, stdio: 'inherit' });
const origin = await startOrigin();
const server = await serve('wasmtime serve', app);
const least = new Map();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const way of WAYS) {
    const before = await processorTime(server.pid);
    const response = await fetch(`${server.url}/?${new URLSearchParams({ way, count, url: origin.url('/bytes/1024') })}`);
    if (response.status !== 200) throw new Error(`${way}: ${await response.text()}`);
    await response.text();
    const each = (await processorTime(server.pid) - before) / Number(count) / 1e3;
    least.set(way, Math.min(each, least.get(way) ?? Infinity));
  }
}
for (const way of WAYS) console.log(`${way.padEnd(9)} ${least.get(way).toFixed(1).padStart(7)} µs of processor time for each fetch`);
server.stop();
await origin.stop();
await rm(folder, { recursive: true });
