"""An asyncio event loop whose one blocking point is a turn of the client: timers and fetches in one thread, inside a component too.

    import urlfetch.aio

    async def main():
        async with asyncio.timeout(2):
            result = await urlfetch.aio.fetch(url)

    urlfetch.aio.run(main())

`asyncio.sleep`, `timeout`, `wait_for`, `gather`, `as_completed`, `TaskGroup` and the like work, since they need nothing but timers;
sockets, pipes, signals and subprocesses are not there.

There is no second thread. What is given to `asyncio.to_thread` or `run_in_executor` runs on the loop's own stack, and while it waits
for a fetch the loop goes on below it: other tasks tick. Two such functions at a time nest, so that the one that began first cannot
return before the other.
"""

from __future__ import annotations

import asyncio
import heapq
import warnings
from asyncio import base_events
from collections import deque
from typing import Any, TypeVar
from collections.abc import Callable, Coroutine, Iterable, Mapping

from . import rpc as waits
from .client import Client, shared, unwatch, watch
from .errors import local
from .request import Header, to_wit
from .result import Result
from .rpc import Rpc, State

__all__ = ["Loop", "fetch", "get_result", "install", "run", "wait"]

T = TypeVar("T")

# The longest turn, in seconds; as asyncio's own limit.
LONGEST = 24 * 3600.0


class Loop(base_events.BaseEventLoop):
    """The loop. It turns one client, the shared one unless given, and awaits only rpcs of that client."""

    # Of the base class, and the same in every version from 3.11 to 3.14.
    _clock_resolution: float
    _ready: deque[asyncio.Handle]
    _scheduled: list[Any]
    _stopping: bool
    _timer_cancelled_count: int

    def __init__(self, client: Client | None = None) -> None:
        super().__init__()
        self._client = client
        self._awaited = 0
        self._functions = 0

    @property
    def client(self) -> Client:
        """The client whose rpcs can be awaited."""
        return self._client or shared()

    async def finished(self, rpc: Rpc) -> None:
        """Returns when the rpc has finished, however it did; runs no callback."""
        self._own(rpc)
        future = self.create_future()

        def done() -> None:
            if not future.done():
                future.set_result(None)

        if rpc.state == State.IDLE:
            raise local("misuse", "awaiting an rpc before its make_fetch_call")
        if watch(rpc, done):
            self._awaited += 1
            try:
                await future
            finally:
                self._awaited -= 1
                unwatch(rpc, done)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Runs `func` soon, on this stack; see above. An executor that is given is used as it is."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[T] = self.create_future()

        def call() -> None:
            if future.cancelled():
                return
            self._functions += 1
            try:
                value = func(*args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(value)
            finally:
                self._functions -= 1

        self.call_soon(call)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    def _own(self, rpc: Rpc) -> None:
        if rpc.client is not self.client:
            raise local("misuse", "an rpc of another client than the loop's cannot be awaited: Loop(client)")

    def _until_one_finished(self, rpcs: list[Rpc]) -> None:
        """For a function of `run_in_executor` that is about to block."""
        if not self._functions or asyncio.current_task(self) is not None:
            return
        if any(rpc.client is not self.client or rpc.state != State.RUNNING for rpc in rpcs):
            return
        finished: list[bool] = []

        def done() -> None:
            finished.append(True)

        self._awaited += 1
        try:
            if all([watch(rpc, done) for rpc in rpcs]):
                while not finished:
                    self._run_once(nested=True)
        finally:
            self._awaited -= 1
            for rpc in rpcs:
                unwatch(rpc, done)

    def _run_once(self, nested: bool = False) -> None:
        """One iteration, as in the base class, but for two things: it blocks in a turn, and it may run below itself, so that it
        finds fewer handles ready than it has counted."""
        while self._scheduled and self._scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(self._scheduled)._scheduled = False
        if self._ready or (self._stopping and not nested):
            timeout: float | None = 0.0
        elif self._scheduled:
            timeout = min(max(0.0, self._scheduled[0]._when - self.time()), LONGEST)
        else:
            timeout = None
        if self._awaited or timeout is not None:
            # Nothing is turned where nothing can have happened: a program of timers and queues alone stays off the component.
            if timeout != 0.0 or self._awaited:
                self.client.turn(timeout)
        else:
            raise local("deadlock", "the event loop waits, with no timer, no fetch and no other thread to wake it")
        due = self.time() + self._clock_resolution
        while self._scheduled and self._scheduled[0]._when < due:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self._ready.append(handle)
        for _ in range(len(self._ready)):
            if not self._ready:
                break
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _write_to_self(self) -> None:
        """There is nobody to wake the loop for."""


async def fetch(
    url: str,
    payload: bytes | str | None = None,
    method: str | int = "GET",
    headers: Mapping[str, Header] | Iterable[tuple[str, Header]] = (),
    allow_truncated: bool = False,
    follow_redirects: bool = True,
    deadline: float | None = None,
    validate_certificate: bool | None = None,
) -> Result:
    """As `urlfetch.fetch`, without blocking the loop. A task that is cancelled cancels the fetch."""
    rpc = _loop().client.create_rpc(deadline)
    rpc.make_fetch_call(to_wit(url, payload, method, headers, allow_truncated, follow_redirects, validate_certificate))
    try:
        await _loop().finished(rpc)
    except asyncio.CancelledError:
        rpc.cancel()
        raise
    return rpc.into_result()


async def wait(rpc: Rpc) -> None:
    """As `rpc.wait()`, without blocking the loop: the callback runs if it is due."""
    await _loop().finished(rpc)
    rpc.wait()


async def get_result(rpc: Rpc) -> Result:
    """As `rpc.get_result()`, without blocking the loop."""
    await _loop().finished(rpc)
    return rpc.get_result()


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None, client: Client | None = None) -> T:
    """As `asyncio.run`, on a `Loop`."""
    with asyncio.Runner(debug=debug, loop_factory=lambda: Loop(client)) as runner:
        return runner.run(main)


def install() -> None:
    """From now on `asyncio.run` and `asyncio.new_event_loop` make a `Loop`, for programs that should stay as they are."""

    with warnings.catch_warnings():
        # Policies go away in Python 3.16, and there is no other way to reach a program's own `asyncio.run`.
        warnings.simplefilter("ignore", DeprecationWarning)

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self) -> asyncio.AbstractEventLoop:
                return Loop()

        asyncio.set_event_loop_policy(Policy())


def _loop() -> Loop:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, Loop):
        raise RuntimeError(
            "this event loop cannot fetch: run it by urlfetch.aio.run, or call urlfetch.aio.install before asyncio.run"
        )
    return loop


def _nested(rpcs: list[Rpc]) -> None:
    loop = asyncio._get_running_loop()
    if isinstance(loop, Loop):
        loop._until_one_finished(rpcs)


waits.nested = _nested
