"""The programs of examples/appengine-python, as they are."""

import io
import urllib.parse

import app
import callbacks
import single
from origin import TestCase, at
from urlfetch.appengine import register


class Examples(TestCase):
    def setUp(self):
        super().setUp()
        register()

    def ask(self, path, *urls):
        query = urllib.parse.urlencode([("url", url) for url in urls])
        answer = []
        chunks = app.application(
            {"PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": io.BytesIO()}, lambda *start: answer.append(start[0])
        )
        return answer[0], b"".join(chunks)

    def test_a_single_fetch(self):
        self.assertEqual(single.single(at("/delay/20/9")), bytes(9))
        self.assertIsNone(single.single(at("/close")))

    def test_many_with_callbacks(self):
        callbacks.results.clear()
        callbacks.fetch_all([at(f"/delay/20/{n}") for n in range(10)])
        self.assertEqual([len(result.content) for result in callbacks.results], list(range(10)))

    def test_both_behind_wsgi(self):
        self.assertEqual(self.ask("/single", at("/bytes/3")), ("200 OK", bytes(3)))
        self.assertEqual(self.ask("/callbacks", at("/bytes/3"), at("/status/404")), ("200 OK", b"200 3\n404 0\n"))
        self.assertEqual(self.ask("/")[0], "404 Not Found")
