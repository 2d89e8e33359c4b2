"""What a caller may pass, checked by type only, and as the WIT wants it. What a value means is judged by the component."""

from __future__ import annotations

from typing import Any
from collections.abc import Iterable, Mapping

from ._floor import floor

__all__ = ["DELETE", "GET", "HEAD", "Header", "PATCH", "POST", "PUT"]

#: App Engine's constants; their names serve as well.
GET, POST, HEAD, PUT, DELETE, PATCH = 1, 2, 3, 4, 5, 6

_NAMES = {GET: "GET", POST: "POST", HEAD: "HEAD", PUT: "PUT", DELETE: "DELETE", PATCH: "PATCH"}

#: A header's value: bytes as they are, anything else by its text, in latin-1.
Header = str | bytes | int | float


def to_wit(
    url: Any,
    payload: Any,
    method: Any,
    headers: Mapping[str, Header] | Iterable[tuple[str, Header]],
    allow_truncated: Any,
    follow_redirects: Any,
    validate_certificate: Any,
) -> Any:
    """The WIT's `request`."""
    if not isinstance(url, str):
        raise TypeError(f"url must be text, not {type(url).__name__}")
    url.encode()  # A lone surrogate cannot cross: UnicodeEncodeError names it here.
    return floor.request(
        url=url,
        method=_NAMES.get(method, str(method)) if isinstance(method, int) else str(method),
        headers=[_line(name, value) for name, value in (headers.items() if isinstance(headers, Mapping) else headers)],
        payload=_payload(payload),
        follow_redirects=bool(follow_redirects),
        allow_truncated=bool(allow_truncated),
        validate_certificate=None if validate_certificate is None else bool(validate_certificate),
    )


def number(argument: str, value: Any, required: bool = False) -> Any:
    """A float, or None where that is allowed."""
    if value is None and not required:
        return None
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return float("inf")
    raise TypeError(f"{argument} must be a number of seconds, not {type(value).__name__}")


def _line(name: Any, value: Any) -> tuple[str, bytes]:
    if not isinstance(name, str):
        raise TypeError(f"headers: a name must be text, not {type(name).__name__}: {name!r}")
    name.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return name, bytes(value)
    try:
        return name, str(value).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(f"headers: the value of {name!r} is not latin-1; pass bytes to choose an encoding: {error}") from None


def _payload(payload: Any) -> bytes | None:
    if payload is None:
        return None
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    raise TypeError(f"payload must be bytes or text, not {type(payload).__name__}")
