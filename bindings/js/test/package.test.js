// The package in Node, over the transpiled component.

import { after, before, test } from 'node:test';
import { cases, prepare } from './cases.js';
import { startOrigin } from './origin.js';

let origin;
before(async () => {
  origin = await startOrigin();
  prepare(origin.url(''));
});
after(() => origin.stop());

for (const [name, run] of Object.entries(cases)) test(name, run);
