"""The two programs behind HTTP: `/single?url=URL` answers with the content, `/callbacks?url=URL&url=URL...` with a line for each."""

import os
from urllib.parse import parse_qs

from urlfetch import shared
from urlfetch.appengine import register
from urlfetch.exports import handler

import callbacks
import single

register()


def application(environ, start_response):
    if os.environ.get("URLFETCH_ALLOW_PRIVATE") == "1":
        # Loopback and private addresses are refused unless a program says otherwise.
        shared().set_allow_private(True)
    urls = parse_qs(environ["QUERY_STRING"]).get("url", [])
    if environ["PATH_INFO"] == "/single" and len(urls) == 1:
        content = single.single(urls[0])
        if content is None:
            start_response("502 Bad Gateway", [("content-type", "text/plain")])
            return [b"request timed out or failed\n"]
        start_response("200 OK", [("content-type", "application/octet-stream")])
        return [content]
    if environ["PATH_INFO"] == "/callbacks" and urls:
        callbacks.results.clear()
        callbacks.fetch_all(urls)
        start_response("200 OK", [("content-type", "text/plain")])
        return [f"{result.status_code} {len(result.content)}\n".encode() for result in callbacks.results]
    start_response("404 Not Found", [("content-type", "text/plain")])
    return [b"/single?url=URL or /callbacks?url=URL&url=URL...\n"]


IncomingHandler = handler(application)

if __name__ == "__main__":
    # As ordinary Python: wsgiref, one request at a time, on a free port.
    from wsgiref.simple_server import make_server

    with make_server("127.0.0.1", 0, application) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
