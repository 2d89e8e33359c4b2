"""The lowest floor outside a component: the same `urlfetch.wasm`, run by the wheel `wasmtime`, under the names that `_component` has.

Everything above these two files is shared. The wheel is not fast (each byte of content costs about a microsecond to cross), which is
fine for what this is for: the tests of an application, run by the Python that runs its other tests.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from collections.abc import Callable, Iterable, Sequence

try:
    import wasmtime
    from wasmtime.component import Component, Linker, Record, Variant
except ImportError:
    # Making a component (`urlfetch.bundle`) and importing an application do without; the first call says what is missing.
    wasmtime = None  # type: ignore[assignment]

__all__ = ["Client", "Err", "Rpc", "drop", "into_result", "progress", "request", "timer", "wait_any"]

FETCH = "urlfetch:rpc/fetch@0.2.0"

# The wheel gives no way to make a pollable of the host's clock, so a component of one function does.
TIMER = """
(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $pollable (eq $p)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $code
    (import "" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "timer") (param i64) (result i32) (call $subscribe (local.get 0))))
  (core instance $i (instantiate $code (with "" (instance (export "subscribe" (func $subscribe))))))
  (func (export "timer") (param "nanoseconds" u64) (result (own $pollable)) (canon lift (core func $i "timer"))))
"""


class Err(Exception):
    """The failing case of a WIT result, as componentize-py raises it."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


class Case(NamedTuple):
    """A case of a WIT enum; componentize-py makes them members of an `enum.Enum`, of which only the name is used."""

    name: str


class Host:
    """One store with one instance, made at first use. A store belongs to one thread at a time, so every call holds the lock."""

    def __init__(self) -> None:
        path = os.environ.get("URLFETCH_COMPONENT")
        code = Path(path).read_bytes() if path else resources.files(__package__).joinpath("urlfetch.wasm").read_bytes()
        engine = wasmtime.Engine()
        self.lock = threading.RLock()
        self.live: dict[int, Any] = {}
        self.dropped: deque[int] = deque()
        self.store = wasmtime.Store(engine)
        self.store.set_wasi(wasmtime.WasiConfig())
        self.store.set_wasi_http()
        linker = Linker(engine)
        linker.add_wasip2()
        linker.add_wasi_http()
        self.instance = linker.instantiate(self.store, Component(engine, code))
        self.interface = self.instance.get_export_index(self.store, FETCH)
        self.functions: dict[str, Any] = {}
        self.timer = self.find(linker.instantiate(self.store, Component(engine, TIMER)), "timer", None)

    def find(self, instance: Any, name: str, interface: Any) -> Any:
        return instance.get_func(self.store, instance.get_export_index(self.store, name, interface))

    def call(self, name: str, *arguments: Any) -> Any:
        with self.lock:
            self.sweep()
            if name not in self.functions:
                self.functions[name] = self.find(self.instance, name, self.interface)
            return self.functions[name](self.store, *arguments)

    def sweep(self) -> None:
        """Drops what was collected meanwhile: a finalizer may run in the middle of anything, so it only makes a note."""
        while self.dropped:
            self.live.pop(self.dropped.popleft()).drop(self.store)


_host: Host | None = None


def host() -> Host:
    global _host
    if _host is None:
        if wasmtime is None:
            raise ImportError("outside a component urlfetch needs the wheel wasmtime: pip install 'urlfetch-rpc[native]'")
        _host = Host()
    return _host


class Handle:
    """A resource, dropped with its last reference. The host holds it and this only its number: the wheel's object must not be part
    of a cycle that is collected, because it would be finalized, and the resource forgotten, before anyone could drop it."""

    _numbers = itertools.count()

    def __init__(self, resource: Any) -> None:
        self._number = next(self._numbers)
        host().live[self._number] = resource

    @property
    def resource(self) -> Any:
        return host().live[self._number]

    def take(self) -> Any:
        return host().live.pop(self._number)

    def __del__(self) -> None:
        if _host is not None and getattr(self, "_number", None) in _host.live:
            _host.dropped.append(self._number)


def timer(nanoseconds: int) -> Handle:
    """A pollable that is ready that much later."""
    it = host()
    with it.lock:
        return Handle(it.timer(it.store, nanoseconds))


