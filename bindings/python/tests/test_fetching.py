"""One rpc: its life, its callback, what it gives."""

import urlfetch
from origin import TestCase, at, started


class Fetching(TestCase):
    def test_an_rpc_is_idle_then_running_then_finishing(self):
        """RPC-01, STM-01"""
        rpc = urlfetch.create_rpc(deadline=7)
        self.assertEqual((rpc.state, rpc.service, rpc.deadline), (urlfetch.State.IDLE, "urlfetch", 7.0))
        urlfetch.make_fetch_call(rpc, at("/stall"))
        self.assertEqual(rpc.state, urlfetch.State.RUNNING)
        rpc.cancel()
        rpc.wait()
        self.assertEqual(rpc.state, urlfetch.State.FINISHING)

    def test_the_deadline_cannot_be_assigned(self):
        """STM-11"""
        with self.assertRaises(AttributeError):
            urlfetch.create_rpc(deadline=1).deadline = 2

    def test_the_default_deadline_is_taken_at_creation(self):
        """RPC-02, RPC-04"""
        urlfetch.set_default_fetch_deadline(3)
        rpc = urlfetch.create_rpc()
        urlfetch.set_default_fetch_deadline(4)
        self.assertEqual((rpc.deadline, urlfetch.get_default_fetch_deadline()), (3.0, 4.0))

    def test_every_request_field_has_a_default(self):
        result = urlfetch.fetch(at("/bytes/5"))
        self.assertEqual((result.status_code, result.content, result.final_url), (200, bytes(5), None))
        self.assertFalse(result.content_was_truncated)

    def test_make_fetch_call_gives_the_same_rpc(self):
        """MFC-17"""
        rpc = urlfetch.create_rpc()
        self.assertIs(urlfetch.make_fetch_call(rpc, at("/bytes/0")), rpc)
        rpc.wait()

    def test_methods_are_constants_or_names_in_any_case(self):
        """MFC-02"""
        for method in (urlfetch.PUT, "PUT", "put"):
            self.assertEqual(urlfetch.fetch(at("/echo"), b"x", method).json()["method"], "PUT")

    def test_payload_text_is_sent_as_utf_8(self):
        """MFC-07"""
        self.assertEqual(urlfetch.fetch(at("/echo"), "Grüße", "POST").json()["body"], "Grüße")

    def test_header_values_are_text_bytes_or_anything_that_prints(self):
        """MFC-12"""
        sent = urlfetch.fetch(at("/echo"), headers={"X-A": "a", "X-B": b"b", "X-C": 3}).json()["headers"]
        self.assertLessEqual({("x-a", "a"), ("x-b", "b"), ("x-c", "3")}, {tuple(line) for line in sent})

    def test_headers_may_be_pairs_and_repeat(self):
        sent = urlfetch.fetch(at("/echo"), headers=[("X-A", "1"), ("x-a", "2")]).json()["headers"]
        self.assertEqual([value for name, value in sent if name == "x-a"], ["1", "2"])

    def test_result_headers_have_no_case(self):
        """HDR-12"""
        headers = urlfetch.fetch(at("/echo")).headers
        self.assertEqual(headers["Content-Type"], headers["content-type"])
        self.assertIn("CONTENT-TYPE", headers)
        self.assertNotIn("no-such", headers)
        self.assertIsNone(headers.get("no-such"))

    def test_repeated_headers_are_joined_and_can_be_told_apart(self):
        """HDR-08"""
        headers = urlfetch.Headers([("set-cookie", b"a=1"), ("Set-Cookie", b"b=\xe9")])
        self.assertEqual((headers["SET-COOKIE"], len(headers)), ("a=1, b=é", 1))
        self.assertEqual(headers.get_all("set-cookie"), ["a=1", "b=é"])

    def test_a_redirect_that_was_followed_is_told(self):
        """RED-18"""
        rpc = started("/redirect/2")
        self.assertEqual(rpc.get_result().final_url, at("/redirect/0"))
        self.assertEqual([hop.status for hop in rpc.hops], [302, 302, 200])

    def test_headers_that_are_not_sent_are_named(self):
        """HDR-01"""
        self.assertEqual(started("/bytes/0", headers={"Host": "elsewhere", "X-A": "a"}).rejected_headers, ["Host"])

    def test_two_results_are_equal_and_distinct(self):
        """MFC-16"""
        rpc = started("/bytes/9")
        first, second = rpc.get_result(), rpc.get_result()
        self.assertEqual(first, second)
        self.assertIsNot(first, second)
        self.assertEqual((rpc.received, rpc.into_result()), (9, first))

    def test_cancelling_finishes_a_running_rpc_and_its_callback_is_due(self):
        called = []
        rpc = started("/stall", callback=lambda: called.append(1))
        self.assertTrue(rpc.cancel())
        self.assertFalse(rpc.cancel())
        with self.assertRaises(urlfetch.CancelledError):
            rpc.get_result()
        self.assertEqual(called, [1])


class Callbacks(TestCase):
    def test_a_callback_runs_once_and_without_arguments(self):
        """CBK-01, CBK-02"""
        called = []
        rpc = started("/bytes/1", callback=lambda *arguments: called.append(arguments))
        rpc.wait()
        rpc.wait()
        rpc.get_result()
        urlfetch.wait_all([rpc])
        self.assertEqual(called, [()])

    def test_a_callback_runs_after_a_failure_as_well(self):
        """CBK-03"""
        called = []
        with self.assertRaises(urlfetch.DeadlineExceededError):
            started("/stall", deadline=0.01, callback=lambda: called.append(1)).check_success()
        self.assertEqual(called, [1])

    def test_a_callback_may_be_assigned_until_the_first_wait(self):
        """CBK-05, CBK-15"""
        called = []
        rpc = started("/bytes/1")
        rpc.callback = lambda: called.append("first")
        rpc.wait()
        rpc.callback = lambda: called.append("second")
        rpc.wait()
        self.assertEqual(called, ["first"])

    def test_a_wait_runs_no_other_callback(self):
        """CBK-04"""
        called = []
        rpcs = [started("/bytes/1", callback=lambda n=n: called.append(n)) for n in range(3)]
        rpcs[1].wait()
        self.assertEqual(called, [1])
        urlfetch.wait_all(rpcs)
        self.assertEqual(sorted(called), [0, 1, 2])

    def test_an_exception_leaves_the_wait_and_not_the_rpc(self):
        """CBK-08, CBK-09, CBK-14"""

        def angry():
            raise KeyError("mine")

        rpc = started("/bytes/4", callback=angry)
        with self.assertRaises(KeyError):
            rpc.get_result()
        self.assertEqual(len(rpc.get_result().content), 4)

    def test_a_callback_may_ask_its_own_rpc(self):
        """CBK-07"""
        sizes = []
        rpc = urlfetch.create_rpc()
        rpc.callback = lambda: sizes.append(len(rpc.get_result().content))
        urlfetch.make_fetch_call(rpc, at("/bytes/6")).wait()
        self.assertEqual(sizes, [6])

    def test_what_cannot_be_called_is_found_out_when_it_is_due(self):
        """CBK-18"""
        rpc = started("/bytes/1", callback="no function")
        with self.assertRaisesRegex(TypeError, "callback must be callable, not str"):
            rpc.wait()
        rpc.wait()
