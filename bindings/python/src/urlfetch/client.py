"""A policy, and the rpcs made under it."""

from __future__ import annotations

from typing import Any
from collections.abc import Callable, Iterable, Mapping, Sequence

from ._floor import asking, floor
from .request import Header, number, to_wit
from .result import Result
from .rpc import Rpc, State

__all__ = ["Client", "shared"]


class Client:
    """A policy and the rpcs made under it. `Client()` has the documented defaults and is independent of the shared one.

    Each `set_*` may be called any number of times and applies to the calls made afterwards. A value without meaning raises
    InvalidArgumentError, and anything after `seal` MisuseError; then the old value stays.
    """

    def __init__(self) -> None:
        self._raw = floor.Client()

    def create_rpc(self, deadline: float | None = None, callback: Callable[[], object] | None = None) -> Rpc:
        """An idle rpc; nothing is sent.

        `deadline` is in seconds and covers queueing, redirects and body; None stands for the client's default, as it is now.
        `callback` is called without arguments, once, by the first wait that sees the rpc finished, after a failure as well. It may
        be assigned until then: `rpc.callback = ...`.
        """
        with asking("deadline"):
            return Rpc(self._raw.create_rpc(number("deadline", deadline)), callback, self)

    def fetch(
        self,
        url: str,
        payload: bytes | str | None = None,
        method: str | int = "GET",
        headers: Mapping[str, Header] | Iterable[tuple[str, Header]] = (),
        allow_truncated: bool = False,
        follow_redirects: bool = True,
        deadline: float | None = None,
        validate_certificate: bool | None = None,
    ) -> Result:
        """`create_rpc`, `make_fetch_call` and `get_result` in one; fails as they do. Blocks."""
        rpc = self.create_rpc(deadline)
        rpc.make_fetch_call(to_wit(url, payload, method, headers, allow_truncated, follow_redirects, validate_certificate))
        return rpc.into_result()

    @property
    def default_deadline(self) -> float | None:
        """Seconds for rpcs that are created without a deadline; None at first, which stands for 5."""
        return self._raw.default_deadline()

    @default_deadline.setter
    def default_deadline(self, seconds: float | None) -> None:
        with asking("default_deadline"):
            self._raw.set_default_deadline(number("default_deadline", seconds))

    def set_maximum_deadline(self, seconds: float) -> None:
        """The longest deadline an rpc may have; longer ones are clamped. 60 at first."""
        with asking("maximum_deadline"):
            self._raw.set_maximum_deadline(number("seconds", seconds, required=True))

    def set_max_in_flight(self, total: int, per_origin: int | None = None) -> None:
        """How many calls may be out at once, in all and to one origin; the rest queue in order. 100 and 100 at first, 1 to 10,000.
        Without `per_origin` it is `total`."""
        with asking("max_in_flight"):
            self._raw.set_max_in_flight(_u32("total", total), _u32("per_origin", total if per_origin is None else per_origin))

    def set_max_redirects(self, hops: int) -> None:
        """How many redirects are followed. 5 at first, at most 100."""
        with asking("max_redirects"):
            self._raw.set_max_redirects(_u32("hops", hops))

    def set_follow_permanent_redirect(self, follow: bool) -> None:
        """Follow 308 (Permanent Redirect) like 307. Off at first: a 308 is then a result."""
        with asking("follow_permanent_redirect"):
            self._raw.set_follow_permanent_redirect(bool(follow))

    def set_max_response(self, size: int) -> None:
        """The most bytes of decoded content that are kept. 32 MiB at first; 1 byte to 1 GiB."""
        with asking("max_response"):
            self._raw.set_max_response(_u32("size", size))

    def set_url_limits(self, max_length: int = 10_240, any_port: bool = False) -> None:
        """How many bytes a URL may have, 1 to 20,480, and whether every port is fetched: else 80 to 90, 440 to 450 and from 1,024."""
        with asking("url_limits"):
            self._raw.set_url_limits(_u32("max_length", max_length), bool(any_port))

    def set_user_agent(self, text: str | None) -> None:
        """The product text of `user-agent`, put behind a caller's own value. None stands for `urlfetch/VERSION`, "" for nothing."""
        with asking("user_agent"):
            self._raw.set_user_agent(_text("text", text))

    def set_allowed_origins(self, origins: Sequence[str]) -> None:
        """The only origins that may be fetched, on each hop, such as `https://example.com` or `https://*.example.com`. An empty list
        means any."""
        if isinstance(origins, str):
            raise TypeError("origins must be a list of texts, not one text")
        with asking("allowed_origins"):
            self._raw.set_allowed_origins([_text("origins", origin) for origin in origins])

    def set_allow_private(self, allow: bool) -> None:
        """Permit hosts that are private, loopback or otherwise not public addresses. Off at first."""
        with asking("allow_private"):
            self._raw.set_allow_private(bool(allow))

    def set_validate_anyway(self, validate: bool) -> None:
        """Fetch with certificate validation although `validate_certificate` is False, instead of raising UnsupportedError."""
        with asking("validate_anyway"):
            self._raw.set_validate_anyway(bool(validate))

    def set_current_request(self, authority: str | None, path: str = "/") -> None:
        """The request being served: a GET of the same authority and path then raises InvalidURLError. None skips the rule."""
        with asking("current_request"):
            self._raw.set_current_request(_text("authority", authority), _text("path", path))

    def set_development_mode(self, on: bool) -> None:
        """App Engine's development server: a call is sent only when something waits for it, one at a time."""
        with asking("development_mode"):
            self._raw.set_development_mode(bool(on))

    def seal(self) -> None:
        """From now on every setting but `set_current_request` is refused with MisuseError. There is no way back."""
        self._raw.seal()

    def drain(self) -> None:
        """Blocks until no rpc of this client is running: for a handler about to return. Callbacks stay due."""
        self._raw.drain()

    def turn(self, timeout: float | None = None) -> list[int]:
        """One turn of an event loop: blocks until an rpc of this client finishes or `timeout` seconds have passed, and moves every
        rpc meanwhile. Gives the ids of those that finished and that no turn has named before.

        Returns at once when nothing is running and there is no timeout."""
        if timeout is None:
            finished = self._raw.turn([]).finished
        else:
            timer = floor.timer(max(0, int(timeout * 1e9)))
            try:
                finished = self._raw.turn([timer]).finished
            finally:
                floor.drop(timer)
        for id in finished:
            for watcher in _watchers.pop(id, ()):
                watcher()
        return list(finished)


