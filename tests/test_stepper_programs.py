"""Whatever a source does: by hand it goes as under `async for`. A program is a source here."""

import asyncio
from enum import Enum

from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.testing import run
from tests.sources import Source, Trace
from tests.stepping import Iterate, by_hand, nagged, with_async_for


class Do(Enum):
    """One thing that a source may do."""

    YIELD = "yield"
    TURN = "give others a turn"
    DONE = "await what is done"
    LATER = "await what is done a second later"
    TASK = "await tasks"
    TIMEOUT = "time out"
    FAIL = "raise"
    CANCELLED = "await what somebody cancels"


async def do(what: Do) -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    match what:
        case Do.YIELD:
            pass
        case Do.TURN:
            await asyncio.sleep(0)
        case Do.DONE:
            future.set_result(None)
            await future
        case Do.LATER:
            loop.call_later(1, future.set_result, None)
            await future
        case Do.TASK:
            await asyncio.gather(asyncio.sleep(1), asyncio.create_task(do(Do.LATER)))
        case Do.TIMEOUT:
            async with asyncio.timeout(1):
                await future
        case Do.FAIL:
            raise LookupError
        case Do.CANCELLED:
            loop.call_later(1, future.cancel)
            await future


async def performed(program: list[Do], trace: Trace, *, is_stubborn: bool) -> Source:
    """A source that does what the program says, and goes on after everything if it is stubborn."""
    try:
        for number, what in enumerate(program):
            try:
                await do(what)
                if what is Do.YIELD:
                    yield number
            except (Exception, asyncio.CancelledError) as error:
                trace.append((number, repr(error)))
                if not is_stubborn:
                    raise
    finally:
        await asyncio.sleep(1)
        trace.append("clean")


async def outcome(iterate: Iterate, program: list[Do], cancel_at: float, stubborn: bool) -> Trace:
    trace: Trace = []
    source = performed(program, trace, is_stubborn=stubborn)
    task = asyncio.ensure_future(iterate(source, trace))
    _, running = await asyncio.wait([task], timeout=cancel_at)
    for each in running:
        each.cancel("from outside")
    await asyncio.wait([task])
    trace.append("cancelled" if task.cancelled() else repr(task.exception()))
    return [*trace, asyncio.get_running_loop().time()]


@given(
    program=st.lists(st.sampled_from(Do), max_size=8),
    cancel_at=st.integers(0, 8).map(lambda second: second + 0.4),
    stubborn=st.booleans(),
)
@example(program=[], cancel_at=8.4, stubborn=False)
@example(program=[Do.YIELD, Do.TURN, Do.YIELD, Do.LATER, Do.YIELD], cancel_at=8.4, stubborn=False)
@example(program=[Do.YIELD, Do.TASK, Do.YIELD], cancel_at=0.4, stubborn=True)
@example(program=[Do.TIMEOUT, Do.YIELD, Do.TIMEOUT], cancel_at=1.4, stubborn=True)
@example(program=[Do.LATER, Do.FAIL], cancel_at=1.4, stubborn=False)  # cancelled in its clean-up
@example(program=[Do.CANCELLED, Do.YIELD], cancel_at=8.4, stubborn=False)
@example(program=[Do.DONE, Do.FAIL, Do.DONE, Do.YIELD], cancel_at=8.4, stubborn=True)
def test_by_hand_is_as_async_for(program: list[Do], cancel_at: float, stubborn: bool) -> None:
    expected = run(outcome(with_async_for, program, cancel_at, stubborn))
    assert run(outcome(by_hand, program, cancel_at, stubborn)) == expected
    assert run(outcome(nagged, program, cancel_at, stubborn)) == expected
