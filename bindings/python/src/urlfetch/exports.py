"""What a component exports, made of ordinary Python: a program of a function, an HTTP handler of a WSGI application.

    from urlfetch.exports import handler
    IncomingHandler = handler(application)      # world `handler`

    from urlfetch.exports import command
    Run = command(main)                         # world `command`

`python -m urlfetch.bundle` makes a component of such a module. Everything the program imports must be imported when the module is:
the component is a snapshot of the interpreter after that, and has no files to import from later. Outside of a component the module
can be imported as well, so that ordinary tests can call `main` and `application`.
"""

from __future__ import annotations

import io
import sys
import traceback
from typing import TYPE_CHECKING, Any
from collections.abc import Callable, Iterable
from urllib.parse import unquote_to_bytes

from .client import shared

if TYPE_CHECKING or sys.platform == "wasi":
    from componentize_py_types import Err, Ok

__all__ = ["command", "handler"]

# What `blocking-write-and-flush` takes at once.
CHUNK = 4096


def command(main: Callable[[], object]) -> type:
    """The class `Run` of a program. It fails when `main` raises, or returns or exits with anything but None, 0 or True."""

    class Run:
        def run(self) -> None:
            try:
                code = main()
            except SystemExit as exit:
                code = exit.code
            except BaseException:
                traceback.print_exc()
                code = 1
            sys.stdout.flush()
            sys.stderr.flush()
            if code not in (None, 0, True):
                raise Err(None)

    return Run


def handler(application: Callable[..., Iterable[bytes]]) -> type:
    """The class `IncomingHandler` that serves a WSGI application.

    The request being served is made known to the shared client, so that fetching itself is refused; an application that raises is
    answered with 500. When the answer is sent, calls that are still running are finished, as App Engine does: the instance ends
    with the request.
    """
    if TYPE_CHECKING or sys.platform == "wasi":
        # Now, for the snapshot; only a world that serves has it.
        from .wit.imports import wasi_http_types_0_2_0 as http

    class IncomingHandler:
        def handle(self, request: Any, response_out: Any) -> None:
            answer = _Answer()
            try:
                environ = _environ(request)
                shared().set_current_request(environ["HTTP_HOST"] or None, environ["PATH_INFO"] or "/")
                chunks = application(environ, answer.start_response)
                try:
                    content = b"".join([*answer.written, *chunks])
                finally:
                    getattr(chunks, "close", lambda: None)()
            except Exception:
                traceback.print_exc()
                answer.status, answer.headers, content = 500, [("content-type", "text/plain")], b"Internal Server Error\n"
            fields = http.Fields.from_list([(name, value.encode("latin-1")) for name, value in answer.headers])
            response = http.OutgoingResponse(fields)
            response.set_status_code(answer.status)
            body = response.body()
            http.ResponseOutparam.set(response_out, Ok(response))
            with body.write() as stream:
                for start in range(0, len(content), CHUNK):
                    stream.blocking_write_and_flush(content[start : start + CHUNK])
            http.OutgoingBody.finish(body, None)
            sys.stderr.flush()
            shared().drain()

    return IncomingHandler


class _Answer:
    status = 500
    headers: list[tuple[str, str]] = []

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        self.status = int(status.split(None, 1)[0])
        self.headers = list(headers)
        return self.written.append


def _environ(request: Any) -> dict[str, Any]:
    """WSGI's dictionary (PEP 3333) of a `wasi:http/types.incoming-request`."""
    target = request.path_with_query() or "/"
    path, _, query = target.partition("?")
    method = request.method()
    authority = request.authority() or ""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": getattr(method, "value", None) or type(method).__name__.rpartition("_")[2].upper(),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": authority.rpartition(":")[0] or authority,
        "SERVER_PORT": authority.rpartition(":")[2] if authority.rpartition(":")[2].isdigit() else "80",
        "HTTP_HOST": authority,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": True,
    }
    for name, value in request.headers().entries():
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if environ.get(key) and key != "HTTP_HOST" else text
    environ["wsgi.input"] = io.BytesIO(_read(request))
    return environ


def _read(request: Any) -> bytes:
    chunks = []
    with request.consume() as body, body.stream() as stream:
        while True:
            try:
                chunks.append(stream.blocking_read(65_536))
            except Err:
                # Closed, or broken off: a WSGI application sees a short body either way.
                return b"".join(chunks)
