"""A source that is driven by hand does what it does under `async for`.

Each test here runs both ways.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import anyio
import pytest

from asgi_agent.testing import run, settle
from tests.sources import (
    Countdown,
    Plain,
    Source,
    Trace,
    forever,
    in_a_coroutine,
    in_a_future_that_is_done,
    in_a_task,
)
from tests.stepping import Iterate, by_hand, with_async_for

both_ways = pytest.mark.parametrize("iterate", [with_async_for, by_hand])


# What a source may yield, and what it may be.


@both_ways
def test_every_object_can_be_an_item(iterate: Iterate) -> None:
    items: Trace = [
        0,
        "",
        (),
        (1, 2),
        [],
        StopIteration(3),
        StopAsyncIteration(),
        ValueError,
        False,
    ]

    async def source() -> Source:
        for item in items:
            yield item
            await asyncio.sleep(0)

    trace: Trace = []
    run(iterate(source(), trace))
    assert trace == items


@pytest.mark.parametrize(
    "future", [in_a_coroutine, in_a_task, in_a_future_that_is_done, Plain], ids=lambda f: f.__name__
)
@both_ways
def test_an_iterator_need_not_be_a_generator(
    iterate: Iterate, future: Callable[[int], Awaitable[int]]
) -> None:
    trace: Trace = []
    run(iterate(Countdown(future), trace))
    assert trace == [2, 1, 0]


@both_ways
def test_an_error_is_raised_where_the_iteration_is(iterate: Iterate) -> None:
    async def source() -> Source:
        yield 1
        await asyncio.sleep(1)
        raise LookupError("the reason")

    trace: Trace = []
    with pytest.raises(LookupError, match="the reason"):
        run(iterate(source(), trace))
    assert trace == [1]


@both_ways
def test_a_stop_iteration_inside_the_source_is_an_error_and_not_its_end(iterate: Iterate) -> None:
    async def source() -> Source:
        yield 1
        next(iter(()))

    with pytest.raises(RuntimeError, match="raised StopIteration"):
        run(iterate(source(), []))


@both_ways
def test_the_steps_run_in_the_task_and_context_of_their_owner(iterate: Iterate) -> None:
    variable = ContextVar("variable", default="before")

    async def source() -> Source:
        yield asyncio.current_task()
        await asyncio.sleep(1)
        variable.set("set by the source")
        yield asyncio.current_task()

    async def main() -> None:
        trace: Trace = []
        await iterate(source(), trace)
        assert trace == [asyncio.current_task()] * 2
        assert variable.get() == "set by the source"

    run(main())


# Timeouts and cancellation.


@both_ways
def test_a_timeout_inside_the_source_ends_its_wait(iterate: Iterate) -> None:
    async def source() -> Source:
        try:
            async with asyncio.timeout(5):
                yield "begun"
                await forever()
        except TimeoutError:
            yield asyncio.get_running_loop().time()
        task = asyncio.current_task()
        assert task is not None
        yield task.cancelling()

    trace: Trace = []
    run(iterate(source(), trace))
    assert trace == ["begun", 5.0, 0]


@both_ways
def test_a_timeout_that_the_source_does_not_catch_is_its_error(iterate: Iterate) -> None:
    async def source() -> Source:
        async with asyncio.timeout(5), asyncio.timeout(10):
            await forever()
        yield None

    with pytest.raises(TimeoutError):
        run(iterate(source(), []))


@both_ways
def test_a_scope_of_anyio_inside_the_source_ends_its_wait(iterate: Iterate) -> None:
    async def source() -> Source:
        with anyio.move_on_after(5):
            await forever()
        yield asyncio.get_running_loop().time()
        with anyio.move_on_after(5), anyio.CancelScope(shield=True):
            await asyncio.sleep(7)
        yield asyncio.get_running_loop().time()
        try:
            with anyio.fail_after(1):
                await anyio.sleep(2)
        except TimeoutError:
            yield "failed"

    trace: Trace = []
    run(iterate(source(), trace))
    assert trace == [5.0, 12.0, "failed"]


async def cancelled_after(seconds: float, work: Awaitable[None], message: str | None = None) -> str:
    """Cancel `work` once, and say how it ends."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(seconds)
    task.cancel(message)
    await asyncio.wait([task])
    if task.cancelled():
        return "cancelled"
    return repr(task.exception())


@both_ways
def test_a_cancellation_is_raised_where_the_source_waits_with_its_message(
    iterate: Iterate,
) -> None:
    trace: Trace = []

    async def source() -> Source:
        try:
            await forever()
        except asyncio.CancelledError as cancelled:
            trace.append(cancelled.args)
            await asyncio.sleep(1)  # a clean-up may wait
            trace.append("clean")
            raise
        yield None

    assert run(cancelled_after(5, iterate(source(), trace), "why")) == "cancelled"
    assert trace == [("why",), "clean"]


