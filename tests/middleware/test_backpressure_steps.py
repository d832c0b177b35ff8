"""Backpressure: a send is stepped once by hand, and then awaited like any other."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from asgi_agent.asgi.types import Message, Receive, Scope, Send
from asgi_agent.errors import SlowClient
from asgi_agent.middleware import Backpressure
from asgi_agent.testing import run
from tests.asgi.fake_hosts import (
    START,
    Host,
    http_scope,
)

PATIENCE = 5.0


def now() -> float:
    return asyncio.get_running_loop().time()


async def sent_by(send: Send, message: Message = START) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(message)

    await Backpressure(app, patience=PATIENCE)(http_scope(), Host().receive, send)


@pytest.mark.parametrize("error", [OSError("gone"), TimeoutError("the host's own")])
@pytest.mark.parametrize("waits", [0, 1, 2])
def test_an_error_of_the_hosts_send_passes_through(error: Exception, waits: int) -> None:
    async def main() -> None:
        async def send(message: Message) -> None:
            for _ in range(waits):
                await asyncio.sleep(1)
            raise error

        with pytest.raises(type(error)) as raised:
            await sent_by(send)
        assert raised.value is error

    run(main())


def test_whatever_a_send_makes_of_its_cancellation_the_client_was_too_slow() -> None:
    async def main() -> None:
        async def send(message: Message) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError as error:
                raise ConnectionError from error

        with pytest.raises(SlowClient) as raised:
            await sent_by(send)
        assert isinstance(raised.value.__cause__, ConnectionError)

    run(main())


def test_a_send_that_finishes_although_it_was_cancelled_has_sent() -> None:
    async def main() -> None:
        steps: list[str] = []

        async def send(message: Message) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                steps.append("cancelled")
                await asyncio.sleep(1)
                steps.append("sent")

        await sent_by(send)
        assert steps == ["cancelled", "sent"]

    run(main())


def test_a_send_may_be_any_awaitable() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        later = loop.create_future()
        loop.call_later(1, later.set_result, None)
        await sent_by(lambda message: later)
        await sent_by(lambda message: later)  # which is done by now
        task = asyncio.create_task(asyncio.sleep(1))
        await sent_by(lambda message: task)
        assert task.done()

    run(main())


class BareAwaitable:
    """As granian's: an iterator with `__next__` and nothing else."""

    def __init__(self, *futures: asyncio.Future[None]) -> None:
        self.futures = list(futures)

    def __await__(self) -> Generator[Any, Any, None]:
        return self

    def __iter__(self) -> "BareAwaitable":
        return self

    def __next__(self) -> object:
        if not self.futures:
            raise StopIteration
        future = self.futures.pop(0)
        future._asyncio_future_blocking = True
        return future


def test_an_awaitable_that_can_only_be_iterated_is_awaited() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()
        loop.call_later(1, first.set_result, None)
        loop.call_later(2, second.set_result, None)
        await sent_by(lambda message: BareAwaitable(first, second))
        assert now() == pytest.approx(2)

    run(main())


def test_an_awaitable_that_can_only_be_iterated_is_cut_off() -> None:
    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        with pytest.raises(SlowClient) as error:
            await sent_by(lambda message: BareAwaitable(future))
        assert isinstance(error.value.__cause__, TimeoutError)
        assert future.cancelled()

    run(main())


@pytest.mark.parametrize("steps", [1, 3])
def test_a_cancellation_reaches_the_send_and_comes_back(steps: int) -> None:
    async def main() -> None:
        seen: list[str] = []

        async def send(message: Message) -> None:
            for _ in range(steps - 1):
                await asyncio.sleep(0.1)
            try:
                await asyncio.sleep(4)
            finally:
                await asyncio.sleep(0.1)
                seen.append("cleaned up")

        task = asyncio.create_task(sent_by(send))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert seen == ["cleaned up"]
        assert now() == pytest.approx(1.1)

    run(main())


def test_what_is_closed_while_it_sends_closes_the_send() -> None:
    async def main() -> None:
        seen: list[str] = []

        async def send(message: Message) -> None:
            try:
                await asyncio.sleep(1)
            finally:
                seen.append("closed")

        sending = sent_by(send)
        sending.send(None)
        sending.close()
        assert seen == ["closed"]

    run(main())
