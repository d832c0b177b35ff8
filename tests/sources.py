"""Sources to iterate over: what they may be, and a few that several test modules use."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from asgi_agent.stepper import WAITING, Stepper

Trace = list[object]
Source = AsyncGenerator[object, None]


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def after_a_while(seconds: float = 5) -> Source:
    await asyncio.sleep(seconds)
    yield "at last"


class Countdown:
    """An async iterator that is no generator; `future` says how it makes what `anext` awaits."""

    def __init__(self, future: Callable[[int], Awaitable[int]]) -> None:
        self.left = 3
        self.future = future

    def __aiter__(self) -> "Countdown":
        return self

    def __anext__(self) -> Awaitable[int]:
        self.left -= 1
        if self.left < 0:
            raise StopAsyncIteration
        return self.future(self.left)


async def in_a_coroutine(item: int) -> int:
    await asyncio.sleep(1)
    return item


def in_a_task(item: int) -> Awaitable[int]:
    return asyncio.ensure_future(in_a_coroutine(item))


def in_a_future_that_is_done(item: int) -> Awaitable[int]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(item)
    return future


class Plain:
    """An awaitable whose iterator has only `__next__`, as some that are not written in Python."""

    def __init__(self, item: int) -> None:
        self.item = item
        self.future: asyncio.Future[None] | None = None

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> "Plain":
        return self

    def __next__(self) -> object:
        if self.future is None:
            loop = asyncio.get_running_loop()
            self.future = loop.create_future()
            loop.call_later(1, self.future.set_result, None)
            self.future._asyncio_future_blocking = True
            return self.future
        raise StopIteration(self.item)


async def waiting(source: Source) -> Stepper[object]:
    """The steps of `source`, which has taken the first one and waits."""
    steps = Stepper(source)
    assert steps.step() is WAITING
    return steps
