"""Chooses the lowest floor: inside a component the WIT itself, elsewhere the same component run by the wheel `wasmtime`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.platform != "wasi":
    from . import _native as floor
else:
    from . import _component as floor

from .errors import from_wit

__all__ = ["asking", "floor"]


class asking:
    """Turns a failing WIT result into its exception: `with asking("max_redirects"): ...`."""

    __slots__ = ("argument",)

    def __init__(self, argument: str = "") -> None:
        self.argument = argument

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, floor.Err):
            raise from_wit(error.value, self.argument) from None
