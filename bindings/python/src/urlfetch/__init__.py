"""Asynchronous URL fetch RPCs, with the semantics of App Engine's `urlfetch`, for Python inside and outside of a component.

    import urlfetch

    rpcs = [urlfetch.create_rpc(deadline=2.5) for _ in urls]
    for rpc, url in zip(rpcs, urls):
        urlfetch.make_fetch_call(rpc, url)
    # ... other work: the host is fetching meanwhile ...
    for rpc in rpcs:
        print(rpc.get_result().status_code)

There is one thread: nothing of ours runs between calls, and a call that waits moves every rpc. Inside a component the calls go to
the component that is composed in; elsewhere the same component runs in the wheel `wasmtime`.

Beside this module: `urlfetch.aio` (an asyncio loop), `urlfetch.appengine` (the service below Google's SDK), `urlfetch.adapter` (for
`requests`), `urlfetch.wsgi` (a handler for a WSGI application), and `asynchttp`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from . import errors
from .client import Client, shared
from .errors import *  # noqa: F403
from .request import DELETE, GET, HEAD, PATCH, POST, PUT, Header, to_wit
from .result import Headers, Result
from .rpc import Hop, Rpc, State, WaitCanceller, wait_all, wait_any

__all__ = [
    *errors.__all__,
    "DELETE",
    "GET",
    "HEAD",
    "PATCH",
    "POST",
    "PUT",
    "Client",
    "Headers",
    "Hop",
    "Result",
    "Rpc",
    "State",
    "WaitCanceller",
    "create_rpc",
    "fetch",
    "get_default_fetch_deadline",
    "make_fetch_call",
    "set_default_fetch_deadline",
    "shared",
    "wait_all",
    "wait_any",
]


def create_rpc(deadline: float | None = None, callback: Callable[[], object] | None = None) -> Rpc:
    """An idle rpc of the shared client; see `Client.create_rpc`."""
    return shared().create_rpc(deadline, callback)


def make_fetch_call(
    rpc: Rpc,
    url: str,
    payload: bytes | str | None = None,
    method: str | int = GET,
    headers: Mapping[str, Header] | Iterable[tuple[str, Header]] = (),
    allow_truncated: bool = False,
    follow_redirects: bool = True,
    validate_certificate: bool | None = None,
) -> Rpc:
    """Starts the call and its deadline, without waiting for the network, and gives the same rpc.

    Once per rpc: again raises MisuseError. Raises at once, leaving the rpc idle, InvalidMethodError, InvalidURLError (a GET of the
    request being served), InvalidArgumentError (a header), UnsupportedError, and TypeError where a type is wrong; everything else
    that is wrong is raised by `get_result`.

    `payload` is sent with POST, PUT and PATCH, text as UTF-8. `headers` is a mapping or pairs, values being bytes or latin-1 text.
    With `allow_truncated` too much content is cut and not an error. `validate_certificate` None and True both mean that the host
    validates.
    """
    if not isinstance(rpc, Rpc):
        raise errors.local("misuse", f"make_fetch_call: rpc must be an Rpc, not {type(rpc).__name__}")
    rpc.make_fetch_call(to_wit(url, payload, method, headers, allow_truncated, follow_redirects, validate_certificate))
    return rpc


def fetch(
    url: str,
    payload: bytes | str | None = None,
    method: str | int = GET,
    headers: Mapping[str, Header] | Iterable[tuple[str, Header]] = (),
    allow_truncated: bool = False,
    follow_redirects: bool = True,
    deadline: float | None = None,
    validate_certificate: bool | None = None,
) -> Result:
    """Fetches and blocks until the result is there: `create_rpc`, `make_fetch_call` and `get_result` in one."""
    return shared().fetch(url, payload, method, headers, allow_truncated, follow_redirects, deadline, validate_certificate)


def get_default_fetch_deadline() -> float | None:
    """Seconds for rpcs that are created without a deadline; None at first, which stands for 5."""
    return shared().default_deadline


def set_default_fetch_deadline(seconds: float | None) -> None:
    """Sets what `get_default_fetch_deadline` gives; rpcs that exist keep what they have."""
    shared().default_deadline = seconds
