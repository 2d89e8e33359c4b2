"""Google's SDK, as it comes from the registry, over our service."""

import functools
from concurrent import futures

from google.appengine.api import apiproxy_rpc, apiproxy_stub_map, urlfetch, urlfetch_service_pb2
from google.appengine.runtime import apiproxy_errors

import urlfetch as ours
from origin import TestCase, at
from urlfetch.appengine import CallRefusedError, ServiceError, URLFetchServiceStub, register

UserRPC = apiproxy_stub_map.UserRPC


def started(path, deadline=None, callback=None, **options):
    return urlfetch.make_fetch_call(urlfetch.create_rpc(deadline, callback), at(path), **options)


class Registered(TestCase):
    def setUp(self):
        super().setUp()
        register()
        apiproxy_stub_map.apiproxy.GetPreCallHooks().Clear()
        apiproxy_stub_map.apiproxy.GetPostCallHooks().Clear()


class AppEngine(Registered):
    def test_fetch_gives_googles_result(self):
        """MFC-18"""
        result = urlfetch.fetch(at("/echo"), "payload", urlfetch.POST, {"X-A": "a"})
        self.assertIs(type(result), urlfetch._URLFetchResult)
        self.assertEqual((result.status_code, result.final_url), (200, None))
        self.assertEqual(result.headers["CONTENT-type"], "application/json")
        self.assertIn(b'"payload"', result.content)

    def test_the_rpc_is_googles_and_finishes_without_a_wait(self):
        """STM-05"""
        rpc = started("/bytes/3")
        self.assertIs(type(rpc), UserRPC)
        while rpc.state == apiproxy_rpc.RPC.RUNNING:
            ours.shared().turn()
        self.assertEqual(rpc.state, apiproxy_rpc.RPC.FINISHING)

    def test_a_wait_on_one_moves_all(self):
        rpcs = [started("/bytes/3") for _ in range(5)]
        while any(rpc.state == apiproxy_rpc.RPC.RUNNING for rpc in rpcs):
            started("/bytes/1").wait()
        self.assertEqual([len(rpc.get_result().content) for rpc in rpcs], [3] * 5)

    def test_callbacks_run_once_in_the_wait_of_their_own_rpc(self):
        """CBK-02, CBK-04"""
        called = []
        rpcs = [started("/bytes/1", callback=functools.partial(called.append, n)) for n in range(3)]
        rpcs[2].wait()
        self.assertEqual(called, [2])
        UserRPC.wait_all(rpcs)
        self.assertEqual(sorted(called), [0, 1, 2])

    def test_due_and_finished_come_together(self):
        """CBK-21"""
        called = []
        rpc = started("/bytes/1", callback=lambda: called.append(1))
        while rpc.state != apiproxy_rpc.RPC.FINISHING:
            ours.shared().turn()
        rpc.wait()
        self.assertEqual(called, [1])

    def test_what_cannot_be_called_is_found_out_when_it_is_due(self):
        """CBK-18"""
        with self.assertRaises(TypeError):
            started("/bytes/1", callback="no function").wait()

    def test_an_rpc_that_fails_first_is_seen_by_wait_any(self):
        """WAN-06"""
        slow, failing = started("/stall", deadline=20), started("/stall", deadline=0.01)
        self.assertIs(UserRPC.wait_any([slow, failing]), failing)
        self.assertEqual(slow.state, apiproxy_rpc.RPC.RUNNING)
        with self.assertRaises(urlfetch.DeadlineExceededError):
            failing.get_result()

    def test_the_first_in_order_is_given(self):
        """WAN-04"""
        stalled, first, second = started("/stall"), started("/bytes/1"), started("/bytes/1")
        self.assertIs(UserRPC.wait_any([stalled, first]), first)
        UserRPC.wait_all([second])
        self.assertIs(UserRPC.wait_any([stalled, second, first]), second)
        self.assertIs(UserRPC.wait_any([stalled, first, second]), first)

    def test_bad_collections_are_refused(self):
        """WAN-01, WAN-02, WAN-03, WAN-09, WAN-13"""
        self.assertIsNone(UserRPC.wait_any([]))
        with self.assertRaises(AssertionError):
            UserRPC.wait_any(iter([started("/bytes/1")]))
        with self.assertRaises(AssertionError):
            UserRPC.wait_any([urlfetch.create_rpc()])
        with self.assertRaises(TypeError):
            UserRPC.wait_any(None)

    def test_cancellers_lose_to_what_has_finished(self):
        """CAN-01, CAN-03"""
        canceller = apiproxy_stub_map.WaitCanceller()
        canceller.cancel()
        running, finished = started("/stall"), started("/bytes/1")
        self.assertIs(UserRPC.wait_any([running, canceller]), canceller)
        finished.wait()
        self.assertIs(UserRPC.wait_any([canceller, finished]), finished)

    def test_futures_are_pythons(self):
        stalled, finishing = started("/stall"), started("/bytes/1")
        self.assertIs(next(futures.as_completed([stalled.future, finishing.future])), finishing.future)
        self.assertIsNone(finishing.future.result())
        with self.assertRaises(TimeoutError):
            stalled.future.result(0.01)

    def test_errors_are_googles(self):
        """ERR-01, ERR-06, ERR-17"""
        for path, kind in (
            ("/redirect/9", urlfetch.TooManyRedirectsError),
            ("/cut/9", urlfetch.DownloadError),
            ("/close", urlfetch.DownloadError),
        ):
            rpc = started(path)
            with self.assertRaisesRegex(kind, at(path)):
                rpc.get_result()
            with self.assertRaises(apiproxy_errors.ApplicationError):
                rpc.check_success()
        with self.assertRaisesRegex(urlfetch.InvalidURLError, "ftp"):
            urlfetch.fetch("ftp://example.com/")
        with self.assertRaises(urlfetch.InvalidMethodError):
            urlfetch.fetch(at("/"), method=b"GET")

    def test_what_app_engine_has_no_code_for_is_a_download_error(self):
        """ERR-04"""
        ours.shared().set_allow_private(False)
        with self.assertRaisesRegex(urlfetch.DownloadError, "private") as raised:
            urlfetch.fetch(at("/bytes/1"))
        self.assertIsInstance(raised.exception, ServiceError)

    def test_a_call_that_cannot_begin_leaves_the_rpc_idle(self):
        """RPC-05, MFC-21, STM-12"""
        for options in ({"headers": {"a": "b\nc"}}, {"headers": {"a": "€"}}):
            rpc = urlfetch.create_rpc()
            with self.assertRaises(CallRefusedError):
                urlfetch.make_fetch_call(rpc, at("/"), **options)
            self.assertEqual(rpc.state, apiproxy_rpc.RPC.IDLE)
        with self.assertRaisesRegex(urlfetch.Error, "validate"):
            urlfetch.fetch("https://example.com/", validate_certificate=False)
        with self.assertRaisesRegex(ValueError, "deadline"):
            urlfetch.fetch(at("/"), deadline=-1)

    def test_header_names_and_urls_are_text(self):
        """MFC-11"""
        with self.assertRaises(TypeError):
            urlfetch.fetch(at("/"), headers={1: "b"})
        with self.assertRaises(TypeError):
            urlfetch.fetch(None)

    def test_truncation_is_an_error_of_get_result_alone(self):
        """SIZ-04, ERR-19"""
        client = ours.Client()
        client.set_allow_private(True)
        client.set_max_response(5)
        register(client=client)
        rpc = started("/bytes/6")
        rpc.check_success()
        with self.assertRaises(urlfetch.ResponseTooLargeError) as raised:
            rpc.get_result()
        self.assertEqual(raised.exception.response.content, bytes(5))
        self.assertTrue(started("/bytes/6", allow_truncated=True).get_result().content_was_truncated)

    def test_an_rpc_is_one_fetch(self):
        """MFC-14, MFC-19"""
        rpc = urlfetch.create_rpc()
        with self.assertRaises(urlfetch.InvalidMethodError):
            urlfetch.make_fetch_call(rpc, at("/"), method="CONNECT")
        urlfetch.make_fetch_call(rpc, at("/bytes/1"))
        with self.assertRaises(AssertionError):
            urlfetch.make_fetch_call(rpc, at("/bytes/1"))
        rpc.wait()


