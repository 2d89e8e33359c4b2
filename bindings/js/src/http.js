// wasi:http of preview2-shim 0.26.1, with two things made right.
//
// It gives a JavaScript error where an error code belongs when the connection of a body breaks: jco then throws inside the import, and the
// component can never be entered again. And it makes each of the three timeouts of a request one of an idle socket, rounded down to a
// millisecond, which ends as a connection that was reset: the deadline, which the component keeps by itself, would come second.

import * as shim from '@bytecodealliance/preview2-shim/http';

export const { incomingHandler, outgoingHandler } = shim;

/** What wasi:http answers to a timeout that a host does not know. */
const UNSUPPORTED = { payload: undefined };

class RequestOptions extends shim.types.RequestOptions {
  connectTimeout() {}
  firstByteTimeout() {}
  betweenBytesTimeout() {}
  setConnectTimeout() {
    throw UNSUPPORTED;
  }
  setFirstByteTimeout() {
    throw UNSUPPORTED;
  }
  setBetweenBytesTimeout() {
    throw UNSUPPORTED;
  }
}

export const types = {
  ...shim.types,
  RequestOptions,
  httpErrorCode(error) {
    const code = shim.types.httpErrorCode(error);
    if (code.tag !== undefined) return code;
    return code.code === 'ECONNRESET'
      ? { tag: 'connection-terminated' }
      : { tag: 'internal-error', val: code.message };
  },
};
