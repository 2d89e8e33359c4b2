// What a caller passes, judged by its type only and by what the WIT can carry. What a value means is judged in the component.

/** What a value is, for a message. */
export function kindOf(value) {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  return value.constructor?.name ?? 'object';
}

const wrong = (argument, wanted, value) => new TypeError(`${argument} must be ${wanted}, not ${kindOf(value)}`);

export function text(argument, value) {
  if (typeof value !== 'string') throw wrong(argument, 'a string', value);
  if (!value.isWellFormed()) throw new RangeError(`${argument} holds half of a surrogate pair`);
  return value;
}

/** A number of seconds; which of them have a meaning, the component knows. */
export function seconds(argument, value) {
  if (typeof value !== 'number') throw wrong(argument, 'a number of seconds', value);
  return value;
}

/** The same where it is ours to use: how long to wait. */
export function span(argument, value) {
  if (Number.isNaN(seconds(argument, value))) throw new RangeError(`${argument} must be a number of seconds, not NaN`);
  return value;
}

/** Where it may be left out: as undefined, and as null. */
export const optional = (check) => (argument, value) => (value === undefined || value === null ? undefined : check(argument, value));

/** What an u32 can carry. Other numbers would arrive as one of these. */
export function whole(argument, value) {
  if (typeof value !== 'number') throw wrong(argument, 'a whole number', value);
  if (value !== value >>> 0) throw new RangeError(`${argument} must be a whole number from 0 to 4294967295, not ${value}`);
  return value;
}

export function flag(argument, value) {
  if (typeof value !== 'boolean') throw wrong(argument, 'true or false', value);
  return value;
}

export function callable(argument, value) {
  if (typeof value !== 'function') throw wrong(argument, 'a function', value);
  return value;
}

/** An array of what can be read more than once. An iterator is used up when a call is repeated. */
export function collection(argument, value) {
  const iterates = typeof value === 'object' && value !== null && typeof value[Symbol.iterator] === 'function';
  if (!iterates) throw wrong(argument, 'an array or a set', value);
  if (value[Symbol.iterator]() === value) throw new TypeError(`${argument} must be an array or a set, not an iterator`);
  return [...value];
}

export const texts = (argument, value) => collection(argument, value).map((member) => text(`${argument}: a member`, member));

const isBytes = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);

function bytes(value) {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function payload(argument, value) {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  if (isBytes(value)) return bytes(value);
  throw wrong(argument, 'a string or bytes', value);
}

/** A header's value: bytes as they are, text in latin-1. */
function headerValue(name, value) {
  if (isBytes(value)) return bytes(value);
  if (!['string', 'number', 'bigint', 'boolean'].includes(typeof value)) throw wrong(`headers: the value of ${name}`, 'text or bytes', value);
  const line = String(value);
  const encoded = new Uint8Array(line.length);
  for (let place = 0; place < line.length; place += 1) {
    const code = line.charCodeAt(place);
    if (code > 0xff) throw new RangeError(`headers: the value of ${name} is not latin-1; pass bytes to choose an encoding`);
    encoded[place] = code;
  }
  return encoded;
}

export function headerLines(headers) {
  if (typeof headers !== 'object' || headers === null) throw wrong('headers', 'an object or pairs', headers);
  const lines = typeof headers[Symbol.iterator] === 'function' ? [...headers] : Object.entries(headers);
  return lines.map((line) => {
    if (!Array.isArray(line) || line.length !== 2) throw wrong('headers: a line', 'a pair of name and value', line);
    const [name, value] = line;
    return [text('headers: a name', name), headerValue(name, value)];
  });
}

/** An object of options; what is not there is undefined. */
export function options(argument, value) {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw wrong(argument, 'an object', value);
  return value;
}

/** The WIT's `request`. */
export function request(url, given) {
  const { method = 'GET', headers = [], payload: body, followRedirects = true, allowTruncated = false, validateCertificate } = options('options', given);
  return {
    url: text('url', url),
    method: String(method),
    headers: headerLines(headers),
    payload: optional(payload)('payload', body),
    followRedirects: flag('followRedirects', followRedirects),
    allowTruncated: flag('allowTruncated', allowTruncated),
    validateCertificate: optional(flag)('validateCertificate', validateCertificate),
  };
}
