"""What `async for` does not tell: is the next item ready? And who waits can be woken."""

import asyncio
from typing import Any

import pytest

from asgi_agent.stepper import WAITING, Stepper
from asgi_agent.testing import run, settle
from tests.sources import Countdown, Plain, Source, after_a_while, forever, waiting


def test_a_source_that_never_suspends_never_waits() -> None:
    async def source() -> Source:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(2)
        yield 1
        yield await done

    async def main() -> None:
        steps = Stepper(source())
        assert steps.step() == 1
        assert steps.step() == 2
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                steps.step()

    run(main())


def test_each_suspension_is_told() -> None:
    async def source() -> Source:
        await asyncio.sleep(0)
        await asyncio.sleep(3)
        yield 1

    async def main() -> None:
        steps = Stepper(source())
        assert steps.step() is WAITING
        assert await steps.wait()
        assert steps.step() is WAITING
        assert await steps.wait()
        assert asyncio.get_running_loop().time() == 3
        assert await steps.wait(), "it is ready still"
        assert steps.step() == 1
        await steps.aclose()

    run(main())


# To wake who waits.


def test_a_wake_ends_a_wait_but_not_the_step() -> None:
    async def main() -> None:
        steps = await waiting(after_a_while())
        for _ in range(2):
            asyncio.get_running_loop().call_later(1, steps.wake)
            assert not await steps.wait()
        assert asyncio.get_running_loop().time() == 2
        assert await steps.wait()
        assert steps.step() == "at last"
        await steps.aclose()

    run(main())


def test_a_wake_before_the_wait_is_not_lost() -> None:
    async def main() -> None:
        steps = await waiting(after_a_while())
        steps.wake()
        steps.wake()
        await asyncio.sleep(1)
        assert not await steps.wait()
        assert asyncio.get_running_loop().time() == 1
        assert await steps.wait()
        assert asyncio.get_running_loop().time() == 5
        await steps.aclose()

    run(main())


def test_a_wake_in_the_moment_in_which_the_source_is_ready_is_not_lost() -> None:
    async def main() -> None:
        for wake_first in (True, False):
            future = asyncio.get_running_loop().create_future()

            async def source(future: asyncio.Future[str] = future) -> Source:
                yield await future

            steps = await waiting(source())
            begun = asyncio.ensure_future(steps.wait())
            await settle()
            calls = [steps.wake, lambda future=future: future.set_result("ready")]
            for call in calls if wake_first else reversed(calls):
                call()
            assert not await begun
            assert await steps.wait()
            assert steps.step() == "ready"
            await steps.aclose()

    run(main())


def test_a_wake_while_the_source_gives_others_a_turn_is_not_lost() -> None:
    async def source() -> Source:
        await asyncio.sleep(0)
        yield "on"

    async def main() -> None:
        steps = await waiting(source())
        asyncio.get_running_loop().call_soon(steps.wake)
        assert not await steps.wait()
        assert await steps.wait()
        assert steps.step() == "on"
        await steps.aclose()

    run(main())


def test_a_wake_before_a_step_says_nothing_about_the_wait_after_it() -> None:
    async def main() -> None:
        steps = Stepper(after_a_while())
        steps.wake()
        assert steps.step() is WAITING
        assert await steps.wait()
        await steps.aclose()

    run(main())


def test_a_call_that_is_too_late_wakes_nobody() -> None:
    async def main() -> None:
        first, second = (asyncio.get_running_loop().create_future() for _ in range(2))

        async def source() -> Source:
            try:
                await first
            except asyncio.CancelledError:
                await second
            yield "ready"

        steps = await waiting(source())
        begun = asyncio.ensure_future(steps.wait())
        await settle()
        first.set_result(None)  # its callback is on its way
        begun.cancel()  # but before that we go on to another wait
        assert await begun
        assert steps.step() is WAITING
        asyncio.get_running_loop().call_later(1, second.set_result, None)
        assert await steps.wait()
        assert second.done()
        await steps.aclose()

    run(main())


