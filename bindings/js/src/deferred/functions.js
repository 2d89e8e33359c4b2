// Functions that can be deferred: their names, and calls of them as bytes.

import { callable, kindOf, text } from '../arguments.js';
import { PermanentTaskFailure } from './errors.js';

/** What tasks may call, by name. It is filled while modules are loaded. */
const functions = new Map();
/** The names of these functions. */
const names = new WeakMap();

export function deferred(name, run) {
  if (text('name', name) === '') throw new RangeError('name must have a letter at least');
  callable('run', run);
  if (functions.has(name)) throw new RangeError(`name: there is another deferred function ${JSON.stringify(name)}`);
  functions.set(name, run);
  names.set(run, name);
  return run;
}

/** A call in a task's body, as the Rust crate writes it. */
export function encode(called, given) {
  const name = typeof called === 'string' ? text('called', called) : names.get(called);
  if (name === undefined) {
    const what = typeof called === 'function' ? 'a function that `deferred` has not named' : kindOf(called);
    throw new TypeError(`called must be a function of \`deferred\`, or the name of one, not ${what}`);
  }
  if (!Array.isArray(given)) throw new TypeError(`args must be an array, not ${kindOf(given)}`);
  try {
    return new TextEncoder().encode(JSON.stringify({ function: name, arguments: given }));
  } catch (error) {
    throw new TypeError(`args: ${error.message}`, { cause: error });
  }
}

/** Makes the call that a task's body is. */
export function run(body) {
  const { name, given } = decode(body);
  const known = functions.get(name);
  if (known === undefined) throw new PermanentTaskFailure(`there is no function ${JSON.stringify(name)}`);
  return known(...given);
}

function decode(body) {
  let call;
  try {
    call = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new PermanentTaskFailure(`the body is no call: ${error.message}`, { cause: error });
  }
  const name = call?.function;
  // No arguments may be null.
  const given = call?.arguments ?? [];
  if (typeof name === 'string' && Array.isArray(given)) return { name, given };
  throw new PermanentTaskFailure('the body is no call: it names no function with an array of arguments');
}
