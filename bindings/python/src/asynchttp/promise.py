"""What `request` gives at once: a promise, and the two that stand for its response and content."""

from __future__ import annotations

import base64
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from urlfetch.client import Client
from urlfetch.request import to_wit
from urlfetch.rpc import Rpc

if TYPE_CHECKING:
    from . import Http

logger = logging.getLogger("asynchttp")


class Response(dict[str, str]):
    """As httplib2's: the headers, names in lower case, with `status` among them, and as attributes `status`, `reason`, `version`,
    `fromcache` and `previous`."""

    fromcache = False
    version = 11
    previous = None

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__(headers)
        self.status = status
        self["status"] = str(status)
        self.reason = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


class Promise:
    """One request. `response`, `content` and `exception` are plain attributes, for a callback to read and replace; everyone else
    asks `get_response` and `get_content`, which wait and raise."""

    def __init__(
        self,
        http: Http,
        uri: str,
        method: str,
        body: bytes | str | None,
        headers: dict[str, Any] | None,
        redirections: int,
        callback: Callable[[Promise], object] | None,
        stack: str,
    ) -> None:
        self.uri = uri
        self.method = method
        self.callback = callback
        self.stack = stack
        self.response: Any = None
        self.content: Any = None
        self.exception: Exception | None = None
        self._http = http
        self._body = body
        self._headers = headers
        self._redirections = redirections
        self._done = False

    def done(self) -> bool:
        """Whether touching would not wait."""
        return self._done

    def wait(self) -> None:
        """Waits, and raises what went wrong."""
        while not self._done:
            if self not in self._http._running():
                raise RuntimeError(f"the callback of {self.method} {self.uri} waits for its own request")
            self._http._step()
        if self.exception is not None:
            logger.info("request %s %s: raising %r, requested at\n%s", self.method, self.uri, self.exception, self.stack)
            raise self.exception

    def get_response(self) -> Any:
        """The response, once it is there."""
        self.wait()
        return self.response

    def get_content(self) -> Any:
        """The content, once it is there."""
        self.wait()
        return self.content

    def _start(self, client: Client, timeout: float | None, follow: bool, credentials: list[tuple[str, str, str]]) -> Rpc:
        headers = dict(self._headers or {})
        for name, password, domain in credentials:
            if domain in ("", urlsplit(self.uri).hostname) and "authorization" not in {key.lower() for key in headers}:
                headers["authorization"] = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
        rpc = client.create_rpc(timeout)
        follows = follow and self._redirections > 0
        rpc.make_fetch_call(to_wit(self.uri, self._body, self.method, headers, False, follows, None))
        return rpc

    def _take(self, rpc: Rpc) -> None:
        result = rpc.into_result()
        self.content = result.content
        self.response = Response(result.status_code, dict(result.headers))
        self.response["content-location"] = result.final_url or self.uri


class ResponsePromise:
    """Stands for the response: any touch waits for it, and raises what went wrong, each time."""

    def __init__(self, promise: Promise) -> None:
        object.__setattr__(self, "promise", promise)

    def done(self) -> bool:
        """Whether touching would not wait."""
        return self._promise().done()

    def _promise(self) -> Promise:
        promise: Promise = object.__getattribute__(self, "promise")
        return promise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._promise().get_response(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._promise().get_response(), name, value)

    def __getitem__(self, name: str) -> Any:
        return self._promise().get_response()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._promise().get_response()[name] = value

    def __delitem__(self, name: str) -> None:
        del self._promise().get_response()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._promise().get_response()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._promise().get_response())

    def __len__(self) -> int:
        return len(self._promise().get_response())

    def __repr__(self) -> str:
        return repr(self._promise().get_response())

    def __str__(self) -> str:
        return str(self._promise().get_response())


class Content:
    """Stands for the content, which is bytes: any touch waits for it, and raises what went wrong, each time. `str` decodes it as
    UTF-8, and gives what a callback has put in its place as it prints."""

    def __init__(self, promise: Promise) -> None:
        self._promise = promise

    def done(self) -> bool:
        """Whether touching would not wait."""
        return self._promise.done()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._promise.get_content(), name)

    def __getitem__(self, index: Any) -> Any:
        return self._promise.get_content()[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._promise.get_content())

    def __len__(self) -> int:
        return len(self._promise.get_content())

    def __bool__(self) -> bool:
        return bool(self._promise.get_content())

    def __contains__(self, part: Any) -> bool:
        return part in self._promise.get_content()

    def __add__(self, other: Any) -> Any:
        return self._promise.get_content() + other

    def __radd__(self, other: Any) -> Any:
        return other + self._promise.get_content()

    def __eq__(self, other: object) -> bool:
        return bool(self._promise.get_content() == (other._promise.get_content() if isinstance(other, Content) else other))

    def __hash__(self) -> int:
        return hash(self._promise.get_content())

    def __bytes__(self) -> bytes:
        return bytes(self._promise.get_content())

    def __str__(self) -> str:
        content = self._promise.get_content()
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)

    def __repr__(self) -> str:
        return repr(self._promise.get_content())
