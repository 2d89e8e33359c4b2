"""Failures: the tree of exceptions, and what each tells."""

import urlfetch
from origin import TestCase, at, started


class Errors(TestCase):
    def test_the_tree_is_app_engines(self):
        """ERR-01"""
        downloads = {kind for kind in urlfetch.errors.BY_KIND.values() if issubclass(kind, urlfetch.DownloadError)}
        self.assertEqual(
            downloads,
            {
                urlfetch.DownloadError,
                urlfetch.DeadlineExceededError,
                urlfetch.DNSLookupFailedError,
                urlfetch.ConnectionClosedError,
                urlfetch.TooManyRedirectsError,
                urlfetch.MalformedReplyError,
            },
        )
        self.assertTrue(issubclass(urlfetch.PayloadTooLargeError, urlfetch.InvalidURLError))
        self.assertTrue(issubclass(urlfetch.Error, urlfetch.ApplicationError))

    def test_every_kind_of_the_wit_has_an_exception_of_its_own(self):
        self.assertEqual(len(set(urlfetch.errors.BY_KIND.values())), 18)

    def test_the_deadline_passes(self):
        """RPC-06"""
        rpc = started("/stall", deadline=0.01)
        with self.assertRaises(urlfetch.DeadlineExceededError) as raised:
            rpc.get_result()
        error = raised.exception
        self.assertEqual((error.code, error.kind, error.phase, error.url), (5, "deadline-exceeded", "request", at("/stall")))
        self.assertTrue(error.retryable)
        self.assertIn(at("/stall"), str(error))

    def test_the_same_error_is_raised_each_time(self):
        """STM-08, ERR-15"""
        rpc = started("/redirect/7")
        for ask in (rpc.check_success, rpc.get_result, rpc.check_success):
            with self.assertRaises(urlfetch.TooManyRedirectsError):
                ask()

    def test_an_http_error_status_is_a_result(self):
        """ERR-07"""
        self.assertEqual(urlfetch.fetch(at("/status/503")).status_code, 503)

    def test_either_except_clause_matches(self):
        """ERR-06"""
        with self.assertRaises(urlfetch.ApplicationError) as raised:
            started("ftp").check_success()
        self.assertIsInstance(raised.exception, urlfetch.Error)

    def test_too_much_content_is_carried_by_the_error(self):
        """ERR-19, SIZ-04"""
        client = urlfetch.Client()
        client.set_allow_private(True)
        client.set_max_response(10)
        with self.assertRaises(urlfetch.ResponseTooLargeError) as raised:
            client.fetch(at("/bytes/11"))
        self.assertEqual((raised.exception.response.content, raised.exception.response.content_was_truncated), (bytes(10), True))
        self.assertEqual(client.fetch(at("/bytes/11"), allow_truncated=True).content, bytes(10))

    def test_a_body_that_breaks_off_is_a_download_error(self):
        """ERR-10"""
        with self.assertRaises(urlfetch.DownloadError):
            urlfetch.fetch(at("/cut/100"))

    def test_private_addresses_are_refused_unless_allowed(self):
        with self.assertRaises(urlfetch.RefusedError):
            urlfetch.Client().fetch(at("/bytes/1"))

    def test_a_sealed_client_stays_as_it_is(self):
        client = urlfetch.Client()
        client.seal()
        with self.assertRaisesRegex(urlfetch.MisuseError, "max_redirects"):
            client.set_max_redirects(1)
        client.set_current_request("example.com", "/")
        with self.assertRaises(urlfetch.InvalidURLError):
            client.fetch("https://example.com/")


class BadInput(TestCase):
    """What the component never sees, because its types cannot carry it."""

    def test_a_url_that_is_no_text(self):
        """MFC-11"""
        for url in (b"http://example.com/", None, 7):
            with self.assertRaisesRegex(TypeError, "url must be text, not"):
                urlfetch.fetch(url)

    def test_a_header_name_that_is_no_text(self):
        """MFC-11"""
        for name in (b"x-a", 1, None):
            rpc = urlfetch.create_rpc()
            with self.assertRaisesRegex(TypeError, "headers: a name must be text, not"):
                urlfetch.make_fetch_call(rpc, at("/bytes/1"), headers={name: "a"})
            self.assertEqual(rpc.state, urlfetch.State.IDLE)

    def test_a_header_value_outside_latin_1(self):
        with self.assertRaisesRegex(ValueError, "headers: the value of 'x-a' is not latin-1"):
            urlfetch.fetch(at("/bytes/1"), headers={"x-a": "€"})

    def test_a_header_with_a_line_break(self):
        with self.assertRaisesRegex(ValueError, "x-a"):
            urlfetch.fetch(at("/bytes/1"), headers={"x-a": "a\r\nb: c"})

    def test_methods_that_are_none(self):
        """MFC-03"""
        for method in ("OPTIONS", "", None, 0, 7, b"GET", object()):
            with self.assertRaises(urlfetch.InvalidMethodError):
                urlfetch.fetch(at("/bytes/1"), method=method)

    def test_a_payload_that_is_neither_bytes_nor_text(self):
        with self.assertRaisesRegex(TypeError, "payload must be bytes or text, not dict"):
            urlfetch.fetch(at("/echo"), {"a": 1}, "POST")

    def test_a_deadline_that_is_no_number(self):
        with self.assertRaisesRegex(TypeError, "deadline must be a number of seconds, not str"):
            urlfetch.create_rpc("5")
        with self.assertRaisesRegex(TypeError, "default_deadline"):
            urlfetch.set_default_fetch_deadline("5")

    def test_a_deadline_without_meaning(self):
        """RPC-05"""
        for deadline in (0, -1, float("nan"), float("inf"), 10**400):
            with self.assertRaisesRegex(ValueError, "deadline"):
                urlfetch.create_rpc(deadline)

    def test_a_lone_surrogate_cannot_be_sent(self):
        with self.assertRaises(UnicodeEncodeError):
            urlfetch.fetch(at("/\udc00"))

    def test_a_setting_out_of_range_names_itself(self):
        client = urlfetch.Client()
        for value in (0, 10_001, -1, 2**40):
            with self.assertRaisesRegex(urlfetch.InvalidArgumentError, "max_in_flight"):
                client.set_max_in_flight(value)
        with self.assertRaisesRegex(TypeError, "hops must be a whole number, not str"):
            client.set_max_redirects("5")
        with self.assertRaisesRegex(TypeError, "origins must be a list"):
            client.set_allowed_origins("https://example.com")

    def test_an_rpc_is_started_once(self):
        """MFC-14"""
        rpc = started("/bytes/1")
        with self.assertRaises(AssertionError):
            urlfetch.make_fetch_call(rpc, at("/bytes/1"))
        rpc.wait()

    def test_an_idle_rpc_cannot_be_waited_for(self):
        """STM-02"""
        for ask in ("wait", "check_success", "get_result"):
            with self.assertRaises(AssertionError):
                getattr(urlfetch.create_rpc(), ask)()

    def test_only_an_rpc_of_ours_is_started(self):
        """MFC-06"""
        with self.assertRaisesRegex(AssertionError, "rpc must be an Rpc, not str"):
            urlfetch.make_fetch_call("rpc", at("/bytes/1"))