class Hooks(Registered):
    def test_hooks_are_called_with_as_many_arguments_as_they_declare(self):
        """HOK-03, HOK-08, HOK-09, HOK-13"""
        seen = {}

        def four(service, call, request, response):
            seen["four"] = (service, call)

        def five(service, call, request, response, rpc):
            seen["five"] = type(rpc).__name__

        def six(service, call, request, response, rpc, error):
            seen["six"] = error

        def any_number(*arguments):
            seen["any"] = len(arguments)

        class Bound:
            def hook(self, service, call, request, response, rpc):
                seen["bound"] = True

        hooks = apiproxy_stub_map.apiproxy.GetPostCallHooks()
        for name, hook in (("4", four), ("5", five), ("6", six), ("*", any_number), ("b", Bound().hook)):
            self.assertTrue(hooks.Append(name, hook))
        started("/bytes/1").get_result()
        self.assertEqual(seen, {"four": ("urlfetch", "Fetch"), "five": "URLFetchRPC", "six": None, "any": 4, "bound": True})

    def test_after_a_failure_only_six_parameters_are_called(self):
        """HOK-02, HOK-07"""
        seen = []

        def four(service, call, request, response):
            seen.append("four")

        def six(service, call, request, response, rpc, error):
            seen.append(error.application_error)

        hooks = apiproxy_stub_map.apiproxy.GetPostCallHooks()
        hooks.Append("4", four)
        hooks.Append("6", six)
        rpc = started("/redirect/9")
        for _ in range(2):
            with self.assertRaises(urlfetch.TooManyRedirectsError):
                rpc.get_result()
        self.assertEqual(seen, [urlfetch_service_pb2.URLFetchServiceError.TOO_MANY_REDIRECTS])

    def test_a_pre_call_hook_sees_the_request_and_may_stop_it(self):
        """HOK-10, STM-12"""

        def no(service, call, request, response):
            raise PermissionError(request.Url)

        apiproxy_stub_map.apiproxy.GetPreCallHooks().Append("no", no, "urlfetch")
        rpc = urlfetch.create_rpc()
        with self.assertRaisesRegex(PermissionError, "/bytes/1"):
            urlfetch.make_fetch_call(rpc, at("/bytes/1"))
        self.assertEqual(rpc.state, apiproxy_rpc.RPC.IDLE)


