"""Ways to iterate over a source: with `async for`, and by hand."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable

from asgi_agent.stepper import WAITING, Stepper
from tests.sources import Trace

Iterate = Callable[[AsyncIterable[object], Trace], Awaitable[None]]


async def with_async_for(source: AsyncIterable[object], trace: Trace) -> None:
    try:
        async for item in source:
            trace.append(item)
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()


async def by_hand(source: AsyncIterable[object], trace: Trace) -> None:
    steps = Stepper(source)
    try:
        while True:
            item = steps.step()
            if item is not WAITING:
                trace.append(item)
            else:
                assert await steps.wait(), "nobody has woken it"
    except StopAsyncIteration:
        pass
    finally:
        await steps.aclose()


async def nagged(source: AsyncIterable[object], trace: Trace) -> None:
    """By hand, and woken all the time."""
    steps = Stepper(source)

    async def nag() -> None:
        while True:
            steps.wake()
            await asyncio.sleep(0.25)

    nagging = asyncio.create_task(nag())
    try:
        while True:
            item = steps.step()
            if item is not WAITING:
                trace.append(item)
            else:
                while not await steps.wait():
                    pass
    except StopAsyncIteration:
        pass
    finally:
        nagging.cancel()
        await steps.aclose()
