"""Google's `taskqueue` and `deferred`, as they come from the registry, over Cloud Tasks. Only as ordinary Python: it opens servers."""

import base64
import datetime
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
import urllib.parse
from http import HTTPStatus
from pathlib import Path

from google.appengine.api import taskqueue
from google.appengine.ext import deferred

import cloudtasks
from urlfetch import taskqueue as ours
from urlfetch._envelope import HEADER, LIFE, Forgery, Keys, Sealed, canonical

KEY = "a:" + "1" * 64
QUEUE = "projects/p/locations/l/queues/default"
calls = []


def note(*args, **kwargs):
    calls.append((args, kwargs))


def fail(how):
    raise {"singular": deferred.SingularTaskFailure, "permanent": deferred.PermanentTaskFailure}.get(how, ValueError)(how)


class Tasks(unittest.TestCase):
    """A test with a task service, and the SDK's `taskqueue` over it."""

    def setUp(self):
        calls.clear()
        # The SDK asks for it to know its own host.
        self.enterContext(unittest.mock.patch.dict(os.environ, HTTP_HOST="app.example.com"))
        self.service = cloudtasks.CloudTasks()
        self.addCleanup(self.service.close)
        self.settings = ours.Settings.read(
            {
                "URLFETCH_DEFERRED_KEYS": KEY,
                "URLFETCH_TASKS_LOCATION": "projects/p/locations/l",
                "URLFETCH_TASKS_API": self.service.url,
                "URLFETCH_TASKS_TARGET": "https://app.example.com",
                "URLFETCH_TASKS_TOKEN": "secret",
            }
        )
        ours.register(settings=self.settings)

    def only(self):
        (task,) = self.service.tasks.values()
        return task


class Deferring(Tasks):
    def test_a_call_becomes_one_post(self):
        """DEF-01, DEF-11"""
        task = deferred.defer(note, 1, k=2)
        self.assertTrue(task.was_enqueued)
        self.assertRegex(task.name, "^[0-9a-f]{32}$")
        self.assertEqual(task.queue_name, "default")
        self.assertEqual(self.service.asked, [("POST", f"/v2/{QUEUE}/tasks", "Bearer secret")])
        made = self.only()
        self.assertEqual(made["name"], f"{QUEUE}/tasks/{task.name}")
        asked = made["httpRequest"]
        self.assertEqual((asked["url"], asked["httpMethod"]), ("https://app.example.com/_ah/queue/deferred", "POST"))
        self.assertEqual(set(asked["headers"]), {"Content-Type", HEADER})
        self.assertEqual(asked["headers"]["Content-Type"], "application/octet-stream")
        self.assertNotIn("scheduleTime", made)

    def test_a_countdown_is_an_instant_of_the_task(self):
        """DEF-10, DEF-18"""
        task = deferred.defer(note, _countdown=60, _url="/custom/path", _name="named")
        made = self.service.tasks[f"{QUEUE}/tasks/named"]
        self.assertEqual(datetime.datetime.fromisoformat(made["scheduleTime"]), task.eta)
        self.assertEqual(made["httpRequest"]["url"], "https://app.example.com/custom/path")
        expires = int(made["httpRequest"]["headers"][HEADER].split(";")[2])
        self.assertEqual(expires, int(task.eta.timestamp()) + LIFE)

    def test_retry_options_are_the_tasks_own(self):
        """DEF-26, TQ-02"""
        options = taskqueue.TaskRetryOptions(
            task_retry_limit=2, task_age_limit=90.5, min_backoff_seconds=2.3, max_backoff_seconds=300, max_doublings=3
        )
        deferred.defer(note, _retry_options=options)
        expected = {"maxAttempts": 3, "maxRetryDuration": "91s", "minBackoff": "2.3s", "maxBackoff": "300s", "maxDoublings": 3}
        self.assertEqual(self.only()["retryConfig"], expected)

    def test_a_name_is_used_once(self):
        """DEF-13, DEF-33"""
        task = deferred.defer(note, _name="mine")
        with self.assertRaises(taskqueue.TaskAlreadyExistsError):
            deferred.defer(note, _name="mine")
        taskqueue.Queue("default").delete_tasks(task)
        self.assertTrue(task.was_deleted)
        with self.assertRaises(taskqueue.TombstonedTaskError):
            deferred.defer(note, _name="mine")

    def test_a_queue_that_does_not_exist_is_unknown(self):
        """DEF-15"""
        with self.assertRaises(taskqueue.UnknownQueueError):
            deferred.defer(note, _queue="nowhere")

    def test_a_create_that_may_have_been_heard_is_asked_again_under_the_same_name(self):
        for failure in ("cut", cloudtasks.UNAVAILABLE):
            for heard in (True, False):
                with self.subTest(failure=failure, heard=heard):
                    self.service.failures, self.service.heard = [failure], heard
                    self.service.asked.clear()
                    self.service.tasks.clear()
                    task = deferred.defer(note)
                    self.assertEqual(len(self.service.asked), 2)
                    self.assertEqual(list(self.service.tasks), [f"{QUEUE}/tasks/{task.name}"])

    def test_a_service_that_stays_away_is_a_transient_error(self):
        self.service.failures = [cloudtasks.UNAVAILABLE] * 3
        with self.assertRaises(taskqueue.TransientError):
            deferred.defer(note)
        self.assertEqual(len(self.service.asked), 3)

    def test_a_name_of_the_programs_is_asked_for_once(self):
        self.service.failures = ["cut"]
        with self.assertRaises(taskqueue.TransientError):
            deferred.defer(note, _name="mine")
        self.assertEqual(len(self.service.asked), 1)

    def test_transactional_tasks_are_refused(self):
        """DEF-22"""
        with self.assertRaises(taskqueue.BadTransactionStateError):
            deferred.defer(note, _transactional=True)
        self.assertEqual(self.service.asked, [])


