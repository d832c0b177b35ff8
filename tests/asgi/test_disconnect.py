"""A body is left when its client leaves, and for no other reason."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from asgi_agent.asgi import UntilDisconnect
from asgi_agent.asgi.types import Message
from asgi_agent.errors import UsageError
from asgi_agent.testing import run, settle
from tests.asgi.fake_hosts import Host
from tests.sources import forever

REQUEST: Message = {"type": "http.request", "body": b"", "more_body": False}
GONE: Message = {"type": "http.disconnect"}


async def leave_after(seconds: float) -> Message:
    await asyncio.sleep(seconds)
    return GONE


def after(seconds: float) -> Callable[[], Awaitable[Message]]:
    return lambda: leave_after(seconds)


def time() -> float:
    return asyncio.get_running_loop().time()


def test_the_body_is_cancelled_when_the_client_leaves_and_nothing_is_raised() -> None:
    async def main() -> None:
        trace: list[str] = []
        async with UntilDisconnect(after(5)) as client:
            client.watch()
            try:
                await forever()
            finally:
                await asyncio.sleep(1)
                trace.append("clean")
        assert (client.gone, client.is_cancelled, time(), trace) == (True, False, 6, ["clean"])
        await asyncio.sleep(1)  # the cancellation is over

    run(main())


def test_nothing_is_received_before_the_watch_and_nothing_after_the_disconnect() -> None:
    async def main() -> None:
        host = Host(REQUEST, REQUEST, GONE)
        async with UntilDisconnect(host.receive) as client:
            await settle()
            assert host.receives == 0
            client.watch()
            client.watch()
            await forever()
        assert host.receives == 3

    run(main())


@pytest.mark.parametrize("watch", [True, False])
def test_a_body_that_ends_first_leaves_no_receiver(watch: bool) -> None:
    async def main() -> None:
        host = Host()
        async with UntilDisconnect(host.receive) as client:
            if watch:
                client.watch()
                await settle()
                assert host.pending == 1
        assert host.pending == 0
        assert not client.gone

    run(main())


def test_a_watch_that_had_no_turn_yet_asks_the_host_nothing() -> None:
    async def main() -> None:
        host = Host()
        async with UntilDisconnect(host.receive) as client:
            client.watch()
        assert host.receives == 0

    run(main())


@pytest.mark.parametrize("watch", [True, False])
def test_an_error_of_the_body_is_raised(watch: bool) -> None:
    async def main() -> None:
        async with UntilDisconnect(Host().receive) as client:
            if watch:
                client.watch()
            raise LookupError

    with pytest.raises(LookupError):
        run(main())


def test_an_error_in_the_clean_up_after_a_disconnect_is_raised_and_the_task_goes_on() -> None:
    async def body() -> None:
        async with UntilDisconnect(after(1)) as client:
            client.watch()
            try:
                await forever()
            finally:
                raise LookupError

    async def main() -> None:
        with pytest.raises(LookupError):
            await body()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(1)

    run(main())


def test_a_body_that_swallows_the_cancellation_ends_by_itself() -> None:
    async def main() -> None:
        async with UntilDisconnect(after(1)) as client:
            client.watch()
            with pytest.raises(asyncio.CancelledError):
                await forever()
            assert client.gone
            assert client.is_cancelled
            await asyncio.sleep(1)
        assert not client.is_cancelled

    run(main())


def test_who_else_cancels_the_task_is_obeyed_and_nobody_is_gone() -> None:
    async def body(clients: list[UntilDisconnect]) -> None:
        async with UntilDisconnect(Host().receive) as client:
            clients.append(client)
            client.watch()
            await forever()

    async def main() -> None:
        clients: list[UntilDisconnect] = []
        task = asyncio.create_task(body(clients))
        await settle()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert not clients[0].gone

    run(main())


async def cancelled(body: Coroutine[Any, Any, None], *, after: float) -> bool:
    """Whether the task ends as cancelled that was cancelled after so many seconds."""
    task = asyncio.create_task(body)
    await asyncio.sleep(after)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


def test_a_host_that_cancels_after_the_client_has_left_is_obeyed() -> None:
    async def body() -> None:
        async with UntilDisconnect(after(1)) as client:
            client.watch()
            try:
                await forever()
            finally:
                await forever()

    assert run(cancelled(body(), after=2))


def test_a_client_that_a_send_reported_gone_excuses_no_cancellation() -> None:
    async def body() -> None:
        async with UntilDisconnect(Host().receive) as client:
            client.watch()
            client.gone = True
            await forever()

    assert run(cancelled(body(), after=1))


def test_a_timeout_around_it_is_not_its_own() -> None:
    async def within(seconds: float) -> None:
        async with asyncio.timeout(seconds), UntilDisconnect(after(5)) as client:
            client.watch()
            await forever()

    with pytest.raises(TimeoutError):
        run(within(1))
    run(within(9))


def test_a_connection_that_cannot_be_read_has_no_client() -> None:
    async def broken() -> Message:
        raise RuntimeError("the transport is closed")

    async def main() -> None:
        async with UntilDisconnect(broken) as client:
            client.watch()
            await forever()
        assert client.gone

    run(main())


@pytest.mark.parametrize("answer", [GONE, RuntimeError("cancelled")])
def test_a_host_that_answers_when_its_receive_is_cancelled_cancels_nobody(
    answer: Message | Exception,
) -> None:
    async def receive() -> Message:
        try:
            await forever()
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def main() -> None:
        async with UntilDisconnect(receive) as client:
            client.watch()
            await settle()
        assert not client.gone
        await asyncio.sleep(1)

    run(main())


def test_it_may_be_used_in_a_task_that_is_being_cancelled() -> None:
    trace: list[str] = []

    async def body() -> None:
        try:
            await forever()
        finally:
            async with UntilDisconnect(after(1)) as client:
                client.watch()
                await forever()
            trace.append("it was left")

    assert run(cancelled(body(), after=1))
    assert trace == ["it was left"]


def test_it_is_of_no_use_outside_a_task() -> None:
    async def main() -> None:
        done: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

        def outside() -> None:
            try:
                UntilDisconnect(Host().receive)
            except UsageError as error:
                done.set_result(error)

        asyncio.get_running_loop().call_soon(outside)
        assert "inside a task" in str(await done)

    run(main())
