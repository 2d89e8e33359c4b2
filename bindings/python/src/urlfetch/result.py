"""What a fetch gives: status, headers without case, content."""

from __future__ import annotations

import json
from typing import Any
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Headers", "Result"]


class Headers(Mapping[str, str]):
    """Header lines. As a mapping its names have no case and repeated lines are joined with ", "; `lines` and `get_all` keep them
    apart. Values are latin-1, so that no byte is lost."""

    def __init__(self, lines: Iterable[tuple[str, bytes]]) -> None:
        self.lines: list[tuple[str, str]] = [(name, value.decode("latin-1")) for name, value in lines]
        self._values: dict[str, list[str]] = {}
        for name, value in self.lines:
            self._values.setdefault(name.lower(), []).append(value)

    def get_all(self, name: str) -> list[str]:
        """The value of each line of this name, in order; `set-cookie` cannot be told apart otherwise."""
        return list(self._values.get(name.lower(), ()))

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._values[name.lower()])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({self.lines!r})"


class Result:
    """An answer, whatever its status.

    The names are App Engine's: `status_code`, `headers`, `content`, `content_was_truncated`, and `final_url`, which is None unless a
    redirect was followed.
    """

    __slots__ = ("content", "content_was_truncated", "final_url", "headers", "status_code")

    def __init__(self, response: Any) -> None:
        self.status_code: int = response.status
        self.headers = Headers(response.headers)
        self.content: bytes = bytes(response.content)
        self.content_was_truncated: bool = response.was_truncated
        self.final_url: str | None = response.final_url

    @property
    def text(self) -> str:
        """The content as text, in the charset of `content-type` or else UTF-8; what cannot be decoded is replaced."""
        charset = "utf-8"
        for parameter in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                charset = value.strip().strip("\"'")
        try:
            return self.content.decode(charset, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The content, parsed as JSON; ValueError when it is none."""
        return json.loads(self.content)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Result):
            return NotImplemented
        return (self.status_code, self.headers.lines, self.content, self.content_was_truncated, self.final_url) == (
            other.status_code,
            other.headers.lines,
            other.content,
            other.content_was_truncated,
            other.final_url,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Result {self.status_code}, {len(self.content)} bytes>"
