// The package in Node, over the transpiled component.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from 'urlfetch-rpc';
import { fetch } from '../dist/urlfetch/urlfetch.js';
import { cases, prepare } from './cases.js';
import { startOrigin } from './origin.js';

let origin;
before(async () => {
  origin = await startOrigin();
  prepare(origin.url(''));
});
after(() => origin.stop());

for (const [name, run] of Object.entries(cases)) test(name, run);

test('every setting of the WIT is one of the package', () => {
  const settings = ({ prototype }) => Object.getOwnPropertyNames(prototype).filter((name) => name.startsWith('set')).sort();
  // This one is a property.
  assert.deepEqual([...settings(Client), 'setDefaultDeadline'].sort(), settings(fetch.Client));
});