class Queues(Tasks):
    def test_tasks_of_one_call_are_made_together(self):
        """TQ-06"""
        tasks = [taskqueue.Task(url="/a", params={"n": n}) for n in range(20)]
        taskqueue.Queue("other").add(tasks)
        self.assertEqual(len(self.service.tasks), 20)
        self.assertTrue(all(task.was_enqueued for task in tasks))
        body = {task["httpRequest"]["headers"]["content-type"] for task in self.service.tasks.values()}
        self.assertEqual(body, {"application/x-www-form-urlencoded"})

    def test_one_name_that_is_taken_does_not_keep_the_others_out(self):
        taskqueue.add(url="/a", name="taken")
        with self.assertRaises(taskqueue.TaskAlreadyExistsError):
            taskqueue.Queue().add([taskqueue.Task(url="/a", name=name) for name in ("one", "taken", "other")])
        self.assertEqual({name.rpartition("/")[2] for name in self.service.tasks}, {"one", "taken", "other"})

    def test_an_add_may_be_waited_for_later(self):
        """TQ-11"""
        called = []
        rpc = taskqueue.create_rpc(callback=lambda: called.append(1))
        task = taskqueue.Task(url="/a")
        self.assertIs(task.add_async(rpc=rpc), rpc)
        self.assertIs(rpc.get_result(), task)
        self.assertEqual(called, [1])

    def test_a_get_has_its_query_and_no_body(self):
        taskqueue.add(url="/a", method="GET", params={"b": "c d"})
        asked = self.only()["httpRequest"]
        self.assertEqual((asked["url"], asked["httpMethod"]), ("https://app.example.com/a?b=c+d", "GET"))
        self.assertNotIn("body", asked)

    def test_purging_empties_a_queue(self):
        taskqueue.add(url="/a")
        taskqueue.Queue().purge()
        self.assertEqual(self.service.tasks, {})

    def test_headers_that_are_others_are_left_out(self):
        taskqueue.add(url="/a", headers={"X-AppEngine-Mine": "1", "X_Urlfetch_Deferred": "v1", "X-Mine": "1"})
        self.assertEqual(set(self.only()["httpRequest"]["headers"]) - {"content-type"}, {"X-Mine", HEADER})


