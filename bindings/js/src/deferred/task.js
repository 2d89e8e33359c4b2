// A task as Cloud Tasks wants it: what may be said of one, and its JSON. Nothing here touches a clock or a network.

import { headerLines, kindOf, optional, options, span, text, whole } from '../arguments.js';
import { HEADER, canonical } from './envelope.js';
import { InvalidEtaError, InvalidQueueNameError, InvalidTaskError, InvalidTaskNameError, InvalidUrlError } from './errors.js';

export const DEFAULT_PATH = '/_ah/queue/deferred';
/** Seconds that a task may be ahead. */
const MAX_AHEAD = 30 * 24 * 60 * 60;
/** The largest number of attempts that the service can read. */
const MOST = 2 ** 31 - 1;

/** Judges what was said, and signs it. `own` is the task's id unless it was given one, `now` in milliseconds since 1970. */
export async function ready(body, given, settings, own, now) {
  const asked = options('options', given);
  const { queue, id } = called(asked, own);
  const eta = etaAt(asked, now);
  const path = pathOf(asked.url, queue);
  const headers = headersOf(asked.headers);
  const sealed = { queue, task: id, method: 'POST', path: canonical(path), contentType: headers.get('Content-Type'), body };
  headers.set(HEADER, await settings.keys.seal(sealed, eta / 1000));

  const whole = `${settings.location}/queues/${queue}`;
  const httpRequest = { url: `${settings.target}${path}`, httpMethod: 'POST', headers: Object.fromEntries(headers), body: base64(body) };
  const task = { name: `${whole}/tasks/${id}`, httpRequest };
  // Now is what a task without an instant means, to a clock that is not ours.
  if (eta > now) task.scheduleTime = new Date(eta).toISOString();
  if (asked.retry !== undefined && asked.retry !== null) task.retryConfig = retryOf(asked.retry);
  const deadline = length('dispatchDeadline', asked.dispatchDeadline);
  if (deadline !== undefined) task.dispatchDeadline = duration(deadline);
  return { queue: whole, name: id, eta: new Date(eta), json: { task } };
}

function called({ queue: givenQueue, name }, own) {
  const queue = optional(text)('queue', givenQueue) ?? 'default';
  if (!/^[A-Za-z0-9-]{1,100}$/.test(queue)) throw new InvalidQueueNameError('queue: must be 1 to 100 of letters, digits and -');
  const id = optional(text)('name', name) ?? own;
  if (!/^[\w-]{1,500}$/.test(id)) throw new InvalidTaskNameError('name: must be 1 to 500 of letters, digits, _ and -');
  return { queue, id };
}

function etaAt({ countdown: given, eta }, now) {
  const countdown = length('countdown', given);
  let due = now;
  if (eta !== undefined && eta !== null) {
    if (countdown !== undefined) throw new InvalidTaskError('countdown and eta exclude each other');
    if (!(eta instanceof Date)) throw new TypeError(`eta must be a Date, not ${kindOf(eta)}`);
    due = eta.getTime();
  } else if (countdown !== undefined) {
    // Milliseconds are what a Date has: rather later than before it is due.
    due = now + Math.ceil(countdown * 1000);
  }
  if (!(due - now <= MAX_AHEAD * 1000)) throw new InvalidEtaError('eta: must be no more than 30 days ahead');
  return Math.max(due, now);
}

function pathOf(given, queue) {
  const path = optional(text)('url', given);
  if (path === undefined) return DEFAULT_PATH;
  if (path === '') return `/_ah/queue/${queue}`;
  // A second slash would begin an authority, a backslash is one to some.
  const fits = /^\/(?!\/)[!$%&'()*+,\-./0-9:;=@A-Z[\]_a-z~]*$/.test(path);
  // A segment of dots is resolved by whoever delivers, and the path would not be the one that was signed.
  const dots = path.replaceAll(/%2e/gi, '.').split('/').some((segment) => segment === '.' || segment === '..');
  if (!fits || dots) throw new InvalidUrlError('url: must be an absolute path without a query');
  return path;
}

/** By their names as they are written; one that is given takes the place of one that differs in case only. */
function headersOf(given) {
  const headers = new Map([['Content-Type', 'application/octet-stream']]);
  for (const [name, bytes] of headerLines(given ?? [])) {
    const value = String.fromCharCode(...bytes);
    const refused = (why) => new InvalidTaskError(`header ${JSON.stringify(name)}: ${why}`);
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) throw refused('is no name of a header');
    if (!/^[ -~]*$/.test(value) || value.trim() !== value) throw refused('must be printable ASCII, without spaces around it');
    const plain = name.toLowerCase();
    const reserved = plain.replaceAll('_', '-');
    if (reserved === 'host' || reserved.startsWith('x-urlfetch-')) throw refused('is set by others');
    const known = [...headers.keys()].find((known) => known.toLowerCase() === plain);
    headers.set(known ?? name, value);
  }
  return headers;
}

function retryOf(given) {
  const { limit, ageLimit, minBackoff: min, maxBackoff: max, maxDoublings } = options('retry', given);
  const [age, minBackoff, maxBackoff] = [length('retry.ageLimit', ageLimit), length('retry.minBackoff', min), length('retry.maxBackoff', max)];
  if (minBackoff > maxBackoff) throw new InvalidTaskError('retry: minBackoff must be no more than maxBackoff');
  const times = optional(whole)('retry.limit', limit);
  const doublings = optional(whole)('retry.maxDoublings', maxDoublings);
  // The first attempt is one of them. What is undefined does not get into the JSON.
  return {
    maxAttempts: times === undefined ? undefined : Math.min(times + 1, MOST),
    maxRetryDuration: age === undefined ? undefined : duration(Math.ceil(age)),
    minBackoff: minBackoff === undefined ? undefined : duration(minBackoff),
    maxBackoff: maxBackoff === undefined ? undefined : duration(maxBackoff),
    maxDoublings: doublings === undefined ? undefined : Math.min(doublings, MOST),
  };
}

/** A number of seconds, where it is a length of time. */
function length(argument, given) {
  const seconds = optional(span)(argument, given);
  if (seconds < 0 || seconds === Infinity) throw new InvalidTaskError(`${argument}: must be finite and not negative`);
  return seconds;
}

/** As Protocol Buffers writes it in JSON. */
const duration = (seconds) => `${seconds.toFixed(9).replace(/\.?0+$/, '')}s`;

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
