// Calling the component, and its errors as ours.

import * as errors from './errors.js';

const BY_KIND = {
  download: errors.DownloadError,
  'deadline-exceeded': errors.DeadlineExceededError,
  'dns-lookup-failed': errors.DNSLookupFailedError,
  'connection-closed': errors.ConnectionClosedError,
  'too-many-redirects': errors.TooManyRedirectsError,
  'malformed-reply': errors.MalformedReplyError,
  'invalid-url': errors.InvalidURLError,
  'payload-too-large': errors.PayloadTooLargeError,
  'internal-transient': errors.InternalTransientError,
  'ssl-certificate': errors.SSLCertificateError,
  'response-too-large': errors.ResponseTooLargeError,
  'invalid-method': errors.InvalidMethodError,
  cancelled: errors.CancelledError,
  refused: errors.RefusedError,
  unsupported: errors.UnsupportedError,
  'invalid-argument': errors.InvalidArgumentError,
  misuse: errors.MisuseError,
  deadlock: errors.DeadlockError,
};

/** An error that never reached the component. */
export const local = (kind, detail) => new BY_KIND[kind]({ kind, detail });

/** Calls the component, and throws its errors as ours. `argument` is what a setter is about, which answers with a bare kind. */
export function asking(call, argument) {
  try {
    return call();
  } catch (thrown) {
    // jco throws a record as it is, and an enum inside an error; ComponentizeJS has an error for both.
    const value = thrown?.payload ?? thrown;
    if (Object.hasOwn(BY_KIND, value ?? '')) throw local(value, `${argument}: ${value.replaceAll('-', ' ')}`);
    if (Object.hasOwn(BY_KIND, value?.kind ?? '')) throw new BY_KIND[value.kind](value);
    throw thrown;
  }
}
