// Where tasks go and come back to, and the keys: from the environment, by the same variables as for the Rust crate and Python.

import { variable } from '#environment';
import { Keys } from './envelope.js';
import { SettingsError } from './errors.js';

const ORIGIN = /^https?:\/\/[^/?#@\s\\]+\/?$/;
const LOCATION = /^projects\/(?!\.)[\w.:-]+\/locations\/(?!\.)[\w.:-]+$/;

function matching(name, otherwise, pattern, wanted) {
  const value = variable(name) || otherwise;
  if (!pattern.test(value)) throw new SettingsError(`${name}: must be ${wanted}`);
  return value.replace(/\/$/, '');
}

const origin = (name, otherwise) => matching(name, otherwise, ORIGIN, `an origin, such as ${otherwise}`);

/** The application's keys. */
export function keys() {
  const text = variable('URLFETCH_DEFERRED_KEYS');
  if (!text) throw new SettingsError('URLFETCH_DEFERRED_KEYS: is not set: KID:KEY, the key in 64 hexadecimal digits');
  return new Keys(text);
}

/** All of them, as they are now. */
export function settings() {
  return {
    keys: keys(),
    location: matching('URLFETCH_TASKS_LOCATION', 'projects/local/locations/local', LOCATION, 'projects/P/locations/L'),
    target: origin('URLFETCH_TASKS_TARGET', 'http://app.urlfetch.internal'),
    api: origin('URLFETCH_TASKS_API', 'https://cloudtasks.googleapis.com'),
    token: variable('URLFETCH_TASKS_TOKEN') || undefined,
  };
}
