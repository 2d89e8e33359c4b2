"""The lowest floor inside a component: the WIT as componentize-py binds it, under the names that `_native` has as well."""

from __future__ import annotations

from typing import Any
from collections.abc import Sequence

from componentize_py_types import Err
from .wit.imports import urlfetch_rpc_fetch_0_2_0 as _fetch
from .wit.imports import urlfetch_rpc_types_0_2_0 as _types
from .wit.imports import wasi_clocks_monotonic_clock_0_2_0 as _clock

__all__ = ["Client", "Err", "Rpc", "drop", "into_result", "progress", "request", "timer", "wait_any"]

Client = _fetch.Client
Rpc = _fetch.Rpc
progress = _fetch.progress
request = _types.Request
into_result = _fetch.Rpc.into_result


def timer(nanoseconds: int) -> Any:
    """A pollable that is ready that much later."""
    return _clock.subscribe_duration(nanoseconds)


def drop(handle: Any) -> None:
    """Gives a handle back now; otherwise it goes with its last reference."""
    handle.__exit__(None, None, None)


def wait_any(rpcs: Sequence[Any], until: Any) -> tuple[int, bool] | str:
    """`(index, callback due)`, or how the wait ended otherwise: "interrupted" or "nothing"."""
    waited = _fetch.wait_any(list(rpcs), until)
    if isinstance(waited, _fetch.Waited_Finished):
        return waited.value.index, waited.value.callback_due
    return "interrupted" if isinstance(waited, _fetch.Waited_Interrupted) else "nothing"
