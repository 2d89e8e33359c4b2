"""The event loop: a clock, and fetches that do not block it."""

import asyncio
import contextlib
import io
from unittest import mock

import background
import native
import urlfetch
import urlfetch.adapter
import urlfetch.aio
from origin import TestCase, at, started


class Aio(TestCase):
    def test_tasks_go_on_while_one_fetches(self):
        async def tick(rpc):
            for _ in range(10):
                await asyncio.sleep(0.001)
            rpc.cancel()

        async def main():
            rpc = started("/stall")
            task = asyncio.create_task(tick(rpc))
            with self.assertRaises(urlfetch.CancelledError):
                await urlfetch.aio.get_result(rpc)
            await task

        urlfetch.aio.run(main())

    def test_gather_fetches_at_once(self):
        async def main():
            return await asyncio.gather(*[urlfetch.aio.fetch(at(f"/delay/50/{n}")) for n in range(10)])

        self.assertEqual([len(result.content) for result in urlfetch.aio.run(main())], list(range(10)))

    def test_as_completed_gives_the_fast_one_first(self):
        async def main():
            waiting = [asyncio.create_task(urlfetch.aio.fetch(at(path))) for path in ("/stall", "/bytes/2")]
            for future in asyncio.as_completed(waiting):
                return len((await future).content)

        self.assertEqual(urlfetch.aio.run(main()), 2)

    def test_a_timeout_cancels_the_fetch(self):
        async def main():
            with self.assertRaises(TimeoutError):
                await asyncio.wait_for(urlfetch.aio.fetch(at("/stall")), 0.01)
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await urlfetch.aio.fetch(at("/stall"))

        with mock.patch.object(urlfetch.Rpc, "cancel", autospec=True, side_effect=urlfetch.Rpc.cancel) as cancel:
            urlfetch.aio.run(main())
        self.assertEqual(cancel.call_count, 2)

    def test_a_task_group_ends_its_fetches_when_one_fails(self):
        async def main():
            async with asyncio.TaskGroup() as group:
                group.create_task(urlfetch.aio.fetch(at("/stall")))
                group.create_task(urlfetch.aio.fetch(at("/redirect/9")))

        with self.assertRaises(ExceptionGroup) as raised:
            urlfetch.aio.run(main())
        self.assertIsInstance(raised.exception.exceptions[0], urlfetch.TooManyRedirectsError)

    def test_timers_keep_their_order(self):
        order = []

        async def main():
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            loop.call_later(0.02, done.set_result, None)
            loop.call_later(0.01, order.append, "second")
            loop.call_soon(order.append, "first")
            await done

        urlfetch.aio.run(main())
        self.assertEqual(order, ["first", "second"])

    def test_an_rpc_is_awaited_by_many_and_called_back_once(self):
        called = []

        async def main():
            rpc = started("/delay/20/4", callback=lambda: called.append(1))
            await asyncio.gather(urlfetch.aio.wait(rpc), urlfetch.aio.wait(rpc))
            return await urlfetch.aio.get_result(rpc)

        self.assertEqual((len(urlfetch.aio.run(main()).content), called), (4, [1]))

    def test_an_rpc_that_another_wait_has_finished_is_seen(self):
        async def main():
            slow, fast = started("/delay/60/1"), started("/delay/20/1")
            waiting = asyncio.create_task(urlfetch.aio.wait(fast))
            await asyncio.sleep(0)
            slow.wait()
            await waiting

        urlfetch.aio.run(main())

    def test_an_rpc_that_is_cancelled_wakes_who_awaits_it(self):
        async def main():
            rpc = started("/stall")
            waiting = asyncio.create_task(urlfetch.aio.get_result(rpc))
            await asyncio.sleep(0)
            self.assertTrue(rpc.cancel())
            await waiting

        with self.assertRaises(urlfetch.CancelledError):
            urlfetch.aio.run(main())

    def test_an_ordinary_loop_says_what_it_lacks(self):
        async def main():
            await urlfetch.aio.fetch(at("/bytes/1"))

        class Ordinary(asyncio.base_events.BaseEventLoop):
            """A loop that runs what is ready, and no more; the usual ones want sockets, which a component need not have."""

            def _run_once(self):
                self._ready.popleft()._run()

            def _write_to_self(self):
                pass

            async def shutdown_default_executor(self, timeout=None):
                pass

        with self.assertRaisesRegex(RuntimeError, "urlfetch.aio.run"), asyncio.Runner(loop_factory=Ordinary) as runner:
            runner.run(main())

    def test_what_blocks_in_to_thread_does_not_block_the_loop(self):
        async def tick(rpcs):
            for _ in range(10):
                await asyncio.sleep(0.001)
            for rpc in rpcs:
                rpc.cancel()

        async def main():
            rpcs = [started("/stall") for _ in range(2)]
            task = asyncio.create_task(tick(rpcs))
            await asyncio.gather(*[asyncio.to_thread(rpc.wait) for rpc in rpcs])
            await task

        urlfetch.aio.run(main())

    def test_what_runs_in_to_thread_gives_its_value(self):
        async def main():
            return await asyncio.gather(*[asyncio.to_thread(urlfetch.fetch, at(f"/delay/20/{n}")) for n in (1, 2)])

        self.assertEqual([len(result.content) for result in urlfetch.aio.run(main())], [1, 2])

    def test_an_exception_leaves_to_thread(self):
        async def main():
            await asyncio.to_thread(urlfetch.fetch, at("/redirect/9"))

        with self.assertRaises(urlfetch.TooManyRedirectsError):
            urlfetch.aio.run(main())

    def test_a_loop_that_nothing_could_wake_says_so(self):
        async def main():
            await asyncio.get_running_loop().create_future()

        with self.assertRaises(urlfetch.DeadlockError):
            urlfetch.aio.run(main())

    def test_rpcs_of_another_client_are_refused(self):
        async def main():
            rpc = urlfetch.make_fetch_call(urlfetch.Client().create_rpc(), at("/bytes/1"))
            await urlfetch.aio.wait(rpc)

        with self.assertRaisesRegex(urlfetch.MisuseError, "another client"):
            urlfetch.aio.run(main())

    def test_an_idle_rpc_cannot_be_awaited(self):
        async def main():
            await urlfetch.aio.wait(urlfetch.create_rpc())

        with self.assertRaises(AssertionError):
            urlfetch.aio.run(main())


class Programs(TestCase):
    """The programs of examples/asyncio-python."""

    def setUp(self):
        super().setUp()
        urlfetch.adapter.install()
        urlfetch.aio.install()

    def printed(self, main):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            asyncio.run(main(at("/delay/300/51")))
        return out.getvalue().splitlines()

    def check(self, main):
        lines = self.printed(main)
        between = lines[lines.index("Starting request") + 1 : -2]
        self.assertEqual(set(between), {"Running in the background..."})
        self.assertGreater(len(between), 0)
        self.assertEqual(lines[-2:], ["Status Code: 200", "Content Length: 51"])

    def test_the_background_task_ticks_beside_a_get_in_to_thread(self):
        self.check(background.main)

    def test_the_background_task_ticks_beside_an_awaited_fetch(self):
        self.check(native.main)