# A turn names each rpc once, to whoever happens to call it; so that those who turn do not take names from each other, every turn
# tells all who asked.
_watchers: dict[int, list[Callable[[], None]]] = {}


def watch(rpc: Rpc, watcher: Callable[[], None]) -> bool:
    """Has `watcher` called by the turn that names this rpc, whosever turn that is. False, and nothing else, when it has finished."""
    if rpc.state == State.FINISHING:
        return False
    _watchers.setdefault(rpc.id, []).append(watcher)
    return True


def unwatch(rpc: Rpc, watcher: Callable[[], None]) -> None:
    """Ends that, if it has not ended."""
    watchers = _watchers.get(rpc.id, [])
    if watcher in watchers:
        watchers.remove(watcher)
    if not watchers:
        _watchers.pop(rpc.id, None)


_shared: Client | None = None


def shared() -> Client:
    """The instance's own client, which the functions of this package use and which everyone composed with the same component
    shares. Not before the program runs: there is no component yet while a snapshot is made."""
    global _shared
    if _shared is None:
        _shared = Client.__new__(Client)
        _shared._raw = floor.Client.shared()
    return _shared


def _u32(argument: str, value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{argument} must be a whole number, not {type(value).__name__}")
    # What a u32 cannot carry is out of every range the component accepts.
    return value if 0 <= value < 2**32 else (0 if value < 0 else 2**32 - 1)


def _text(argument: str, value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{argument} must be text, not {type(value).__name__}")
    return value
