"""App Engine's own SDK over this package: the service `urlfetch` below `google.appengine.api.urlfetch`, which stays as it is.

    from google.appengine.api import urlfetch
    import urlfetch.appengine

    urlfetch.appengine.register()

Everything that programs touch (`urlfetch`, `UserRPC`, hooks, errors) is Google's, and so are the rules for callbacks; this module only
turns a `URLFetchRequest` into a call and an answer into a `URLFetchResponse`.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent import futures
from typing import Any

from google.appengine.api import apiproxy_rpc, apiproxy_stub_map, urlfetch_errors, urlfetch_service_pb2
from google.appengine.runtime import apiproxy_errors

from . import errors
from .client import Client, shared
from .request import to_wit
from .rpc import Rpc, State, WaitCanceller, wait_any

__all__ = ["CallRefusedError", "ServiceError", "URLFetchServiceStub", "register"]

SERVICE = "urlfetch"


class ServiceError(apiproxy_errors.ApplicationError, urlfetch_errors.DownloadError):  # type: ignore[misc]
    """A failure for which App Engine has no code (cancelled, refused by the client's policy): it passes through the SDK as it is,
    and `except urlfetch.DownloadError` catches it."""


class CallRefusedError(urlfetch_errors.Error, ValueError):  # type: ignore[misc]
    """What make_fetch_call raises when the call cannot begin: a header with CR, a deadline of zero, a certificate that should not
    be validated. The rpc stays idle."""


def register(stub_map: Any = None, client: Client | None = None) -> URLFetchServiceStub:
    """Puts the service into `stub_map` (the SDK's own unless given), in the place of one that is there already, and gives it."""
    stub = URLFetchServiceStub(client)
    (apiproxy_stub_map.apiproxy if stub_map is None else stub_map).ReplaceStub(SERVICE, stub)
    return stub


class URLFetchServiceStub:
    """The service, under a client's policy (the shared one's unless given)."""

    THREADSAFE = True

    def __init__(self, client: Client | None = None) -> None:
        self._client = client

    @property
    def client(self) -> Client:
        """The client whose policy holds."""
        return self._client or shared()

    def CreateRPC(self) -> URLFetchRPC:
        """The low-level rpc that a `UserRPC` wraps."""
        return URLFetchRPC(stub=self)

    def MakeSyncCall(self, service: str, call: str, request: Any, response: Any, request_id: Any = None) -> None:
        """The call for those who do not ask for an rpc."""
        rpc = self.CreateRPC()
        rpc.MakeCall(service, call, request, response)
        rpc.Wait()
        rpc.CheckSuccess()


class URLFetchRPC(apiproxy_rpc.RPC):  # type: ignore[misc]
    """One call. `state` looks at the network, so that a `UserRPC` finds out without waiting."""

    _call: Rpc | None = None

    def _MakeCallImpl(self) -> None:
        assert self.package == SERVICE, self.package
        assert self.call == "Fetch", self.call
        fetch = self.request
        try:
            wanted = to_wit(
                url=fetch.Url,
                payload=fetch.Payload if fetch.HasField("Payload") else None,
                method=urlfetch_service_pb2.URLFetchRequest.RequestMethod.Name(fetch.Method),
                headers=[(header.Key, header.Value) for header in fetch.header],
                # Whether truncation is an error is decided above, by the SDK.
                allow_truncated=True,
                follow_redirects=fetch.FollowRedirects,
                validate_certificate=(
                    fetch.MustValidateServerCertificate if fetch.HasField("MustValidateServerCertificate") else None
                ),
            )
            call = self.stub.client.create_rpc(fetch.Deadline if fetch.HasField("Deadline") else None)
            call.make_fetch_call(wanted)
        except errors.InvalidURLError as error:
            raise urlfetch_errors.InvalidURLError(str(error)) from error
        except (errors.Error, ValueError) as error:
            raise CallRefusedError(str(error)) from error
        self._call = call
        self._state = apiproxy_rpc.RPC.RUNNING
        self.future = _Future(self)

    @property
    def state(self) -> int:
        if self._state == apiproxy_rpc.RPC.RUNNING and self._call is not None and self._call.state == State.FINISHING:
            self._finish()
            if self.callback:
                self._CaptureTrace(self.callback)
        return int(self._state)

    def _WaitImpl(self) -> bool:
        if self._state == apiproxy_rpc.RPC.RUNNING and self._call is not None:
            self._call.wait()
            self._finish()
            if self.callback:
                self._CaptureTraceAndReraise(self.callback)
        return True

    def _finish(self) -> None:
        assert self._call is not None
        self._state = apiproxy_rpc.RPC.FINISHING
        try:
            result = self._call.get_result()
        except errors.Error as error:
            raised = apiproxy_errors.ApplicationError if error.code else ServiceError
            self._exception = raised(error.code, error.detail)
        else:
            answer = self.response
            answer.Content = result.content
            answer.StatusCode = result.status_code
            answer.ContentWasTruncated = result.content_was_truncated
            if result.final_url:
                answer.FinalUrl = result.final_url
            for name, value in result.headers.lines:
                answer.header.add(Key=name, Value=value)
        self.future.set_result(None)


class _Future(futures.Future):  # type: ignore[type-arg]
    """What `UserRPC.wait_any` waits for, through `concurrent.futures.wait`: nobody completes it in the background, so looking at it
    looks at the network, and a waiter is given an event whose `wait` does the waiting."""

    def __init__(self, rpc: URLFetchRPC) -> None:
        self._rpc = rpc
        super().__init__()
        self._waiters = _Waiters(self)

    @property
    def _state(self) -> str:
        if self._stored == futures._base.PENDING:
            _ = self._rpc.state
        return self._stored

    @_state.setter
    def _state(self, state: str) -> None:
        self._stored = state

    def result(self, timeout: float | None = None) -> Any:
        futures.wait([self], timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        futures.wait([self], timeout)
        return super().exception(0)

    def cancel(self) -> bool:
        """A call of the SDK cannot be cancelled."""
        return False


class _Waiters(list):  # type: ignore[type-arg]
    def __init__(self, future: _Future) -> None:
        super().__init__()
        self._future = future

    def append(self, waiter: Any) -> None:
        if not isinstance(waiter.event, _Pump):
            waiter.event = _Pump(waiter.event)
        waiter.event.futures.append(self._future)
        super().append(waiter)


class _Pump(threading.Event):
    """An event whose `wait` moves the calls it waits for."""

    # Where there are threads, one of them may set this event for the future of another service: that is noticed after so long.
    SLICE = None if sys.platform == "wasi" else 0.02

    def __init__(self, event: threading.Event) -> None:
        super().__init__()
        self.futures: list[_Future] = []
        if event.is_set():
            self.set()

    def wait(self, timeout: float | None = None) -> bool:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            pending = [future for future in self.futures if future._state == futures._base.PENDING]
            if self.is_set():
                return True
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            slices = [seconds for seconds in (left, self.SLICE) if seconds is not None]
            if not pending and not slices:
                raise errors.local("deadlock", "a future of another service, which no thread could complete")
            cancellers = [WaitCanceller(min(slices))] if slices else []
            wait_any([*(future._rpc._call for future in pending if future._rpc._call), *cancellers])
