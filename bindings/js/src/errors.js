// The errors: App Engine's tree, and what a component needs besides. A value of the wrong type is a plain TypeError instead.
//
// UrlfetchError
// |- DownloadError
// |  |- DeadlineExceededError, DNSLookupFailedError, ConnectionClosedError, TooManyRedirectsError, MalformedReplyError
// |- InvalidURLError
// |  `- PayloadTooLargeError
// |- InternalTransientError, SSLCertificateError, ResponseTooLargeError, InvalidMethodError
// `- CancelledError, RefusedError, UnsupportedError, MisuseError, DeadlockError
// RangeError
// `- InvalidArgumentError

import { FetchResponse } from './response.js';

/** What each of them tells. `kind` and `phase` are the WIT's names. */
function told({ kind, code = 0, phase = 'local', retryable = false, url = '', detail = '', response }) {
  return { kind, code, phase, retryable, url, detail, response: response && new FetchResponse(response) };
}

const message = ({ kind, url, detail }) => `${detail || kind.replaceAll('-', ' ')}${url && ` (${url})`}`;

export class UrlfetchError extends Error {
  constructor(fields) {
    const facts = told(fields);
    super(message(facts));
    Object.assign(this, facts);
  }
}

export class DownloadError extends UrlfetchError {}
export class DeadlineExceededError extends DownloadError {}
export class DNSLookupFailedError extends DownloadError {}
export class ConnectionClosedError extends DownloadError {}
export class TooManyRedirectsError extends DownloadError {}
export class MalformedReplyError extends DownloadError {}
export class InvalidURLError extends UrlfetchError {}
export class PayloadTooLargeError extends InvalidURLError {}
export class InternalTransientError extends UrlfetchError {}
export class SSLCertificateError extends UrlfetchError {}
export class ResponseTooLargeError extends UrlfetchError {}
export class InvalidMethodError extends UrlfetchError {}
export class CancelledError extends UrlfetchError {}
export class RefusedError extends UrlfetchError {}
export class UnsupportedError extends UrlfetchError {}
export class MisuseError extends UrlfetchError {}
export class DeadlockError extends UrlfetchError {}

/** What the language throws for a value that it has no use for, with the facts of the others. */
export class InvalidArgumentError extends RangeError {
  constructor(fields) {
    const facts = told(fields);
    super(message(facts));
    Object.assign(this, facts);
  }
}

// Not by `new.target.name`: bundlers rename classes.
for (const [name, { prototype }] of Object.entries({
  UrlfetchError,
  DownloadError,
  DeadlineExceededError,
  DNSLookupFailedError,
  ConnectionClosedError,
  TooManyRedirectsError,
  MalformedReplyError,
  InvalidURLError,
  PayloadTooLargeError,
  InternalTransientError,
  SSLCertificateError,
  ResponseTooLargeError,
  InvalidMethodError,
  CancelledError,
  RefusedError,
  UnsupportedError,
  MisuseError,
  DeadlockError,
  InvalidArgumentError,
})) {
  Object.defineProperty(prototype, 'name', { value: name, configurable: true, writable: true });
}
