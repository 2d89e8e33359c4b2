"""One fetch, from idle to finished, and the waits for many."""

from __future__ import annotations

import enum
import time
from typing import TYPE_CHECKING, Any
from collections.abc import Callable, Collection, Iterable

from ._floor import asking, floor
from .errors import case_name, local
from .result import Result

if TYPE_CHECKING:
    from .client import Client

__all__ = ["Hop", "Rpc", "State", "WaitCanceller", "wait_all", "wait_any"]


# Set by `aio`: moves an event loop until one of the rpcs has finished, where the one who waits stands on the loop's own stack.
nested: Callable[[list[Rpc]], None] | None = None


def _about_to_block(rpcs: list[Rpc]) -> None:
    if nested is not None:
        nested(rpcs)


class State(enum.IntEnum):
    """The life of an rpc. It never goes backwards."""

    IDLE = 0
    RUNNING = 1
    FINISHING = 2


class Hop:
    """One exchange of a call, the first request included. Instants are seconds after `make_fetch_call`; `status` is 0 until the head
    came."""

    __slots__ = ("ended_at", "head_at", "started_at", "status", "url")

    def __init__(self, hop: Any) -> None:
        self.url: str = hop.url
        self.status: int = hop.status
        self.started_at: float = hop.started_at
        self.head_at: float | None = hop.head_at
        self.ended_at: float | None = hop.ended_at

    def __repr__(self) -> str:
        return f"<Hop {self.status} {self.url}>"


class Rpc:
    """One fetch: created idle (`create_rpc`), started once (`make_fetch_call`), finished once. Forgetting it cancels it silently."""

    service = "urlfetch"

    def __init__(self, raw: Any, callback: Callable[[], object] | None, client: Client) -> None:
        self._raw = raw
        self._id: int = raw.id()
        self.client = client
        self.callback = callback

    @property
    def id(self) -> int:
        """What `Client.turn` calls this rpc; never used again."""
        return self._id

    @property
    def deadline(self) -> float | None:
        """Seconds, as given or taken from the client's default at creation; None when there was neither."""
        deadline: float | None = self._raw.deadline()
        return deadline

    @property
    def state(self) -> State:
        """Moves what can move without blocking, and tells the state."""
        return State[self._raw.state().name]

    def make_fetch_call(self, request: Any) -> None:
        """Starts the call; `urlfetch.make_fetch_call` is the one to use."""
        with asking():
            self._raw.make_fetch_call(request)

    def wait(self) -> None:
        """Blocks until finished and runs the callback if this is the first wait to see that. A failed call is not a failed wait."""
        _about_to_block([self])
        with asking():
            due = self._raw.wait()
        if due:
            self._run_callback()

    def check_success(self) -> None:
        """`wait`, then raises what the call failed with, each time it is asked."""
        self.wait()
        with asking():
            self._raw.check_success()

    def get_result(self) -> Result:
        """`check_success`, then the result. Each call gives a copy."""
        self.wait()
        with asking():
            return Result(self._raw.get_result())

    def into_result(self) -> Result:
        """`get_result` for the last time: the component keeps no second copy of the content, and the rpc can only be forgotten."""
        self.wait()
        raw, self._raw = self._raw, None
        with asking():
            return Result(floor.into_result(raw))

    def cancel(self) -> bool:
        """Ends the call. True when it was still running: then its result is CancelledError and its callback is due."""
        return bool(self._raw.cancel())

    @property
    def hops(self) -> list[Hop]:
        """Every exchange so far, also while running and after a failure."""
        return [Hop(hop) for hop in self._raw.hops()]

    @property
    def received(self) -> int:
        """Bytes of content received so far, after decoding."""
        return int(self._raw.received())

    @property
    def rejected_headers(self) -> list[str]:
        """Names of the caller's headers that were not sent, as they were spelled."""
        return list(self._raw.rejected_headers())

    def _run_callback(self) -> None:
        callback = self.callback
        if callback is None:
            return
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        callback()

    def __repr__(self) -> str:
        return f"<Rpc {self._id} {case_name(self._raw.state()) if self._raw else 'consumed'}>"


class WaitCanceller:
    """Ends a `wait_any` early, without touching any rpc. `WaitCanceller(after=2.5)` cancels itself that many seconds after it was
    made; `cancel()` does at once, and for good.

    There is one thread: a `cancel()` reaches a wait only when it came before, for instance from a callback."""

    def __init__(self, after: float | None = None) -> None:
        if after is not None and not isinstance(after, (int, float)):
            raise TypeError(f"after must be a number of seconds, not {type(after).__name__}")
        self._at = None if after is None else time.monotonic() + after

    def cancel(self) -> None:
        """Cancels; may be repeated."""
        self._at = float("-inf")

    @property
    def cancelled(self) -> bool:
        """Whether a wait would end now."""
        return self._at is not None and self._at <= time.monotonic()

    def _remaining(self) -> float:
        return float("inf") if self._at is None else max(0.0, self._at - time.monotonic())


def wait_any(rpcs: Collection[Rpc | WaitCanceller]) -> Rpc | WaitCanceller | None:
    """Blocks until one of `rpcs` is finished and gives the first such in the order of the collection; its callback runs if it is
    due. Repeating the call gives the same rpc until an earlier one finishes.

    A canceller among `rpcs` is given when it is cancelled and no rpc has finished; nothing was called or touched then. An empty
    collection gives None. Iterators, idle rpcs and foreign things raise MisuseError; a wait that nothing could end, DeadlockError.
    """
    members = _members("wait_any", rpcs)
    calls = [member for member in members if isinstance(member, Rpc)]
    cancellers = [member for member in members if isinstance(member, WaitCanceller)]
    first = min(cancellers, key=WaitCanceller._remaining, default=None)
    remaining = float("inf") if first is None else first._remaining()
    if not calls and remaining == float("inf"):
        if first is None:
            return None
        raise local("deadlock", "wait_any: no rpc, and nobody could cancel")
    if first is None:
        _about_to_block(calls)
    until = None if remaining == float("inf") else floor.timer(int(remaining * 1e9))
    try:
        with asking():
            waited = floor.wait_any([call._raw for call in calls], until)
    finally:
        if until is not None:
            floor.drop(until)
    if isinstance(waited, str):
        return first
    index, due = waited
    if due:
        calls[index]._run_callback()
    return calls[index]


def wait_all(rpcs: Iterable[Rpc]) -> None:
    """Blocks until all are finished; callbacks run in the order in which rpcs are seen to finish. Calls that failed do not raise.

    An exception of a callback leaves at once; calling again finishes the rest. A canceller is refused: it would end nothing."""
    left = list(dict.fromkeys(rpcs))
    for member in left:
        if not isinstance(member, Rpc):
            raise local("misuse", f"wait_all: rpcs holds a {type(member).__name__}, not an Rpc")
    while left:
        _about_to_block(left)
        with asking():
            waited = floor.wait_any([call._raw for call in left], None)
        assert not isinstance(waited, str), waited
        call = left.pop(waited[0])
        if waited[1]:
            call._run_callback()


def _members(verb: str, rpcs: Any) -> list[Any]:
    if iter(rpcs) is rpcs:
        raise local("misuse", f"{verb}: rpcs must be a collection, not an iterator")
    members = list(rpcs)
    for member in members:
        if not isinstance(member, (Rpc, WaitCanceller)):
            raise local("misuse", f"{verb}: rpcs holds a {type(member).__name__}, neither an Rpc nor a WaitCanceller")
    return members
