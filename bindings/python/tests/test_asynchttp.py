"""asynchttp: promises, one thread."""

import logging

import asynchttp
import urlfetch
from origin import TestCase, at


class AsyncHttp(TestCase):
    def http(self, *arguments, **options):
        return asynchttp.Http(*arguments, client=urlfetch.shared(), **options)

    def test_request_returns_promises_at_once(self):
        """AHT-02"""
        response, content = self.http().request(at("/delay/40/3"))
        self.assertFalse(response.done() or content.done())
        self.assertEqual((response.status, response["status"], response.reason, len(content)), (200, "200", "OK", 3))
        self.assertTrue(response.done() and content.done())

    def test_the_content_is_forwarded_and_is_no_text_itself(self):
        """AHT-08"""
        _, content = self.http().request(at("/redirect/0"))
        self.assertEqual((str(content), repr(content), bytes(content)), ("arrived\n", "b'arrived\\n'", b"arrived\n"))
        self.assertEqual((content.upper(), content[:3], content + b"!"), (b"ARRIVED\n", b"arr", b"arrived\n!"))
        self.assertNotIsInstance(content, (bytes, str))

    def test_a_failure_is_raised_on_every_touch_and_not_before(self):
        """AHT-02, AHT-03, AHT-06, AHT-07"""
        response, content = self.http().request(at("/redirect/9"))
        for touch in (lambda: response.status, lambda: response["x"], lambda: str(content), lambda: len(content)) * 2:
            with self.assertRaises(urlfetch.TooManyRedirectsError):
                touch()

    def test_what_cannot_even_begin_is_raised_on_touch(self):
        """AHT-02"""
        response, _ = self.http().request(at("/"), "CONNECT")
        with self.assertRaises(urlfetch.InvalidMethodError):
            response.status

    def test_five_are_out_at_once_and_the_rest_follow_in_order(self):
        """AHT-01, AHT-09, AHT-10, AHT-12"""
        http = self.http()
        self.assertEqual(http.max_workers, 5)
        sent = []
        for n in range(8):
            http.request(at(f"/delay/10/{n}"), callback=lambda promise: sent.append((len(promise.content), len(http._sent))))
            self.assertLessEqual(len(http._sent), 5)
        self.assertEqual([promise.uri for promise in http._queue], [at(f"/delay/10/{n}") for n in (5, 6, 7)])
        http.wait()
        self.assertEqual(sorted(size for size, _ in sent), list(range(8)))
        self.assertLessEqual(max(out for _, out in sent), 5)

    def test_one_worker_keeps_the_order(self):
        """AHT-09"""
        order = []
        http = self.http(1)
        for n in (3, 1, 2):
            http.request(at(f"/bytes/{n}"), callback=lambda promise: order.append(len(promise.content)))
        http.wait()
        self.assertEqual(order, [3, 1, 2])

    def test_a_callback_may_rewrite_the_response_before_anyone_sees_it(self):
        """AHT-04"""

        def rewrite(promise):
            self.assertFalse(promise.done())
            promise.response["x-size"] = len(promise.content)
            promise.content = "rewritten"

        response, content = self.http().request(at("/bytes/7"), callback=rewrite)
        self.assertEqual((str(content), response["x-size"]), ("rewritten", 7))

    def test_what_a_callback_raises_is_raised_on_touch(self):
        """AHT-05"""

        def angry(promise):
            raise KeyError("mine")

        with self.assertLogs("asynchttp", "ERROR") as logs:
            response, _ = self.http().request(at("/bytes/1"), callback=angry)
            for _ in range(2):
                with self.assertRaises(KeyError):
                    response.status
        self.assertIn("test_what_a_callback_raises", "".join(logs.output))

    def test_the_requests_own_error_wins_over_the_callbacks(self):
        """AHT-05"""

        def angry(promise):
            raise KeyError("mine")

        with self.assertLogs("asynchttp", "ERROR"):
            response, _ = self.http().request(at("/redirect/9"), callback=angry)
            with self.assertRaises(urlfetch.TooManyRedirectsError):
                response.status

    def test_a_callback_that_waits_for_itself_is_told(self):
        response = None

        def selfish(promise):
            response.status

        with self.assertLogs("asynchttp", "ERROR"):
            response, _ = self.http().request(at("/bytes/1"), callback=selfish)
            with self.assertRaisesRegex(RuntimeError, "waits for its own request"):
                response.status

    def test_a_callback_may_wait_for_another(self):
        http = self.http()
        other, _ = http.request(at("/delay/60/1"))
        seen = []
        mine, _ = http.request(at("/bytes/1"), callback=lambda promise: seen.append(other.status))
        self.assertEqual((mine.status, seen), (200, [200]))

    def test_every_step_is_logged_and_raising_names_the_caller(self):
        """AHT-11"""
        with self.assertLogs("asynchttp", "DEBUG") as logs:
            response, _ = self.http().request(at("/redirect/9"))
            with self.assertRaises(urlfetch.Error):
                response.status
        levels = [record.levelno for record in logs.records]
        self.assertEqual((levels.count(logging.INFO), levels[-1]), (1, logging.INFO))
        for step in ("queued", "sending", "failed", "released"):
            self.assertTrue(any(step in line for line in logs.output), step)
        self.assertIn("test_every_step_is_logged", logs.output[-1])

    def test_options_and_credentials_hold_for_what_is_sent_later(self):
        """AHT-09"""
        http = self.http(timeout=20)
        http.add_credentials("user", "secret")
        http.follow_redirects = False
        _, content = http.request(at("/echo"))
        self.assertIn("Basic dXNlcjpzZWNyZXQ=", str(content))
        self.assertEqual(http.request(at("/redirect/1"))[0].status, 302)

    def test_headers_have_httplib2s_shape(self):
        response, _ = self.http().request(at("/redirect/1"))
        self.assertEqual(response["content-location"], at("/redirect/0"))
        self.assertIn("content-length", response)

    def test_max_workers_is_a_number_above_zero(self):
        for workers in (0, -1, "5"):
            with self.assertRaisesRegex(ValueError, "max_workers"):
                self.http(workers)
