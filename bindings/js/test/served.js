// Hosts that serve a composed application on a free loopback port, until they are stopped.

import { spawn } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The command of this repository: what xtask names, else what cargo has built. */
export const urlfetch = process.env.URLFETCH ?? fileURLToPath(new URL('../../../target/debug/urlfetch', import.meta.url));

/** A stock host. */
const wasmtime = process.env.WASMTIME ?? 'wasmtime';

/** The environment in which that command is the first on PATH. */
export const environment = { ...process.env, PATH: `${dirname(urlfetch)}${delimiter}${process.env.PATH}` };

const HOSTS = {
  'urlfetch serve': (app) => [urlfetch, 'serve', app, '--addr', '127.0.0.1:0', '--env', 'URLFETCH_ALLOW_PRIVATE=1'],
  'wasmtime serve': (app) => [
    wasmtime, 'serve', '-Scli', '-Opooling-allocator=n', '--addr', '127.0.0.1:0', '--env', 'URLFETCH_ALLOW_PRIVATE=1', app,
  ],
};

/** Those that the tests run on: ours, and the stock one where xtask names it. */
export function hosts() {
  return Object.keys(HOSTS).filter((name) => process.env.WASMTIME || !name.startsWith('wasmtime'));
}

/** Serves `app`, with more options of the host: its address, and `stop()`. */
export async function serve(host, app, ...more) {
  const [command, ...args] = HOSTS[host](app);
  const server = spawn(command, [...args, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const url = await new Promise((found, failed) => {
    const see = (chunk) => {
      said += chunk;
      // With what ends it: the address may come in pieces.
      const address = /(?:Serving HTTP|listening) on (http:\/\/[^/\s]+)[/\s]/.exec(said);
      if (address) found(address[1]);
    };
    server.stdout.on('data', see);
    server.stderr.on('data', see);
    server.once('error', failed);
    server.once('exit', (code) => failed(new Error(`${host} has ended with ${code}: ${said}`)));
  });
  return { url, pid: server.pid, stop: () => server.kill() };
}
