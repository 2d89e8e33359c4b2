// Serves a transpiled application on a free loopback port, one request at a time: node serve.js NAME, for dist/NAME/NAME.js. The first
// line that it prints is its address.

import { HTTPServer } from '@bytecodealliance/preview2-shim/http';

const [name] = process.argv.slice(2);
const { incomingHandler } = await import(`./dist/${name}/${name}.js`);

const server = new HTTPServer(incomingHandler);
server.listen(0, '127.0.0.1');
console.log(`Serving HTTP on http://127.0.0.1:${server.address().port}/`);
