// wasi:http of preview2-shim, with one function made right: 0.26.1 gives a JavaScript error where an error code belongs when the
// connection of a body breaks. jco then throws inside the import, and the component can never be entered again.

import * as shim from '@bytecodealliance/preview2-shim/http';

export const { incomingHandler, outgoingHandler } = shim;

export const types = {
  ...shim.types,
  httpErrorCode(error) {
    const code = shim.types.httpErrorCode(error);
    if (code.tag !== undefined) return code;
    return code.code === 'ECONNRESET'
      ? { tag: 'connection-terminated' }
      : { tag: 'internal-error', val: code.message };
  },
};
