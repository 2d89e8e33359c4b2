"""A Cloud Tasks of a few verbs over HTTP, whose words are those of the real service's recorded answers, and which delivers when it is
asked to: what App Engine's SDK is tested against, and where tasks come from."""

import base64
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from wsgiref.simple_server import WSGIRequestHandler, make_server

EXISTS = (409, "ALREADY_EXISTS", "Requested entity already exists")
NO_QUEUE = (
    404,
    "NOT_FOUND",
    "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize.",
)
UNKNOWN = (404, "NOT_FOUND", "Requested entity was not found.")
GONE = (
    404,
    "NOT_FOUND",
    "The task no longer exists, though a task with this name existed recently. The task either successfully completed or was deleted.",
)
TOO_LARGE = (400, "INVALID_ARGUMENT", "Task size too large")
UNAVAILABLE = (503, "UNAVAILABLE", "")
# Of the task as it is stored; here of its body, which is nearly all of a large one.
MOST = 1_048_569


class CloudTasks:
    """`tasks` are those in the queue, by name; `asked` is every call; `failures` are answered first, and with `heard` not before the
    call has had its effect."""

    def __init__(self):
        self.tasks, self.gone, self.asked = {}, set(), []
        self.failures, self.heard = [], False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, path, body, authorization):
        self.asked.append((method, path, authorization))
        queue, _, task = path.removeprefix("/v2/").partition("/tasks")
        if not queue.endswith(("/queues/default", "/queues/other", "/queues/default:purge")):
            return NO_QUEUE
        name = f"{queue}/tasks{task}"
        if method == "POST" and queue.endswith(":purge"):
            self.gone |= set(self.tasks)
            self.tasks.clear()
            return {"name": queue.removesuffix(":purge")}
        if method == "POST":
            made = body["task"]
            if len(base64.b64decode(made["httpRequest"].get("body", ""))) > MOST:
                return TOO_LARGE
            if made["name"] in self.tasks or made["name"] in self.gone:
                return EXISTS
            self.tasks[made["name"]] = made
            return made
        if name not in self.tasks:
            return GONE if name in self.gone else UNKNOWN
        if method == "DELETE":
            self.gone.add(name)
            del self.tasks[name]
            return {}
        return self.tasks[name]

    def deliver(self, name, origin, **changes):
        """One attempt at a task, at the application that is served at `origin`: status and content. It is gone when that is 2xx."""
        task = self.tasks[name]
        asked, id = task["httpRequest"], name.rpartition("/tasks/")[2]
        headers = {
            **asked["headers"],
            "User-Agent": "Google-Cloud-Tasks",
            "X-CloudTasks-QueueName": name.split("/")[5],
            "X-CloudTasks-TaskName": id,
            "X-CloudTasks-TaskRetryCount": "0",
            "X-CloudTasks-TaskExecutionCount": "0",
            "X-CloudTasks-TaskETA": "1800000000.000000",
            **changes.pop("headers", {}),
        }
        body = changes.pop("body", base64.b64decode(asked.get("body", "")))
        target = urllib.parse.urlsplit(asked["url"])
        path = changes.pop("path", target.path + (f"?{target.query}" if target.query else ""))
        assert not changes, changes
        headers = {name: value for name, value in headers.items() if value is not None}
        status, content = request(
            asked["httpMethod"], origin + path, body if asked["httpMethod"] in ("POST", "PUT") else None, headers
        )
        if 200 <= status < 300:
            self.gone.add(name)
            del self.tasks[name]
        return status, content

    def _handler(tasks):
        class Handler(BaseHTTPRequestHandler):
            def do(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                failure = tasks.failures.pop(0) if tasks.failures else None
                if failure is None or tasks.heard:
                    answer = tasks.answer(self.command, self.path, json.loads(body or "null"), self.headers["authorization"])
                else:
                    tasks.asked.append((self.command, self.path, self.headers["authorization"]))
                if failure == "cut":
                    self.close_connection = True
                    return
                answer = failure or answer
                status = answer[0] if isinstance(answer, tuple) else 200
                if status != 200:
                    answer = {"error": dict(zip(("code", "status", "message"), answer, strict=True))}
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json; charset=UTF-8")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = do

            def log_message(self, *_):
                pass

        return Handler


def request(method, url, body=None, headers=()):
    """Status and content of one request."""
    asked = urllib.request.Request(url, body, dict(headers), method=method)
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Served:
    """A WSGI application behind HTTP, until it is closed."""

    def __init__(self, application):
        self.server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
