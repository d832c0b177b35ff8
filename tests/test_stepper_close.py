"""To close a source that is driven by hand, wherever it is."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from asgi_agent.stepper import WAITING, Stepper
from asgi_agent.testing import run, settle
from tests.sources import Countdown, Source, Trace, forever, in_a_coroutine, waiting


def test_a_source_that_never_started_does_nothing_when_it_is_closed() -> None:
    async def source() -> Source:
        raise AssertionError("it was started")
        yield None

    async def main() -> None:
        steps = Stepper(source())
        await steps.aclose()
        with pytest.raises(StopAsyncIteration):
            steps.step()
        await steps.aclose()

    run(main())


def test_a_source_at_a_yield_is_closed_there() -> None:
    trace: Trace = []

    async def source() -> Source:
        try:
            yield 1
        except GeneratorExit:
            trace.append("exit")
            raise
        finally:
            await asyncio.sleep(1)
            trace.append("clean")

    async def main() -> None:
        steps = Stepper(source())
        assert steps.step() == 1
        await steps.aclose()
        await steps.aclose()

    run(main())
    assert trace == ["exit", "clean"]


@pytest.mark.parametrize("pause", [forever, lambda: asyncio.sleep(0)])
def test_a_source_that_waits_is_cancelled_and_cleans_up(
    pause: Callable[[], Awaitable[None]],
) -> None:
    trace: Trace = []

    async def source() -> Source:
        try:
            await pause()
        finally:
            await asyncio.sleep(1)
            trace.append("clean")
        yield None

    async def main() -> None:
        steps = await waiting(source())
        await steps.aclose()

    run(main())
    assert trace == ["clean"]


def test_what_a_source_yields_instead_of_ending_is_dropped_and_then_it_is_closed() -> None:
    trace: Trace = []

    async def source() -> Source:
        try:
            await forever()
        except asyncio.CancelledError:
            try:
                yield "not me"
            finally:
                trace.append("closed")
        trace.append("it went on")

    async def main() -> None:
        steps = await waiting(source())
        await steps.aclose()

    run(main())
    assert trace == ["closed"]


def test_a_source_that_swallows_the_cancellation_and_ends_is_closed() -> None:
    async def source() -> Source:
        try:
            await forever()
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        return
        yield None

    async def main() -> None:
        steps = await waiting(source())
        await steps.aclose()
        with pytest.raises(StopAsyncIteration):
            steps.step()

    run(main())


def test_a_source_that_yields_while_it_is_closed_is_told_so() -> None:
    async def source() -> Source:
        try:
            yield 1
        finally:
            yield 2

    async def main() -> None:
        steps = Stepper(source())
        assert steps.step() == 1
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            await steps.aclose()

    run(main(), leaks=False)  # nobody can close this one


def test_what_the_clean_up_raises_is_raised() -> None:
    async def source() -> Source:
        try:
            await forever()
        finally:
            raise LookupError
        yield None

    async def main() -> None:
        steps = await waiting(source())
        with pytest.raises(LookupError):
            await steps.aclose()
        await steps.aclose()

    run(main())


class Closable(Countdown):
    """An iterator with a clean-up of its own, which fails where it is cancelled."""

    def __init__(self) -> None:
        super().__init__(self.fail)
        self.closed = 0

    async def fail(self, _: int) -> int:
        try:
            await asyncio.sleep(10)
        finally:
            raise LookupError

    async def aclose(self) -> None:
        self.closed += 1


def test_an_iterator_with_aclose_is_closed_whatever_its_step_does() -> None:
    async def main() -> None:
        source = Closable()
        steps = Stepper(source)
        assert steps.step() is WAITING
        with pytest.raises(LookupError):
            await steps.aclose()
        assert source.closed == 1

    run(main())


def test_an_iterator_without_aclose_is_only_cancelled() -> None:
    async def main() -> None:
        steps = Stepper(Countdown(in_a_coroutine))
        assert steps.step() is WAITING
        await steps.aclose()
        assert asyncio.get_running_loop().time() == 0

    run(main())


def test_a_source_that_is_cancelled_already_is_not_cancelled_again() -> None:
    trace: Trace = []

    async def slow_child() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(5)
            trace.append("clean")

    async def source() -> Source:
        await asyncio.create_task(slow_child())
        yield None

    async def main() -> None:
        steps = await waiting(source())
        await settle()
        steps.cancel()
        await asyncio.sleep(1)
        await steps.aclose()

    run(main())
    assert trace == ["clean"]


def test_a_source_that_has_swallowed_a_cancellation_is_cancelled_again() -> None:
    async def source() -> Source:
        with contextlib.suppress(asyncio.CancelledError):
            await forever()
        await forever()
        yield None

    async def main() -> None:
        steps = await waiting(source())
        steps.cancel()
        assert steps.step() is WAITING
        await steps.aclose()

    run(main())


def test_a_cancellation_of_the_owner_cuts_the_clean_up_short() -> None:
    trace: Trace = []

    async def source() -> Source:
        try:
            await forever()
        finally:
            trace.append("begun")
            try:
                await forever()
            finally:
                trace.append("ended")
        yield None

    async def main() -> None:
        steps = await waiting(source())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await steps.aclose()
        with pytest.raises(StopAsyncIteration):
            steps.step()

    run(main())
    assert trace == ["begun", "ended"]


def test_a_source_that_waits_again_and_again_is_given_up() -> None:
    class Stubborn(Countdown):
        async def aclose(self) -> None:
            raise AssertionError("its step has not ended")

    async def stubborn(_: int) -> int:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await forever()

    async def main() -> None:
        steps = Stepper(Stubborn(stubborn))
        assert steps.step() is WAITING
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await steps.aclose()
        assert asyncio.get_running_loop().time() == 5

    run(main())