class Delivering(Tasks):
    """What is delivered over HTTP to a server that is guarded."""

    def setUp(self):
        super().setUp()
        self.seen = []
        deferring = deferred.application

        def application(environ, start_response):
            self.seen.append(dict(environ))
            if environ["REQUEST_METHOD"] != "POST":
                start_response("200 OK", [])
                return [b"seen"]
            try:
                return deferring(environ, start_response)
            except ValueError:
                start_response("500 Internal Server Error", [])
                return [b"raised"]

        self.app = cloudtasks.Served(ours.guard(application, self.settings))
        self.addCleanup(self.app.close)

    def deliver(self, **changes):
        (name,) = self.service.tasks
        return self.service.deliver(name, self.app.url, **changes)

    def test_what_was_deferred_is_run(self):
        """DEF-02, DEF-18"""
        deferred.defer(note, 1, k=2)
        self.assertEqual(self.deliver(), (200, b"Success"))
        deferred.defer(note, 3, _url="/a%20path/~x")
        self.assertEqual(self.deliver(), (200, b"Success"))
        self.assertEqual(calls, [((1,), {"k": 2}), ((3,), {})])

    def test_it_looks_like_app_engine(self):
        """TQ-08"""
        task = deferred.defer(note)
        self.deliver()
        (environ,) = self.seen
        self.assertEqual(environ["REMOTE_ADDR"], "0.1.0.2")
        told = {name: value for name, value in environ.items() if name.startswith("HTTP_X_APPENGINE_")}
        expected = {"QUEUENAME": "default", "TASKNAME": task.name, "TASKRETRYCOUNT": "0", "TASKEXECUTIONCOUNT": "0"}
        expected["TASKETA"] = "1800000000.000000"
        self.assertEqual(told, {f"HTTP_X_APPENGINE_{name}": value for name, value in expected.items()})

    def test_the_outcome_decides_the_answer(self):
        """DEF-03 to DEF-05"""
        for how, status, content in (
            ("singular", HTTPStatus.REQUEST_TIMEOUT, b"SingularTaskFailure"),
            ("permanent", HTTPStatus.OK, b"PermanentTaskFailure"),
            ("other", HTTPStatus.INTERNAL_SERVER_ERROR, b"raised"),
        ):
            self.service.tasks.clear()
            deferred.defer(fail, how)
            self.assertEqual(self.deliver(), (status, content))

    def test_forgeries_are_refused_and_not_decoded(self):
        """DEF-07, DEF-40"""
        deferred.defer(note, "good")
        forged = pickle.dumps((note, ("forged",), {}))
        (task,) = self.service.tasks.values()
        envelope = task["httpRequest"]["headers"][HEADER]
        for changes in (
            {"body": forged},
            {"path": "/custom/path"},
            {"path": "/_ah/queue/deferred?a=b"},
            {"headers": {"X-CloudTasks-TaskName": "other"}},
            {"headers": {"X-CloudTasks-TaskName": None}},
            {"headers": {"X-CloudTasks-QueueName": "other"}},
            {"headers": {"Content-Type": "text/plain"}},
            {"headers": {HEADER: None, "X-AppEngine-TaskName": "mine"}, "body": forged},
            {"headers": {HEADER: None, "X_AppEngine_TaskName": "mine", "X-AppEngine-User-IP": "0.1.0.2"}, "body": forged},
            {"headers": {HEADER: envelope[:-1] + ("0" if envelope[-1] != "0" else "1")}},
            {"headers": {HEADER: envelope.upper()}},
            {"headers": {HEADER: ""}},
        ):
            with self.subTest(changes=changes):
                self.assertEqual(self.deliver(**changes)[0], 403)
        self.assertEqual(calls, [])
        self.assertEqual(self.deliver(), (200, b"Success"))

    def test_strangers_headers_are_taken_away(self):
        headers = {"X-AppEngine-TaskName": "mine", "X-AppEngine-User-IP": "0.1.0.2", "X-Google-Mine": "1", "X-Mine": "1"}
        self.assertEqual(cloudtasks.request("GET", f"{self.app.url}/a", headers=headers), (200, b"seen"))
        (environ,) = self.seen
        told = {name for name in environ if name.startswith(("HTTP_X_", "HTTP_X-"))}
        self.assertEqual((told, environ["REMOTE_ADDR"]), ({"HTTP_X_MINE"}, "127.0.0.1"))