def drop(handle: Handle) -> None:
    """Gives a handle back now; otherwise it goes with its last reference."""
    with host().lock:
        handle.take().drop(host().store)


def request(**fields: Any) -> Record:
    """The record `request`."""
    host()
    record = Record()
    for name, value in fields.items():
        setattr(record, name.replace("_", "-"), value)
    return record


class Rpc(Handle):
    """The resource `rpc`."""

    def id(self) -> int:
        return int(host().call("[method]rpc.id", self.resource))

    def make_fetch_call(self, request: Record) -> None:
        _ok(host().call("[method]rpc.make-fetch-call", self.resource, request))

    def state(self) -> Case:
        return _case(host().call("[method]rpc.state", self.resource))

    def deadline(self) -> float | None:
        return host().call("[method]rpc.deadline", self.resource)  # type: ignore[no-any-return]

    def wait(self) -> bool:
        return bool(_ok(host().call("[method]rpc.wait", self.resource)))

    def check_success(self) -> None:
        _ok(host().call("[method]rpc.check-success", self.resource))

    def get_result(self) -> SimpleNamespace:
        return _record(_ok(host().call("[method]rpc.get-result", self.resource)))

    def cancel(self) -> bool:
        return bool(host().call("[method]rpc.cancel", self.resource))

    def hops(self) -> list[SimpleNamespace]:
        return [_record(hop) for hop in host().call("[method]rpc.hops", self.resource)]

    def received(self) -> int:
        return int(host().call("[method]rpc.received", self.resource))

    def rejected_headers(self) -> list[str]:
        return list(host().call("[method]rpc.rejected-headers", self.resource))


def into_result(rpc: Rpc) -> SimpleNamespace:
    """`get_result` for the last time: consumes the rpc."""
    return _record(_ok(host().call("[static]rpc.into-result", rpc.take())))


class Client(Handle):
    """The resource `client`. Its `set_*` are those of the WIT, in the same order of arguments."""

    def __init__(self) -> None:
        super().__init__(host().call("[constructor]client"))

    @classmethod
    def shared(cls) -> Client:
        client = cls.__new__(cls)
        Handle.__init__(client, host().call("[static]client.shared"))
        return client

    def create_rpc(self, deadline: float | None) -> Rpc:
        return Rpc(_ok(host().call("[method]client.create-rpc", self.resource, deadline)))

    def default_deadline(self) -> float | None:
        return host().call("[method]client.default-deadline", self.resource)  # type: ignore[no-any-return]

    def seal(self) -> None:
        host().call("[method]client.seal", self.resource)

    def drain(self) -> None:
        host().call("[method]client.drain", self.resource)

    def turn(self, others: Iterable[Handle]) -> SimpleNamespace:
        return _record(host().call("[method]client.turn", self.resource, [other.resource for other in others]))

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("set_"):
            raise AttributeError(name)
        verb = f"[method]client.{name.replace('_', '-')}"

        def set_(*arguments: Any) -> None:
            refused = host().call(verb, self.resource, *arguments)
            if refused is not None:
                raise Err(_case(refused))

        return set_


def wait_any(rpcs: Sequence[Rpc], until: Handle | None) -> tuple[int, bool] | str:
    """`(index, callback due)`, or how the wait ended otherwise: "interrupted" or "nothing"."""
    waited = _ok(host().call("wait-any", [rpc.resource for rpc in rpcs], until and until.resource))
    if waited.tag == "finished":
        return waited.payload.index, getattr(waited.payload, "callback-due")
    return str(waited.tag)


def progress() -> None:
    """Moves everything that can move, without blocking."""
    host().call("progress")


def _case(name: str) -> Case:
    return Case(name.upper().replace("-", "_"))


def _record(value: Any) -> SimpleNamespace:
    return SimpleNamespace(**{name.replace("-", "_"): field for name, field in vars(value).items()})


def _ok(value: Any) -> Any:
    """The good case of a result; the wheel tags a result only where the types of its cases do not tell them apart."""
    if isinstance(value, Variant) and value.tag in ("ok", "err"):
        failed, value = value.tag == "err", value.payload
    else:
        failed = isinstance(value, Record) and hasattr(value, "retryable")
    if not failed:
        return value
    error = _record(value)
    error.kind, error.phase = _case(error.kind), _case(error.phase)
    error.response = error.response and _record(error.response)
    raise Err(error)
