"""Waits for many: which rpc, in which order, and what ends them."""

import urlfetch
from origin import TestCase, at, started


class Waiting(TestCase):
    def test_ten_fetches_are_out_at_once(self):
        rpcs = [started("/stall") for _ in range(10)]
        urlfetch.shared().turn(0)
        self.assertEqual([[hop.status for hop in rpc.hops] for rpc in rpcs], [[0]] * 10)
        for rpc in rpcs:
            rpc.cancel()

    def test_nothing_to_wait_for_gives_none(self):
        """WAN-01"""
        self.assertIsNone(urlfetch.wait_any([]))

    def test_an_iterator_is_refused(self):
        """WAN-02"""
        rpc = started("/bytes/1")
        with self.assertRaisesRegex(AssertionError, "rpcs must be a collection, not an iterator"):
            urlfetch.wait_any(iter([rpc]))
        with self.assertRaises(AssertionError):
            urlfetch.wait_any(member for member in [rpc])
        rpc.wait()

    def test_none_is_a_type_error(self):
        """WAN-13"""
        with self.assertRaises(TypeError):
            urlfetch.wait_any(None)

    def test_tuples_sets_and_mappings_are_collections(self):
        """WAN-10"""
        rpc = started("/bytes/1")
        for collection in ((rpc,), {rpc}, {rpc: "x"}):
            self.assertIs(urlfetch.wait_any(collection), rpc)

    def test_foreign_things_are_refused(self):
        """WAN-09"""
        for verb in (urlfetch.wait_any, urlfetch.wait_all):
            with self.assertRaisesRegex(urlfetch.MisuseError, "rpcs holds a str"):
                verb(["no rpc"])

    def test_an_idle_member_is_refused(self):
        """WAN-03"""
        with self.assertRaises(AssertionError):
            urlfetch.wait_any([started("/bytes/1"), urlfetch.create_rpc()])

    def test_the_first_finished_in_order_of_the_collection_is_given(self):
        """WAN-04"""
        slow, fast = started("/stall"), started("/bytes/1")
        self.assertIs(urlfetch.wait_any([slow, fast]), fast)
        slow.cancel()
        self.assertIs(urlfetch.wait_any([slow, fast]), slow)
        self.assertIs(urlfetch.wait_any([slow, fast]), slow)

    def test_a_failed_rpc_is_given_and_not_raised(self):
        """WAN-06"""
        failing, other = started("/stall", deadline=0.01), started("/stall")
        self.assertIs(urlfetch.wait_any([other, failing]), failing)
        other.cancel()

    def test_only_the_given_rpc_is_called_back(self):
        """WAN-05"""
        called = []
        rpcs = [started("/bytes/1", callback=lambda n=n: called.append(n)) for n in range(2)]
        rpcs[0].wait()
        rpcs[1].wait()
        self.assertIs(urlfetch.wait_any(rpcs), rpcs[0])
        self.assertEqual(called, [0, 1])

    def test_wait_all_takes_iterators_and_duplicates(self):
        """WAL-02"""
        called = []
        rpc = started("/bytes/1", callback=lambda: called.append(1))
        urlfetch.wait_all(iter([rpc, rpc]))
        self.assertEqual(called, [1])

    def test_a_callback_exception_leaves_wait_all_which_can_be_called_again(self):
        """WAL-06"""
        called = []

        def angry():
            called.append("angry")
            raise KeyError("mine")

        rpcs = [started("/bytes/1", callback=angry), started("/bytes/1", callback=lambda: called.append("calm"))]
        with self.assertRaises(KeyError):
            while True:
                urlfetch.wait_all(rpcs)
        urlfetch.wait_all(rpcs)
        self.assertEqual(sorted(called), ["angry", "calm"])

    def test_wait_all_refuses_a_canceller(self):
        """WAL-07"""
        with self.assertRaises(urlfetch.MisuseError):
            urlfetch.wait_all([urlfetch.WaitCanceller()])


class Cancellers(TestCase):
    def test_a_canceller_ends_a_wait_and_touches_no_rpc(self):
        """CAN-01, CAN-06"""
        called = []
        rpc, canceller = started("/stall", callback=lambda: called.append(1)), urlfetch.WaitCanceller()
        canceller.cancel()
        canceller.cancel()
        self.assertIs(urlfetch.wait_any([rpc, canceller]), canceller)
        self.assertIs(urlfetch.wait_any([canceller, rpc]), canceller)
        self.assertEqual(called, [])
        rpc.cancel()
        rpc.wait()
        self.assertEqual(called, [1])

    def test_a_finished_rpc_beats_a_canceller(self):
        """CAN-03"""
        rpc, canceller = started("/bytes/1"), urlfetch.WaitCanceller()
        canceller.cancel()
        rpc.wait()
        self.assertIs(urlfetch.wait_any([canceller, rpc]), rpc)

    def test_a_canceller_cancels_itself_after_its_time(self):
        canceller, later = urlfetch.WaitCanceller(after=0.01), urlfetch.WaitCanceller(after=600)
        rpc = started("/stall")
        self.assertIs(urlfetch.wait_any([rpc, later, canceller]), canceller)
        rpc.cancel()

    def test_a_wait_that_nobody_could_end_is_a_deadlock(self):
        """CAN-05"""
        with self.assertRaises(urlfetch.DeadlockError):
            urlfetch.wait_any([urlfetch.WaitCanceller()])

    def test_a_turn_gives_the_ids_of_what_finished(self):
        rpc = started("/bytes/1")
        seen = []
        while rpc.id not in seen:
            seen += urlfetch.shared().turn()
        self.assertEqual(rpc.state, urlfetch.State.FINISHING)

    def test_drain_leaves_callbacks_due(self):
        called = []
        client = urlfetch.Client()
        client.set_allow_private(True)
        rpc = client.create_rpc(callback=lambda: called.append(1))
        urlfetch.make_fetch_call(rpc, at("/bytes/1"))
        client.drain()
        self.assertEqual((rpc.state, called), (urlfetch.State.FINISHING, []))
        rpc.wait()
        self.assertEqual(called, [1])