class Envelopes(unittest.TestCase):
    SEALED = Sealed(
        "default", "0123456789abcdef0123456789abcdef", "POST", "/_ah/queue/deferred", "application/octet-stream", b"body"
    )

    def test_the_envelope_is_the_one_of_the_rust_crate(self):
        golden = Path(__file__).parents[3] / "guest/deferred/src/golden/envelopes.json"
        for one in json.loads(golden.read_text()):
            with self.subTest(one["claim"]):
                path = canonical(*one["path"].partition("?")[::2])
                self.assertEqual(path, one["canonical"])
                body = base64.b64decode(one["body"])
                sealed = Sealed(one["queue"], one["task"], one["method"], path, one["content_type"], body)
                keys = Keys(one["keys"])
                self.assertEqual(keys.seal(sealed, one["due"]), one["envelope"])
                keys.check(one["envelope"], sealed, one["due"])

    def test_the_first_key_signs_and_all_check_until_it_ends(self):
        old, new = Keys("old:" + "1" * 64), Keys(f"new:{'2' * 64},old:{'1' * 64}")
        new.check(old.seal(self.SEALED, 1000), self.SEALED, 1000 + LIFE)
        with self.assertRaisesRegex(Forgery, "expired"):
            new.check(old.seal(self.SEALED, 1000), self.SEALED, 1001 + LIFE)
        with self.assertRaisesRegex(Forgery, "not known"):
            old.check(new.seal(self.SEALED, 1000), self.SEALED, 1000)

    def test_no_bit_may_flip(self):
        keys = Keys(KEY)
        value = keys.seal(self.SEALED, 1000)
        for place in range(len(value)):
            for bit in range(7):
                flipped = value[:place] + chr(ord(value[place]) ^ 1 << bit) + value[place + 1 :]
                with self.assertRaises(Forgery):
                    keys.check(flipped, self.SEALED, 1000)

    def test_a_path_has_one_spelling_and_its_query_is_kept(self):
        for path, expected in (("/a%20b/%7e%2F", "/a%20b/~/"), ("/a+b:c@d", "/a%2Bb%3Ac%40d"), ("/%ff%", "/%FF%25")):
            self.assertEqual(canonical(path, ""), expected)
        self.assertEqual(canonical("/a", "b=%20?"), "/a?b=%20?")
        self.assertEqual(canonical(b"/\xff", ""), "/%FF")

    def test_settings_that_are_wrong_are_named(self):
        for name, value in (
            ("URLFETCH_DEFERRED_KEYS", "a:1"),
            ("URLFETCH_DEFERRED_KEYS", f"{KEY},{KEY}"),
            ("URLFETCH_TASKS_TARGET", "https://app.example.com/path"),
            ("URLFETCH_TASKS_API", "https://user@example.com"),
            ("URLFETCH_TASKS_LOCATION", "projects/../locations/l"),
        ):
            with self.assertRaisesRegex(ValueError, f"^{name}: "):
                ours.Settings.read({"URLFETCH_DEFERRED_KEYS": KEY, name: value})


class Programs(unittest.TestCase):
    """The three programs of App Engine's page, each a server of its own."""

    def test_each_counts_now_later_and_by_its_own_path(self):
        for module in ("serve_plain", "serve_flask", "serve_django"):
            with self.subTest(module=module):
                self.counts(module)

    def counts(self, module):
        service = cloudtasks.CloudTasks()
        self.addCleanup(service.close)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        environ = {
            **os.environ,
            "URLFETCH_DEFERRED_KEYS": KEY,
            "URLFETCH_TASKS_API": service.url,
            "COUNTER_FILE": f"{folder}/counter",
        }
        command = [sys.executable, str(Path(__file__).with_name("deferred_program.py")), module]
        app = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        watchdog = threading.Timer(300, app.kill)
        watchdog.start()
        try:
            url = app.stdout.readline().strip()
            self.assertTrue(url, "the program ended")
            get = lambda path: cloudtasks.request("GET", url + path)  # noqa: E731
            self.assertEqual(get("/counter/get"), (200, b"0"))
            self.assertEqual(get("/counter/increment"), (200, b"Deferred counter increment."))
            tasks = sorted(service.tasks.values(), key=lambda task: task.get("scheduleTime", ""))
            paths = [urllib.parse.urlsplit(task["httpRequest"]["url"]).path for task in tasks]
            self.assertEqual(paths, ["/_ah/queue/deferred", "/_ah/queue/deferred", "/custom/path"])
            self.assertEqual([("scheduleTime" in task) for task in tasks], [False, True, True])
            for task, count in zip(tasks, (b"10", b"20", b"30"), strict=True):
                forged = service.deliver(task["name"], url, headers={HEADER: None, "X-AppEngine-TaskName": "mine"})
                self.assertEqual(forged[0], 403)
                self.assertEqual(service.deliver(task["name"], url), (200, b"Success"))
                self.assertEqual(get("/counter/get"), (200, count))
        finally:
            watchdog.cancel()
            app.communicate()
