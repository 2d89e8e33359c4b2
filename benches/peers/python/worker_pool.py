"""A queue, a pool of at most a hundred worker threads, and a promise for each request: the model of asynchttp.

Written against the standard library, because what is measured is the model. A worker keeps its connection.
"""

import gzip
import http.client
import queue
import threading
import urllib.parse

from peer import COUNT, UPLOAD, URL, WHAT, answer

WORKERS = 100
REDIRECTS = 5
PARTS = urllib.parse.urlsplit(URL)


class Promise:
    """An outcome that may be waited for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.outcome: tuple[int, bytes] | BaseException | None = None

    def resolve(self, outcome: tuple[int, bytes] | BaseException) -> None:
        self.outcome = outcome
        self.done.set()


def fetch(connection: http.client.HTTPConnection) -> tuple[int, bytes]:
    path = PARTS.path
    for _ in range(REDIRECTS + 1):
        if WHAT == "upload":
            connection.request("POST", path, body=bytes(UPLOAD))
        else:
            connection.request("GET", path, headers={"accept-encoding": "gzip"} if WHAT == "inflate" else {})
        response = connection.getresponse()
        content = response.read()
        location = response.headers.get("location")
        if WHAT == "follow" and location:
            path = location
            continue
        return response.status, gzip.decompress(content) if WHAT == "inflate" else content
    raise OSError("too many redirects")


def work(jobs: "queue.Queue[Promise]") -> None:
    connection = http.client.HTTPConnection(PARTS.netloc, timeout=120)
    while True:
        try:
            promise = jobs.get_nowait()
        except queue.Empty:
            return connection.close()
        try:
            promise.resolve(fetch(connection))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            promise.resolve(error)


def call_back() -> list:
    """Hands over and hears of it, one after the other, without a network: what a callback through a worker costs."""
    jobs: queue.Queue[Promise] = queue.Queue()

    def work_on() -> None:
        while True:
            jobs.get().resolve((200, b""))

    threading.Thread(target=work_on, daemon=True).start()
    promises = [Promise() for _ in range(COUNT)]
    for promise in promises:
        jobs.put(promise)
        promise.done.wait()
    return [promise.outcome for promise in promises]


def fetch_all() -> list:
    jobs: queue.Queue[Promise] = queue.Queue()
    promises = [Promise() for _ in range(COUNT)]
    for promise in promises:
        jobs.put(promise)
    for _ in range(min(WORKERS, COUNT)):
        threading.Thread(target=work, args=(jobs,), daemon=True).start()
    for promise in promises:
        promise.done.wait()
    return [promise.outcome for promise in promises]


answer(call_back if WHAT == "callbacks" else fetch_all, ("callbacks",))