@both_ways
def test_a_source_that_gives_others_a_turn_can_be_cancelled_there(iterate: Iterate) -> None:
    trace: Trace = []

    async def source() -> Source:
        try:
            while True:
                await asyncio.sleep(0)
        finally:
            trace.append("ended")
        yield None

    async def main() -> str:
        task = asyncio.ensure_future(iterate(source(), trace))
        for _ in range(10):
            await asyncio.sleep(0)
        return await cancelled_after(0, task)

    assert run(main()) == "cancelled"
    assert trace == ["ended"]


async def child(trace: Trace) -> None:
    try:
        await forever()
    finally:
        await asyncio.sleep(1)
        trace.append("the child is clean")


async def await_a_task(trace: Trace) -> None:
    await asyncio.create_task(child(trace))


async def await_a_gather(trace: Trace) -> None:
    await asyncio.gather(child(trace))


async def await_a_group(trace: Trace) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(child(trace))
        await forever()


@pytest.mark.parametrize("wait", [await_a_task, await_a_gather, await_a_group])
@both_ways
def test_a_cancellation_ends_what_the_source_waits_for_and_waits_until_it_is_clean(
    iterate: Iterate, wait: Callable[[Trace], Awaitable[None]]
) -> None:
    trace: Trace = []

    async def source() -> Source:
        try:
            await wait(trace)
        finally:
            trace.append("the source is clean")
        yield None

    assert run(cancelled_after(5, iterate(source(), trace))) == "cancelled"
    assert trace == ["the child is clean", "the source is clean"]


@both_ways
def test_a_shielded_task_goes_on_when_the_source_is_cancelled(iterate: Iterate) -> None:
    async def main() -> None:
        inner = asyncio.create_task(asyncio.sleep(10, "done"))

        async def source() -> Source:
            await asyncio.shield(inner)
            yield None

        assert await cancelled_after(5, iterate(source(), [])) == "cancelled"
        assert await inner == "done"

    run(main())


@both_ways
def test_a_failing_child_of_a_task_group_cancels_the_source_and_not_its_owner(
    iterate: Iterate,
) -> None:
    async def fail() -> None:
        await asyncio.sleep(1)
        raise LookupError

    async def source() -> Source:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await forever()
        except* LookupError:
            pass
        yield "on"
        await asyncio.sleep(1)
        yield "and on"

    trace: Trace = []
    run(iterate(source(), trace))
    assert trace == ["on", "and on"]


@both_ways
def test_a_source_may_swallow_a_cancellation_and_go_on(iterate: Iterate) -> None:
    async def source() -> Source:
        try:
            await forever()
        except asyncio.CancelledError:
            yield "not me"
        await asyncio.sleep(1)
        yield "still here"

    trace: Trace = []
    assert run(cancelled_after(5, iterate(source(), trace))) == "None"
    assert trace == ["not me", "still here"]


@both_ways
def test_a_second_cancellation_reaches_the_clean_up_after_the_first(iterate: Iterate) -> None:
    trace: Trace = []

    async def source() -> Source:
        try:
            await forever()
        finally:
            try:
                await forever()
            finally:
                trace.append("clean enough")
        yield None

    async def main() -> str:
        task = asyncio.ensure_future(iterate(source(), trace))
        await asyncio.sleep(1)
        task.cancel()
        return await cancelled_after(1, task)

    assert run(main()) == "cancelled"
    assert trace == ["clean enough"]


@both_ways
def test_an_error_in_the_clean_up_takes_the_place_of_the_cancellation(iterate: Iterate) -> None:
    async def source() -> Source:
        try:
            await forever()
        finally:
            raise LookupError
        yield None

    assert run(cancelled_after(5, iterate(source(), []))) == "LookupError()"


@both_ways
def test_a_task_that_somebody_cancelled_cancels_the_source_that_waits_for_it(
    iterate: Iterate,
) -> None:
    async def source() -> Source:
        task = asyncio.create_task(forever())
        asyncio.get_running_loop().call_later(1, task.cancel)
        await task
        yield None

    with pytest.raises(asyncio.CancelledError):
        run(iterate(source(), []))


@both_ways
def test_a_cancellation_in_the_turn_in_which_the_wait_ends_still_arrives(iterate: Iterate) -> None:
    trace: Trace = []

    async def source() -> Source:
        future = asyncio.get_running_loop().create_future()
        trace.append(future)
        try:
            await future
        except asyncio.CancelledError:
            trace.append("cancelled")
            raise
        yield None

    async def main() -> None:
        task = asyncio.ensure_future(iterate(source(), trace))
        await settle()
        future = trace.pop()
        assert isinstance(future, asyncio.Future)
        future.set_result(None)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main())
    assert trace == ["cancelled"]
