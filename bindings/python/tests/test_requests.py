"""`requests` over the adapter."""

import io

import requests
import urlfetch
from origin import TestCase, at
from urlfetch.adapter import UnsupportedByURLFetch, URLFetchAdapter


class Requests(TestCase):
    def setUp(self):
        super().setUp()
        self.session = requests.Session()
        # The environment's proxies and roots are not the host's.
        self.session.trust_env = False
        for prefix in ("http://", "https://"):
            self.session.mount(prefix, URLFetchAdapter())

    def test_a_get(self):
        response = self.session.get(at("/echo"), params={"q": "a b"}, headers={"X-A": "a"})
        self.assertEqual((response.status_code, response.reason, response.ok), (200, "OK", True))
        self.assertEqual(response.headers["content-TYPE"], "application/json")
        self.assertTrue(response.json()["uri"].endswith("/echo?q=a+b"))

    def test_bodies_of_every_kind(self):
        for body, sent in (
            ({"data": {"a": "b"}}, "a=b"),
            ({"json": {"a": 1}}, '{"a": 1}'),
            ({"data": b"raw"}, "raw"),
            ({"data": io.BytesIO(b"file")}, "file"),
            ({"data": (part for part in (b"it", b"er"))}, "iter"),
        ):
            self.assertEqual(self.session.post(at("/echo"), **body).json()["body"], sent)

    def test_redirects_are_those_of_requests(self):
        response = self.session.get(at("/redirect/2"))
        self.assertEqual([one.status_code for one in response.history], [302, 302])
        self.assertEqual((response.url, response.content), (at("/redirect/0"), b"arrived\n"))
        self.assertEqual(self.session.get(at("/redirect/2"), allow_redirects=False).status_code, 302)

    def test_gzip_is_decoded(self):
        self.assertEqual(self.session.get(at("/gzip/5000")).content, bytes(5000))

    def test_a_head_has_no_content(self):
        self.assertEqual(self.session.head(at("/bytes/10")).content, b"")

    def test_an_error_status_raises_when_asked_to(self):
        with self.assertRaises(requests.HTTPError):
            self.session.get(at("/status/404")).raise_for_status()

    def test_failures_are_the_exceptions_that_users_catch(self):
        for path, options, kind in (
            ("/stall", {"timeout": 0.01}, requests.ReadTimeout),
            ("/stall", {"timeout": (0.005, 0.005)}, requests.Timeout),
            ("/redirect/40", {}, requests.TooManyRedirects),
            ("/close", {}, requests.ConnectionError),
        ):
            with self.assertRaises(kind) as raised:
                self.session.get(at(path), **options)
            self.assertEqual(raised.exception.request.method, "GET")

    def test_a_body_that_breaks_off(self):
        with self.assertRaises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            self.session.get(at("/cut/100"))

    def test_policy_refuses_as_a_connection_error(self):
        self.session.mount("http://", URLFetchAdapter(urlfetch.Client()))
        with self.assertRaisesRegex(requests.ConnectionError, "private"):
            self.session.get(at("/bytes/1"))

    def test_what_cannot_be_granted_is_refused_loudly(self):
        for url, options, word in (
            (at("/bytes/1"), {"stream": True}, "stream"),
            (at("/bytes/1"), {"cert": "client.pem"}, "cert"),
            (at("/bytes/1"), {"proxies": {"http": "http://127.0.0.1:1"}}, "prox"),
            ("https://127.0.0.1/", {"verify": False}, "validat"),
            ("https://127.0.0.1/", {"verify": "roots.pem"}, "verify"),
        ):
            with self.assertRaisesRegex(UnsupportedByURLFetch, word):
                self.session.get(url, **options)

    def test_a_method_that_is_none_of_the_six(self):
        with self.assertRaises(requests.RequestException):
            self.session.options(at("/"))