class ExtensionPoints(TestCase):
    def test_an_injected_map_uses_its_own_stub_and_hooks(self):
        """STB-05"""
        stub_map = apiproxy_stub_map.APIProxyStubMap()
        stub_map.RegisterStub("urlfetch", URLFetchServiceStub())
        with self.assertRaises(AssertionError):
            stub_map.RegisterStub("urlfetch", URLFetchServiceStub())
        seen = []
        stub_map.GetPreCallHooks().Append("seen", lambda service, call, request, response: seen.append(call))
        rpc = urlfetch.make_fetch_call(UserRPC("urlfetch", stubmap=stub_map), at("/bytes/2"))
        self.assertEqual((len(rpc.get_result().content), seen), (2, ["Fetch"]))

    def test_a_synchronous_call_through_the_map(self):
        """HOK-11"""
        stub_map = apiproxy_stub_map.APIProxyStubMap()
        stub_map.RegisterStub("urlfetch", URLFetchServiceStub())
        request, response = urlfetch_service_pb2.URLFetchRequest(), urlfetch_service_pb2.URLFetchResponse()
        request.Url, request.Method = at("/bytes/4"), urlfetch_service_pb2.URLFetchRequest.GET
        stub_map.MakeSyncCall("urlfetch", "Fetch", request, response)
        self.assertEqual((response.StatusCode, response.Content), (200, bytes(4)))

    def test_a_stub_of_another_service_waits_beside_ours(self):
        """STB-06"""

        class Other:
            """A service of the old kind: it answers when it is waited for."""

            def CreateRPC(self):
                return apiproxy_rpc.RPC(stub=self)

            def MakeSyncCall(self, service, call, request, response, request_id=None):
                response["asked"] = call

        register()
        apiproxy_stub_map.apiproxy.ReplaceStub("other", Other())
        answer = {"asked": None}
        other = UserRPC("other")
        other.make_call("Ask", None, answer)
        mine = urlfetch.make_fetch_call(urlfetch.create_rpc(), at("/bytes/1"))
        UserRPC.wait_all([other, mine])
        self.assertEqual((answer["asked"], mine.get_result().status_code), ("Ask", 200))

    def test_no_stub_is_found_out_at_creation(self):
        """STB-01"""
        with self.assertRaises(AssertionError):
            UserRPC("urlfetch", stubmap=apiproxy_stub_map.APIProxyStubMap())