class Counted(asyncio.Future[None]):
    """A future that knows how many wait for it."""

    callbacks = 0

    def add_done_callback(self, *args: Any, **context: Any) -> None:
        self.callbacks += 1
        super().add_done_callback(*args, **context)

    def remove_done_callback(self, callback: Any) -> int:
        removed = super().remove_done_callback(callback)
        self.callbacks -= removed
        return removed


def test_a_wait_that_is_over_leaves_nothing_at_what_it_waited_for() -> None:
    async def main() -> None:
        future = Counted()

        async def source() -> Source:
            await future
            yield None

        steps = await waiting(source())
        for _ in range(3):
            asyncio.get_running_loop().call_later(1, steps.wake)
            assert not await steps.wait()
            assert future.callbacks == 0
        await steps.aclose()

    run(main())


# To cancel the source, and not its owner.


def test_a_source_is_cancelled_where_it_waits() -> None:
    async def source() -> Source:
        try:
            await forever()
        except asyncio.CancelledError:
            yield "cancelled"

    async def main() -> None:
        steps = await waiting(source())
        asyncio.get_running_loop().call_later(1, steps.cancel)
        assert not await steps.wait()
        assert await steps.wait()
        assert steps.step() == "cancelled"
        steps.cancel()  # between its steps a source waits for nothing
        with pytest.raises(StopAsyncIteration):
            steps.step()

    run(main())


def test_a_source_is_cancelled_where_it_gives_others_a_turn() -> None:
    async def source() -> Source:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            yield "cancelled"

    async def main() -> None:
        steps = await waiting(source())
        steps.cancel()
        assert not await steps.wait()
        assert await steps.wait()
        assert steps.step() == "cancelled"
        await steps.aclose()

    run(main())


def test_a_source_that_is_cancelled_in_its_own_step_hears_of_it_where_it_waits_next() -> None:
    async def main() -> None:
        stepper: list[Stepper[object]] = []

        async def source() -> Source:
            for wait in (forever(), asyncio.sleep(0)):
                stepper[0].cancel()
                try:
                    await wait
                except asyncio.CancelledError:
                    yield "cancelled"

        steps = Stepper(source())
        stepper.append(steps)
        for _ in range(2):
            assert steps.step() is WAITING
            while not await steps.wait():
                pass
            assert steps.step() == "cancelled"
        await steps.aclose()

    run(main())


def test_what_it_waits_for_may_swallow_the_cancellation() -> None:
    async def main() -> None:
        async def stubborn() -> str:
            try:
                await forever()
            except asyncio.CancelledError:
                return "done all the same"
            raise AssertionError("nothing ends this wait")

        async def source() -> Source:
            task = asyncio.create_task(stubborn())
            await asyncio.sleep(1)
            steps.cancel()
            yield await task

        steps = Stepper(source())
        assert steps.step() is WAITING
        assert await steps.wait()
        assert steps.step() is WAITING
        assert not await steps.wait()
        assert await steps.wait()
        assert steps.step() == "done all the same"
        await steps.aclose()

    run(main())


def test_an_interruption_between_two_steps_is_raised_at_the_yield() -> None:
    async def source() -> Source:
        try:
            yield 1
        except asyncio.CancelledError as cancelled:
            yield cancelled.args

    async def main() -> None:
        steps = Stepper(source())
        assert steps.step() == 1
        steps.interrupt(asyncio.CancelledError("now"))
        assert steps.step() == ("now",)
        await steps.aclose()

    run(main())


def test_an_iterator_that_nothing_can_be_raised_in_ends_with_the_cancellation() -> None:
    async def main() -> None:
        steps = Stepper(Countdown(Plain))
        steps.interrupt(asyncio.CancelledError())
        with pytest.raises(asyncio.CancelledError):
            steps.step()
        assert steps.step() is WAITING
        await steps.aclose()

    run(main())
