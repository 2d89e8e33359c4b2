"""A transport for `requests`.

    session = requests.Session()
    session.mount("https://", URLFetchAdapter())
    session.mount("http://", URLFetchAdapter())

or `install()`, after which every new session has it, the one behind `requests.get` included.

Redirects, cookies, authentication and decoding are those of `requests`; each exchange is one fetch. `timeout` is the whole
exchange's deadline, a pair of them its sum; without one the client's default deadline holds. Streaming (`stream=True`), proxies,
client certificates cannot be had over wasi:http and raise `UnsupportedByURLFetch`; so do, on an https URL, `verify=False` and a bundle
of roots of one's own (`REQUESTS_CA_BUNDLE` in the environment counts).
"""

from __future__ import annotations

import io
from typing import Any
from collections.abc import Mapping

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers, select_proxy
from urllib3._collections import HTTPHeaderDict
from urllib3.response import HTTPResponse

from . import errors
from .client import Client, shared
from .request import to_wit
from .result import Result

__all__ = ["URLFetchAdapter", "UnsupportedByURLFetch", "install"]


class UnsupportedByURLFetch(requests.exceptions.RequestException, NotImplementedError):
    """An option of `requests` that the host cannot grant."""


class URLFetchAdapter(BaseAdapter):
    """Sends by fetching under a client's policy, the shared one's unless given."""

    def __init__(self, client: Client | None = None) -> None:
        super().__init__()
        self._client = client

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Called by a session."""
        _refuse(request, stream, verify, cert, proxies)
        client = self._client or shared()
        try:
            rpc = client.create_rpc(_deadline(timeout))
            rpc.make_fetch_call(
                to_wit(
                    url=request.url or "",
                    payload=_body(request.body),
                    method=request.method,
                    headers=dict(request.headers or {}),
                    allow_truncated=False,
                    follow_redirects=False,
                    validate_certificate=False if verify is False else None,
                )
            )
            result = rpc.into_result()
        except errors.Error as error:
            raise _exception(error)(str(error), request=request) from error
        return _response(request, result, self)

    def close(self) -> None:
        """Nothing to close: connections are the host's."""


def install() -> None:
    """Makes `URLFetchAdapter` the transport of every session that is created from now on."""
    setattr(requests.sessions, "HTTPAdapter", URLFetchAdapter)  # noqa: B010


def _refuse(request: requests.PreparedRequest, stream: bool, verify: Any, cert: Any, proxies: Any) -> None:
    def refused(what: str) -> UnsupportedByURLFetch:
        return UnsupportedByURLFetch(f"{what} cannot be had over urlfetch", request=request)

    if stream:
        raise refused("stream=True: the content arrives as a whole, and streaming it")
    if cert is not None:
        raise refused("cert: a client certificate")
    if not isinstance(verify, bool) and (request.url or "").lower().startswith("https:"):
        raise refused("verify: a bundle of roots of one's own")
    if select_proxy(request.url or "", dict(proxies or {})):
        raise refused("proxies: a proxy")


def _deadline(timeout: Any) -> float | None:
    parts = timeout if isinstance(timeout, tuple) else (getattr(timeout, "total", timeout),)
    given = [part for part in parts if part is not None]
    return sum(given) if given else None


def _body(body: Any) -> Any:
    if body is None or isinstance(body, (str, bytes, bytearray)):
        return body
    if hasattr(body, "read"):
        return body.read()
    return b"".join(part.encode() if isinstance(part, str) else part for part in body)


def _exception(error: errors.Error) -> type[requests.exceptions.RequestException]:
    """The exception that users of `requests` catch."""
    known = requests.exceptions
    if error.kind == "deadline-exceeded":
        return known.ConnectTimeout if error.phase in ("resolve", "connect", "tls", "queued") else known.ReadTimeout
    if error.kind == "invalid-argument":
        return known.InvalidHeader if "header" in error.detail else _InvalidArgument
    if error.kind == "connection-closed" and error.phase == "body":
        return known.ChunkedEncodingError
    if error.phase == "decode":
        return known.ContentDecodingError
    return {
        "too-many-redirects": known.TooManyRedirects,
        "invalid-url": known.InvalidURL,
        "ssl-certificate": known.SSLError,
        "payload-too-large": known.RequestException,
        "response-too-large": known.RequestException,
        "invalid-method": _InvalidArgument,
        "unsupported": UnsupportedByURLFetch,
    }.get(error.kind, known.ConnectionError)


class _InvalidArgument(requests.exceptions.RequestException, ValueError):
    """An argument without meaning."""


def _response(request: requests.PreparedRequest, result: Result, adapter: URLFetchAdapter) -> requests.Response:
    response = requests.Response()
    headers = HTTPHeaderDict()
    for name, value in result.headers.lines:
        headers.add(name, value)
    raw = HTTPResponse(
        body=io.BytesIO(result.content),
        headers=headers,
        status=result.status_code,
        preload_content=False,
        decode_content=False,
        request_method=request.method,
    )
    # What `requests` reads cookies from.
    raw._original_response = _Original(headers)
    response.status_code = result.status_code
    response.headers = CaseInsensitiveDict(headers)
    response.encoding = get_encoding_from_headers(response.headers)
    response.raw = raw
    response.reason = _reason(result.status_code)
    response.url = request.url or ""
    response.request = request
    response.connection = adapter  # type: ignore[assignment]
    requests.cookies.extract_cookies_to_jar(response.cookies, request, raw)
    return response


def _reason(status: int) -> str:
    """The usual phrase: the one that was sent does not reach a guest."""
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class _Original:
    """As much of `http.client.HTTPResponse` as the cookie jar wants."""

    def __init__(self, headers: HTTPHeaderDict) -> None:
        from email.message import Message

        self.msg = Message()
        for name, value in headers.iteritems():
            self.msg[name] = value

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        pass
