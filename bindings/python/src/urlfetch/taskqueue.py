"""App Engine's task queue over Cloud Tasks: `google.appengine.api.taskqueue` and `google.appengine.ext.deferred` stay as they are.

    from urlfetch import taskqueue
    taskqueue.register()
    import main                                 # calls wrap_wsgi_app(..., use_deferred=True)
    IncomingHandler = handler(taskqueue.guard(main.app))

`register` puts the service below the SDK; a task becomes an HTTP request to the application itself, made by the Cloud Tasks REST API.
`guard` believes a delivery when its envelope is one of the application's own, and shows it to the SDK as App Engine would have: with
`X-AppEngine-*` headers and App Engine's address. From everybody else it takes such headers away.

The environment says where tasks go, by the same variables as for the Rust crate `urlfetch-deferred`:

    URLFETCH_DEFERRED_KEYS    KID:KEY[,KID:KEY], each key 64 hexadecimal digits; the first signs, all check
    URLFETCH_TASKS_LOCATION   projects/P/locations/L (projects/local/locations/local)
    URLFETCH_TASKS_TARGET     the origin tasks are delivered to (http://app.urlfetch.internal: the application, to `urlfetch serve`)
    URLFETCH_TASKS_API        the origin of the API (https://cloudtasks.googleapis.com)
    URLFETCH_TASKS_TOKEN      a bearer token for it (none)

Import this module before `wrap_wsgi_app` is called: that replaces `os.environ`.

What there is not: transactional tasks, pull queues, targets, statistics, and namespaces of tasks.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.appengine.api import apiproxy_stub, apiproxy_stub_map
from google.appengine.api.taskqueue import taskqueue_service_bytes_pb2 as pb
from google.appengine.runtime import apiproxy_errors

from ._envelope import HEADER, Forgery, Keys, Sealed, canonical
from .client import Client
from .errors import Error
from .request import to_wit
from .result import Result
from .rpc import Rpc, wait_all

__all__ = ["Settings", "TaskQueueServiceStub", "guard", "register"]

SERVICE = "taskqueue"
# Seconds that the task service may take to answer.
DEADLINE = 10.0
# How often it is asked, and seconds before it is asked again; twice as long before the third time.
ATTEMPTS = 3
PAUSE = 0.1
# As in the SDK's own service for tests.
MAX_REQUEST_SIZE = 32 << 20

Code = pb.TaskQueueServiceError

# The interpreter's own, before the SDK puts one of its own in its place.
_environ = os.environ


def register(stub_map: Any = None, settings: Settings | None = None) -> TaskQueueServiceStub:
    """Puts the service into `stub_map` (the SDK's own unless given), in the place of one that is there already, and gives it."""
    stub = TaskQueueServiceStub(settings)
    (apiproxy_stub_map.apiproxy if stub_map is None else stub_map).ReplaceStub(SERVICE, stub)
    return stub


@dataclass(frozen=True)
class Settings:
    """Where tasks go and come back to, and the keys."""

    keys: Keys
    location: str
    target: str
    api: str
    token: str | None

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Settings:
        """Those that the variables above give. Raises ValueError, which names the variable."""

        def matching(name: str, otherwise: str, pattern: str) -> str:
            value = variables.get(name) or otherwise
            if not re.fullmatch(pattern, value):
                raise ValueError(f"{name}: must be like {otherwise}")
            return value.rstrip("/")

        origin = r"https?://[^/?#@\s\\]+/?"
        try:
            keys = Keys(variables.get("URLFETCH_DEFERRED_KEYS", ""))
        except ValueError as error:
            raise ValueError(f"URLFETCH_DEFERRED_KEYS: {error}") from None
        return cls(
            keys=keys,
            location=matching(
                "URLFETCH_TASKS_LOCATION",
                "projects/local/locations/local",
                r"projects/(?!\.)[\w.:-]+/locations/(?!\.)[\w.:-]+",
            ),
            target=matching("URLFETCH_TASKS_TARGET", "http://app.urlfetch.internal", origin),
            api=matching("URLFETCH_TASKS_API", "https://cloudtasks.googleapis.com", origin),
            token=variables.get("URLFETCH_TASKS_TOKEN") or None,
        )

    @classmethod
    def from_environ(cls) -> Settings:
        """Those of the environment."""
        return cls.read(_environ)


@dataclass
class _Task:
    """A task to be made, and whether its name is one that nobody else knows."""

    queue: str
    id: str
    is_ours: bool
    json: dict[str, Any]
    code: int = Code.TRANSIENT_ERROR


class TaskQueueServiceStub(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    """The service. Tasks of one call are made at the same time."""

    # A call is made when it is waited for, on the thread that waits.
    THREADSAFE = False

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(SERVICE, max_request_size=MAX_REQUEST_SIZE)
        self._settings = settings
        self._client: Client | None = None

    @property
    def settings(self) -> Settings:
        """Those that were given, or the environment's as it is at the first call."""
        if self._settings is None:
            self._settings = Settings.from_environ()
        return self._settings

    def _Dynamic_BulkAdd(self, request: Any, response: Any) -> None:
        results = [response.taskresult.add() for _ in request.add_request]
        waiting = []
        for add, result in zip(request.add_request, results, strict=True):
            refused = _refusal(add)
            result.result = Code.OK if refused is None else refused
            if refused is None:
                task = self._task(add)
                if task.is_ours:
                    result.chosen_task_name = task.id.encode()
                waiting.append((task, result))
        self._create([task for task, _ in waiting])
        for task, result in waiting:
            result.result = task.code

    def _Dynamic_Delete(self, request: Any, response: Any) -> None:
        queue = self._queue(request.queue_name)
        rpcs = [self._start("DELETE", f"{queue}/tasks/{name.decode()}") for name in request.task_name]
        wait_all(rpcs)
        for rpc in rpcs:
            code = _code_of(_outcome(rpc))
            response.result.append(Code.UNKNOWN_TASK if code == Code.UNKNOWN_QUEUE else code)

    def _Dynamic_PurgeQueue(self, request: Any, response: Any) -> None:
        rpc = self._start("POST", f"{self._queue(request.queue_name)}:purge", {})
        code = _code_of(_outcome(rpc))
        if code != Code.OK:
            raise apiproxy_errors.ApplicationError(code)

    def _queue(self, name: bytes) -> str:
        return f"{self.settings.location}/queues/{name.decode()}"

    def _task(self, add: Any) -> _Task:
        settings, queue = self.settings, self._queue(add.queue_name)
        # Not from `random`: every instance begins with the state that its snapshot had.
        id = add.task_name.decode() or os.urandom(16).hex()
        method = add.RequestMethod.Name(add.method)
        url = add.url.decode()
        path, _, query = url.partition("?")
        headers = {header.key.decode(): header.value.decode("latin-1") for header in add.header if not _is_dropped(header.key)}
        now = time.time()
        due = max(add.eta_usec / 1e6, now)
        sealed = Sealed(
            queue=add.queue_name.decode(),
            task=id,
            method=method,
            path=canonical(path, query),
            content_type=next((value for name, value in headers.items() if name.lower() == "content-type"), ""),
            body=add.body,
        )
        headers[HEADER] = settings.keys.seal(sealed, due)
        task: dict[str, Any] = {
            "name": f"{queue}/tasks/{id}",
            "httpRequest": {"url": settings.target + url, "httpMethod": method, "headers": headers},
        }
        if add.body:
            task["httpRequest"]["body"] = base64.b64encode(add.body).decode()
        if add.eta_usec / 1e6 > now:
            task["scheduleTime"] = _instant(add.eta_usec)
        if add.HasField("dispatch_deadline_usec"):
            task["dispatchDeadline"] = _seconds(add.dispatch_deadline_usec / 1e6)
        if add.HasField("retry_parameters"):
            task["retryConfig"] = _retry(add.retry_parameters)
        return _Task(queue, id, not add.task_name, {"task": task})

    def _create(self, tasks: list[_Task]) -> None:
        """Asks for all of them, and again for those of our own naming that may succeed yet: when a task of such a name exists then,
        an attempt before was heard."""
        for attempt in range(ATTEMPTS):
            if attempt and self._client is not None:
                # Nothing of this client is out: only time passes, and the calls of all others go on.
                self._client.turn(PAUSE * 2 ** (attempt - 1))
            rpcs = [(task, self._start("POST", f"{task.queue}/tasks", task.json)) for task in tasks]
            wait_all([rpc for _, rpc in rpcs])
            for task, rpc in rpcs:
                task.code = _code_of(_outcome(rpc))
                if task.code == Code.TASK_ALREADY_EXISTS:
                    task.code = Code.OK if attempt else self._taken(task)
            tasks = [task for task in tasks if task.is_ours and task.code == Code.TRANSIENT_ERROR]
            if not tasks:
                return

    def _taken(self, task: _Task) -> int:
        """Whether the task that has the name is there, or was."""
        found = _outcome(self._start("GET", f"{task.queue}/tasks/{task.id}"))
        return int(Code.TOMBSTONED_TASK if found is not None and found.status_code == 404 else Code.TASK_ALREADY_EXISTS)

    def _start(self, method: str, path: str, body: Any = None) -> Rpc:
        settings = self.settings
        if self._client is None:
            # It reaches the task service and nothing else; who set the variable may have meant the machine itself.
            self._client = Client()
            self._client.set_allowed_origins([settings.api])
            self._client.set_allow_private(True)
        headers = [("content-type", "application/json")] if body is not None else []
        if settings.token:
            headers.append(("authorization", f"Bearer {settings.token}"))
        payload = None if body is None else json.dumps(body)
        rpc = self._client.create_rpc(DEADLINE)
        rpc.make_fetch_call(to_wit(f"{settings.api}/v2/{path}", payload, method, headers, False, False, None))
        return rpc


def _refusal(add: Any) -> int | None:
    """Why a task cannot be made here, if it cannot."""
    if add.HasField("transaction") or add.HasField("datastore_transaction"):
        return int(Code.INVALID_REQUEST)
    if add.mode != pb.TaskQueueMode.PUSH:
        return int(Code.INVALID_QUEUE_MODE)
    # What is after the target must be a path, or the target could be another.
    if not add.url.startswith(b"/"):
        return int(Code.INVALID_URL)
    return None


def _is_dropped(name: bytes) -> bool:
    """What Cloud Tasks sets itself, and what nobody but us may say."""
    plain = name.lower().replace(b"_", b"-")
    return plain in (b"host", b"content-length") or plain.startswith((b"x-google-", b"x-appengine-", b"x-urlfetch-"))


def _retry(retry: Any) -> dict[str, Any]:
    """As Google's own mapping has it (semantics.md 18.5)."""
    config: dict[str, Any] = {}
    if retry.HasField("retry_limit"):
        # The first attempt is one of them.
        config["maxAttempts"] = retry.retry_limit + 1
    if retry.HasField("age_limit_sec"):
        config["maxRetryDuration"] = _seconds(math.ceil(retry.age_limit_sec))
    if retry.HasField("min_backoff_sec"):
        config["minBackoff"] = _seconds(retry.min_backoff_sec)
    if retry.HasField("max_backoff_sec"):
        config["maxBackoff"] = _seconds(retry.max_backoff_sec)
    if retry.HasField("max_doublings"):
        config["maxDoublings"] = retry.max_doublings
    return config


def _seconds(seconds: float) -> str:
    """A duration as Protocol Buffers writes it in JSON."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def _instant(microseconds: int) -> str:
    """RFC 3339, without the rounding of a float."""
    whole, rest = divmod(microseconds, 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"


def _outcome(rpc: Rpc) -> Result | None:
    """The answer; None when there is none, and asking again may help."""
    try:
        return rpc.get_result()
    except Error:
        return None


def _code_of(answer: Result | None) -> int:
    """App Engine's code for what the service answered."""
    if answer is None or answer.status_code == 429 or answer.status_code >= 500:
        return int(Code.TRANSIENT_ERROR)
    try:
        message = json.loads(answer.content)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = ""
    return int(
        {
            200: Code.OK,
            400: Code.TASK_TOO_LARGE if message == "Task size too large" else Code.INVALID_REQUEST,
            401: Code.PERMISSION_DENIED,
            403: Code.PERMISSION_DENIED,
            404: Code.UNKNOWN_QUEUE,
            409: Code.TASK_ALREADY_EXISTS,
        }.get(answer.status_code, Code.INTERNAL_ERROR)
    )


# What the queue says of a task, by the name that App Engine had for it.
_TOLD = {
    f"HTTP_X_CLOUDTASKS_{name}": f"HTTP_X_APPENGINE_{name}"
    for name in (
        "QUEUENAME",
        "TASKNAME",
        "TASKRETRYCOUNT",
        "TASKEXECUTIONCOUNT",
        "TASKETA",
        "TASKPREVIOUSRESPONSE",
        "TASKRETRYREASON",
    )
}
# The peer that App Engine's task queue is, by what the SDK knows it.
_PEER = "0.1.0.2"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def guard(application: Application, settings: Settings | None = None) -> Application:
    """A WSGI application that shows deliveries of its own tasks to `application` as App Engine would have, and nothing else so. A
    delivery whose envelope is not right is answered 403."""

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if sys.platform == "wasi":
            # What the host says is put into what is `os.environ` when the instance starts: by then the SDK's own, which it forgets with
            # each request.
            _environ.update(os.environ)
        shown = {name: value for name, value in environ.items() if not name.startswith(("HTTP_X_APPENGINE_", "HTTP_X_GOOGLE_"))}
        # The SDK takes a server without a name for one that is under development, by crashing.
        shown.setdefault("SERVER_SOFTWARE", "urlfetch")
        shown.setdefault("REMOTE_ADDR", "")
        if "HTTP_X_URLFETCH_DEFERRED" in environ:
            try:
                _check(shown, settings or Settings.from_environ())
            except (Forgery, ValueError) as error:
                print(f"taskqueue: refused: {error}", file=environ["wsgi.errors"])
                start_response("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"Forbidden"]
            shown.update((ours, shown[theirs]) for theirs, ours in _TOLD.items() if theirs in shown)
            shown["REMOTE_ADDR"] = _PEER
        return application(shown, start_response)

    return guarded


def _check(environ: dict[str, Any], settings: Settings) -> None:
    """Raises Forgery or ValueError unless this is a delivery of a task of ours. The body can be read once more afterwards."""
    try:
        length = int(environ["CONTENT_LENGTH"])
    except (KeyError, ValueError):
        if not isinstance(environ["wsgi.input"], io.BytesIO):
            raise Forgery("the length of the body is not known") from None
        length = -1
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    sealed = Sealed(
        queue=environ.get("HTTP_X_CLOUDTASKS_QUEUENAME", ""),
        task=environ.get("HTTP_X_CLOUDTASKS_TASKNAME", ""),
        method=environ["REQUEST_METHOD"],
        path=canonical(
            (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1"), environ.get("QUERY_STRING", "")
        ),
        content_type=environ.get("CONTENT_TYPE", ""),
        body=body,
    )
    settings.keys.check(environ["HTTP_X_URLFETCH_DEFERRED"], sealed, time.time())
