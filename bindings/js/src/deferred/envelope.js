// The envelope of a task: a header that only the application can make. guest/deferred/src/lib.rs says what it is, byte for byte.

import { Forgery, SettingsError } from './errors.js';

export const HEADER = 'X-Urlfetch-Deferred';
/** Seconds after a task is due that its envelope holds: as long as a task is kept. */
export const LIFE = 31 * 24 * 60 * 60;

const KEY = /^([A-Za-z0-9_-]{1,32}):([0-9A-Fa-f]{64})$/;
const VALUE = /^v1;([A-Za-z0-9_-]{1,32});([0-9]{1,20});([0-9a-f]{64})$/;
const HMAC = { name: 'HMAC', hash: 'SHA-256' };

const utf8 = (text) => new TextEncoder().encode(text);
const fromHex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
const toHex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The keys of an application: the first signs, all check. */
export class Keys {
  /** Their bytes, by their ids. */
  #keys;

  /** Reads `KID:KEY[,KID:KEY...]`, each key 64 hexadecimal digits. What it throws does not repeat what was read. */
  constructor(text) {
    const found = text.split(',').map((key) => KEY.exec(key.trim()));
    this.#keys = new Map(found.filter(Boolean).map(([, id, key]) => [id, fromHex(key)]));
    if (this.#keys.size === found.length) return;
    throw new SettingsError(
      'URLFETCH_DEFERRED_KEYS: must be KID:KEY, separated by commas where there are more, each KEY 64 hexadecimal digits and each KID another',
    );
  }

  /** The value of the header, for a task that is due at `due`, in seconds since 1970. */
  async seal(sealed, due) {
    const [[id, key]] = this.#keys;
    const expires = String(Math.floor(due) + LIFE);
    const signature = await crypto.subtle.sign(HMAC, await imported(key, 'sign'), await signed(id, expires, sealed));
    return `v1;${id};${expires};${toHex(signature)}`;
  }

  /** Throws a Forgery unless the value is ours for this and holds at `now`, in seconds since 1970. */
  async check(value, sealed, now) {
    const [, id, expires, signature] = VALUE.exec(value) ?? [];
    if (id === undefined) throw new Forgery(`the header ${HEADER} is malformed`);
    const key = this.#keys.get(id);
    if (key === undefined) throw new Forgery('the envelope is of a key that is not known');
    // `verify` compares in constant time.
    const text = await signed(id, expires, sealed);
    const isOurs = await crypto.subtle.verify(HMAC, await imported(key, 'verify'), fromHex(signature), text);
    if (!isOurs) throw new Forgery('the envelope is not of this task');
    if (now > Number(expires)) throw new Forgery('the envelope has expired');
  }
}

const imported = (key, use) => crypto.subtle.importKey('raw', key, HMAC, false, [use]);

/** What is signed: ten netstrings. */
async function signed(id, expires, { queue, task, method, path, contentType, body }) {
  const texts = ['urlfetch-deferred', 'v1', id, expires, queue, task, method, path, contentType].map(utf8);
  const fields = [...texts, new Uint8Array(await crypto.subtle.digest('SHA-256', body))];
  const pieces = fields.flatMap((field) => [utf8(`${field.length}:`), field, utf8(',')]);
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let place = 0;
  for (const piece of pieces) {
    whole.set(piece, place);
    place += piece.length;
  }
  return whole;
}

/** A path and its query in the one spelling that is signed. */
export function canonical(pathAndQuery) {
  const [, path, query] = /^([^?]*)\??(.*)$/s.exec(pathAndQuery);
  // Each escape, and each byte of the rest.
  const pieces = path.match(/%[0-9A-Fa-f]{2}|[^%]+|%/g) ?? [];
  const bytes = pieces.flatMap((piece) => (/^%./.test(piece) ? parseInt(piece.slice(1), 16) : [...utf8(piece)]));
  const written = bytes.map((byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._~/-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return `${written.join('')}${query && `?${query}`}`;
}
