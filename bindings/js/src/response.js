// An answer, as a program reads it.

/** Bytes as latin-1. A TextDecoder of that name would decode windows-1252. */
function latin1(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Header lines in the origin's order, found whatever the case of a name. */
export class ResponseHeaders {
  #lines;

  constructor(lines) {
    this.#lines = lines.map(([name, value]) => [name, latin1(value)]);
  }

  /** The values of every line of that name. */
  getAll(name) {
    const wanted = String(name).toLowerCase();
    return this.#lines.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  }

  /** The same joined by ", "; undefined when there is none. */
  get(name) {
    const values = this.getAll(name);
    return values.length > 0 ? values.join(', ') : undefined;
  }

  has(name) {
    return this.getAll(name).length > 0;
  }

  /** Every line, repeats kept. */
  *[Symbol.iterator]() {
    for (const [name, value] of this.#lines) yield [name, value];
  }
}

/** An answer, whatever its status. */
export class FetchResponse {
  #lines;
  #headers;

  constructor({ status, headers, content, wasTruncated, finalUrl }) {
    this.status = status;
    this.content = content;
    this.wasTruncated = wasTruncated;
    this.finalUrl = finalUrl;
    this.#lines = headers;
  }

  get headers() {
    return (this.#headers ??= new ResponseHeaders(this.#lines));
  }

  /** The content as UTF-8. */
  text() {
    return new TextDecoder().decode(this.content);
  }

  /** The content as JSON. */
  json() {
    return JSON.parse(this.text());
  }
}
