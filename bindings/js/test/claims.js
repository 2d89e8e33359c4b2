// What the cases claim with: node:assert is not there inside a component.

const shown = (value) => (typeof value === 'bigint' ? `${value}n` : JSON.stringify(value));

export function equal(found, expected) {
  if (shown(found) !== shown(expected)) throw new Error(`${shown(found)} is not ${shown(expected)}`);
}

export const ok = (found) => equal(Boolean(found), true);

/** That `call` throws an error with these properties; a RegExp matches a text. Gives the error. */
export function throws(call, expected) {
  let error;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  return judged(error, expected);
}

/** The same of a promise. */
export async function rejects(promise, expected) {
  return judged(await promise.then(() => undefined, (error) => error), expected);
}

function judged(error, expected) {
  if (error === undefined) throw new Error(`nothing was thrown, where ${shown(expected)} was expected`);
  for (const [name, wanted] of Object.entries(expected)) {
    const found = error[name];
    const fits = wanted instanceof RegExp ? wanted.test(found) : found === wanted;
    if (!fits) throw new Error(`${name} is ${shown(found)}, not ${wanted}: ${error.stack}`);
  }
  return error;
}
