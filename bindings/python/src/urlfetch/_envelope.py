"""The envelope of a task: a header that only the application can make. guest/deferred/src/lib.rs says what it is, byte for byte."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

HEADER = "X-Urlfetch-Deferred"
# Seconds after a task is due that its envelope holds: as long as a task is kept.
LIFE = 31 * 24 * 60 * 60

_KEY = re.compile(r"([A-Za-z0-9_-]{1,32}):([0-9A-Fa-f]{64})")
_VALUE = re.compile(r"v1;([A-Za-z0-9_-]{1,32});([0-9]{1,20});([0-9a-f]{64})")


class Forgery(Exception):
    """A delivery that is not believed, and why."""


@dataclass(frozen=True)
class Sealed:
    """What of a task the envelope is over; `path` as `canonical` writes it, `content_type` empty where there is none."""

    queue: str
    task: str
    method: str
    path: str
    content_type: str
    body: bytes


class Keys:
    """The keys of an application: the first signs, all check."""

    def __init__(self, text: str) -> None:
        """Reads `KID:KEY[,KID:KEY...]`, each key 64 hexadecimal digits. Raises ValueError, which does not repeat what was read."""
        found = [_KEY.fullmatch(key.strip()) for key in text.split(",")]
        self._keys = {match[1]: bytes.fromhex(match[2]) for match in found if match}
        if len(self._keys) != len(found):
            raise ValueError(
                "must be KID:KEY, separated by commas where there are more, each KEY 64 hexadecimal digits and each KID another"
            )
        self._first = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Keys of {', '.join(self._keys)}"

    def seal(self, sealed: Sealed, due: float) -> str:
        """The value of the header, for a task that is due at `due`, in seconds since 1970."""
        expires = str(int(due) + LIFE)
        return f"v1;{self._first};{expires};{self._sign(self._first, expires, sealed)}"

    def check(self, value: str, sealed: Sealed, now: float) -> None:
        """Raises Forgery unless the value is ours for this and holds at `now`."""
        match = _VALUE.fullmatch(value)
        if match is None:
            raise Forgery("the envelope is malformed")
        kid, expires, signature = match.groups()
        if kid not in self._keys:
            raise Forgery("the envelope is of a key that is not known")
        if not hmac.compare_digest(signature, self._sign(kid, expires, sealed)):
            raise Forgery("the envelope is not of this task")
        if now > int(expires):
            raise Forgery("the envelope has expired")

    def _sign(self, kid: str, expires: str, sealed: Sealed) -> str:
        texts = (
            "urlfetch-deferred",
            "v1",
            kid,
            expires,
            sealed.queue,
            sealed.task,
            sealed.method,
            sealed.path,
            sealed.content_type,
        )
        # What WSGI gives as text is latin-1.
        fields = [*(text.encode("latin-1") for text in texts), hashlib.sha256(sealed.body).digest()]
        signed = b"".join(b"%d:%b," % (len(field), field) for field in fields)
        return hmac.new(self._keys[kid], signed, hashlib.sha256).hexdigest()


def canonical(path: str | bytes, query: str) -> str:
    """A path and its query in the one spelling that is signed. A text is percent-encoded, bytes are decoded already."""
    decoded = unquote_to_bytes(path) if isinstance(path, str) else path
    return quote(decoded, safe="/") + (f"?{query}" if query else "")
