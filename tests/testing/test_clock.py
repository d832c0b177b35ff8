"""The virtual clock: it costs nothing, it hides nothing, and it never hangs."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from asgi_agent.testing import Deadlock, Leak, run, settle


async def forever() -> None:
    await asyncio.Event().wait()


async def numbers() -> AsyncGenerator[int, None]:
    for number in range(3):
        yield number
        await asyncio.sleep(0)


def test_an_hour_of_silence_costs_no_time() -> None:
    began = time.monotonic()

    async def main() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(3600)
    assert time.monotonic() - began < 1


def test_timers_fire_in_their_order_and_time_does_not_pass_between_them() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        fired: list[tuple[str, float]] = []

        async def fire(name: str, after: float) -> None:
            await asyncio.sleep(after)
            fired.append((name, loop.time()))

        await asyncio.gather(fire("late", 15), fire("soon", 1), fire("days later", 3 * 86_400))
        return fired

    assert run(main(), limit=1e6) == [("soon", 1), ("late", 15), ("days later", 3 * 86_400)]


def test_a_timeout_ends_a_wait_that_would_never_end() -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await forever()

    with pytest.raises(TimeoutError):
        run(main())


def test_what_main_raises_is_raised() -> None:
    async def main() -> None:
        await asyncio.sleep(1)
        raise LookupError

    with pytest.raises(LookupError):
        run(main())


def test_a_deadlock_is_raised_with_the_place_where_each_task_waits() -> None:
    async def outer() -> None:
        await forever()

    async def main() -> None:
        task = asyncio.create_task(outer(), name="the other one")
        await task

    with pytest.raises(Deadlock, match=r"(?s)main.*the other one: \S+outer .*> forever \(.*py:\d+"):
        run(main())


def test_a_deadlock_is_seen_through_an_async_generator() -> None:
    async def silent() -> AsyncIterator[int]:
        await forever()
        yield 1

    async def main() -> None:
        async for _ in silent():
            raise AssertionError

    with pytest.raises(Deadlock, match="main"):
        run(main())


def test_what_goes_on_for_ever_is_stopped_at_the_limit() -> None:
    async def main() -> None:
        while True:
            await asyncio.sleep(4)

    with pytest.raises(Deadlock, match=r"60 s have gone by:\n  Task-.*main"):
        run(main(), limit=60)


def test_a_busy_loop_takes_time_too() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        turns = 0
        while loop.time() < 1:
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert run(main()) == pytest.approx(20_000, abs=10)


def test_settle_lets_everything_run_that_can() -> None:
    async def main() -> list[str]:
        done: list[str] = []

        async def work() -> None:
            for _ in range(100):
                await asyncio.sleep(0)
            done.append("work")

        task = asyncio.create_task(work())
        await settle()
        await task
        return [*done, f"{asyncio.get_running_loop().time():.3f}"]

    assert run(main()) == ["work", "0.000"]


def test_a_task_that_is_left_behind_is_a_leak() -> None:
    kept: list[asyncio.Task[None]] = []

    async def main() -> None:
        kept.append(asyncio.create_task(forever(), name="forgotten"))

    with pytest.raises(Leak, match=r"\n  forgotten: forever \("):
        run(main())


def test_a_task_that_was_cancelled_but_not_awaited_is_no_leak() -> None:
    async def main() -> str:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        return "fine"

    assert run(main()) == "fine"


def test_leaks_may_be_allowed_and_are_then_cancelled() -> None:
    ended: list[str] = []

    async def linger() -> None:
        try:
            await forever()
        finally:
            ended.append("cancelled")

    kept: list[asyncio.Task[None]] = []

    async def main() -> str:
        kept.append(asyncio.create_task(linger()))
        await asyncio.sleep(1)
        return "fine"

    assert run(main(), leaks=False) == "fine"
    assert ended == ["cancelled"]


def test_an_async_generator_that_nobody_closes_is_a_leak() -> None:
    kept: list[AsyncGenerator[int, None]] = []

    async def main() -> None:
        kept.append(numbers())
        await anext(kept[0])

    with pytest.raises(Leak, match=r"\n  async generator numbers \(.*test_clock.py:\d+\)"):
        run(main())
    with pytest.raises(StopAsyncIteration):  # the loop has closed it
        run(anext(kept[0]))


def test_a_closed_an_exhausted_and_a_dropped_async_generator_are_no_leaks() -> None:
    async def main() -> list[int]:
        closed, exhausted = numbers(), numbers()
        async with aclosing(closed):
            await anext(closed)
        seen = [number async for number in exhausted]
        async for _ in numbers():
            break
        return seen

    assert run(main()) == [0, 1, 2]


def test_the_clock_waits_a_little_for_a_job_in_a_thread() -> None:
    async def main() -> str:
        async with asyncio.timeout(1):  # of a virtual second, nothing may be left by then
            return await asyncio.to_thread(lambda: time.sleep(0.02) or "done")

    assert run(main(), patience=5) == "done"


def test_the_clock_goes_on_while_a_job_takes_its_time() -> None:
    async def main() -> float:
        release = threading.Event()
        job = asyncio.create_task(asyncio.to_thread(release.wait))
        await asyncio.sleep(60)
        release.set()
        await job
        return asyncio.get_running_loop().time()

    assert run(main(), patience=0.001) == pytest.approx(60)


def test_a_job_that_never_ends_is_a_deadlock_after_all() -> None:
    release = threading.Event()

    async def main() -> None:
        try:
            await asyncio.to_thread(release.wait)
        finally:
            release.set()

    with pytest.raises(Deadlock, match="main"):
        run(main(), patience=0.001)


def test_the_clock_waits_for_threads_of_ones_own() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[str] = loop.create_future()

        def tell() -> None:
            time.sleep(0.02)
            loop.call_soon_threadsafe(told.set_result, "told")

        thread = threading.Thread(target=tell)
        thread.start()
        async with asyncio.timeout(1):
            answer = await told
        await asyncio.to_thread(thread.join)
        return answer

    assert run(main(), patience=5) == "told"


def test_an_idle_executor_does_not_slow_the_clock() -> None:
    async def main() -> None:
        await asyncio.to_thread(int)
        await asyncio.sleep(3600)

    began = time.monotonic()
    run(main(), patience=10)
    assert time.monotonic() - began < 5


def test_the_clock_waits_for_sockets() -> None:
    async def main(ours: socket.socket) -> bytes:
        async with asyncio.timeout(1):
            return await asyncio.get_running_loop().sock_recv(ours, 5)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        peer = threading.Timer(0.02, theirs.sendall, [b"hello"])
        peer.start()  # before the clock, so that this is none of its threads
        assert run(main(ours), patience=5) == b"hello"
        peer.join()
