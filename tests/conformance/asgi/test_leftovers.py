"""What a call leaves behind is seen, and what ends by itself is not taken for it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from sse_conformance.wire.clock import VirtualLoop
from sse_conformance.wire.leftovers import Leftovers, Watch

kept: list[object] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    kept.clear()


def left_by(work: Callable[[], Awaitable[None]]) -> Leftovers:
    async def main() -> Leftovers:
        watch = Watch()
        watch.mark()
        await work()
        left = await watch.left()
        watch.close()
        return left

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def begin(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.create_task(work)
    kept.append(task)
    return task


async def numbers() -> AsyncGenerator[int, None]:
    yield 1
    yield 2


def test_nothing_is_left_of_what_has_ended() -> None:
    async def work() -> None:
        await begin(asyncio.sleep(1))
        assert [each async for each in numbers()] == [1, 2]

    assert left_by(work) == Leftovers()


def test_a_task_that_goes_on_for_ever_is_left() -> None:
    async def work() -> None:
        begin(asyncio.Event().wait())

    [place] = left_by(work).tasks
    assert place.startswith("Event.wait (locks.py:")


def test_what_was_there_before_is_not_left_by_the_call() -> None:
    async def main() -> Leftovers:
        watch = Watch()
        begin(asyncio.Event().wait())
        watch.mark()
        return await watch.left()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == Leftovers()


def test_a_task_that_ends_within_a_minute_lingers() -> None:
    async def work() -> None:
        begin(asyncio.sleep(20))

    assert left_by(work) == Leftovers(lingered=20.0)


def test_a_generator_that_somebody_holds_and_nobody_closes_is_left() -> None:
    async def work() -> None:
        generator = numbers()
        kept.append(generator)
        await anext(generator)

    [place] = left_by(work).generators
    assert place.startswith("numbers (test_leftovers.py:")


def test_a_generator_that_is_dropped_is_closed_by_nobody_but_the_collection() -> None:
    async def work() -> None:
        await anext(numbers())

    left = left_by(work)
    assert left.generators == ()
    assert [place.partition(" ")[0] for place in left.collected] == ["numbers"]


def test_a_generator_in_a_circle_is_dropped_too() -> None:
    async def work() -> None:
        circle: list[object] = [generator := numbers()]
        circle.append(circle)
        await anext(generator)

    left = left_by(work)
    assert left.generators == ()
    assert len(left.collected) == 1


def test_an_error_that_nobody_has_seen_is_left() -> None:
    async def fail() -> None:
        raise ValueError("nobody looks")

    async def work() -> None:
        task = asyncio.create_task(fail())
        await asyncio.wait([task])

    [message] = left_by(work).unhandled
    assert message == "Task exception was never retrieved: ValueError('nobody looks')"


def test_a_report_without_an_error_is_left_as_it_is() -> None:
    async def work() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "something is odd"})

    assert left_by(work).unhandled == ("something is odd",)


def test_all_is_given_back() -> None:
    async def main() -> bool:
        loop = asyncio.get_running_loop()
        Watch().close()
        return loop.get_exception_handler() is None

    assert asyncio.run(main())


def test_a_watch_works_where_nobody_else_had_hooks() -> None:
    import sys

    async def main() -> Leftovers:
        sys.set_asyncgen_hooks(None, None)
        watch = Watch()
        watch.mark()
        generator = numbers()
        await anext(generator)
        await generator.aclose()
        await anext(numbers())
        left = await watch.left()
        watch.close()
        return left

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert len(runner.run(main()).collected) == 1
