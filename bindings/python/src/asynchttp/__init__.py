"""asynchttp: `httplib2`'s `request`, without waiting for the answer.

    http = Http()
    response, content = http.request(url)       # at once
    # ... other work ...
    print(response.status, str(content))        # waits where it must

The interface is that of the library of this name by Ross McFarland, with one difference, which is that there is one thread: where a
worker thread would go on in the background, requests go on while anyone waits for any of them (and the host fetches meanwhile). A
callback therefore runs while somebody waits, and not otherwise; `Http.wait` waits for all.
"""

from __future__ import annotations

import logging
import traceback
from collections import deque
from typing import Any
from collections.abc import Callable, Iterator

from urlfetch.client import Client
from urlfetch.rpc import Rpc, wait_any

from .promise import Content, Promise, Response, ResponsePromise

__all__ = ["Content", "Http", "Promise", "Response", "ResponsePromise"]

logger = logging.getLogger("asynchttp")
logger.addHandler(logging.NullHandler())


class Http:
    """At most `max_workers` requests are out at once; the rest follow in order.

    `cache` is not kept. `timeout` is the deadline of each request, in seconds, from when it is sent; None stands for the client's
    default. `client` is the policy under which is fetched, one of its own unless given. Attributes that are set later
    (`follow_redirects`, `timeout`) hold for requests that are sent after that; `add_credentials` adds an `authorization` (basic).
    """

    def __init__(
        self, max_workers: int = 5, cache: Any = None, timeout: float | None = None, client: Client | None = None, **options: Any
    ) -> None:
        if not isinstance(max_workers, int) or max_workers < 1:
            raise ValueError(f"max_workers must be a whole number above 0, not {max_workers!r}")
        self.max_workers = max_workers
        self.cache = cache
        self.timeout = timeout
        self.follow_redirects = True
        self.client = client or Client()
        for name, value in options.items():
            setattr(self, name, value)
        self._credentials: list[tuple[str, str, str]] = []
        self._queue: deque[Promise] = deque()
        self._sent: dict[Rpc, Promise] = {}

    def add_credentials(self, name: str, password: str, domain: str = "") -> None:
        """Sent to every host, or to one of this name, as basic authentication."""
        self._credentials.append((name, password, domain))

    def clear_credentials(self) -> None:
        """Forgets them."""
        self._credentials.clear()

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: dict[str, Any] | None = None,
        redirections: int = 5,
        connection_type: Any = None,
        callback: Callable[[Promise], object] | None = None,
    ) -> tuple[ResponsePromise, Content]:
        """Returns at once, and never raises what goes wrong with the request: touching the response or the content does, each time.

        `callback(promise)` runs when the request has finished, before those who wait for it go on. It may replace
        `promise.response` and `promise.content`; when it raises, that is logged, and is what touching raises, unless the request has
        failed by itself. `redirections` above 0 means those of the client.
        """
        promise = Promise(self, uri, method, body, headers, redirections, callback, "".join(traceback.format_stack()[:-1]))
        logger.debug("request %s %s: queued behind %d, %d out", method, uri, len(self._queue), len(self._sent))
        self._queue.append(promise)
        self._send()
        return ResponsePromise(promise), Content(promise)

    def wait(self) -> None:
        """Waits until all requests have finished; raises nothing of theirs."""
        while self._queue or self._sent:
            self._step()

    def _send(self) -> None:
        while self._queue and len(self._sent) < self.max_workers:
            promise = self._queue.popleft()
            logger.debug("request %s %s: sending", promise.method, promise.uri)
            try:
                rpc = promise._start(self.client, self.timeout, self.follow_redirects, self._credentials)
            except Exception as error:
                self._finish(promise, error)
            else:
                self._sent[rpc] = promise

    def _step(self) -> None:
        """Waits for one request of those that are out."""
        rpc = wait_any(list(self._sent))
        assert isinstance(rpc, Rpc)
        promise = self._sent.pop(rpc)
        # The next one leaves before the callback runs, which may take its time.
        self._send()
        try:
            promise._take(rpc)
        except Exception as error:
            self._finish(promise, error)
        else:
            self._finish(promise, None)

    def _finish(self, promise: Promise, error: Exception | None) -> None:
        logger.debug("request %s %s: %s", promise.method, promise.uri, "finished" if error is None else f"failed: {error!r}")
        promise.exception = error
        if promise.callback is not None:
            logger.debug("request %s %s: callback", promise.method, promise.uri)
            try:
                promise.callback(promise)
            except Exception as raised:
                logger.exception("callback of %s %s, requested at\n%s", promise.method, promise.uri, promise.stack)
                if promise.exception is None:
                    promise.exception = raised
        promise._done = True
        logger.debug("request %s %s: released", promise.method, promise.uri)

    def _running(self) -> Iterator[Promise]:
        yield from self._sent.values()
        yield from self._queue
