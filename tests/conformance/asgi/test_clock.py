"""The virtual clock: it costs nothing to wait, unless somebody works in real time."""

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio.to_thread
import pytest

from sse_conformance.wire.clock import BUDGET, SPINS, VirtualLoop

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now() -> float:
    return asyncio.get_running_loop().time()


def the_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def test_an_hour_costs_nothing() -> None:
    async def main() -> float:
        await asyncio.sleep(3600)
        return now()

    began = time.monotonic()
    assert run(main()) == 3600
    assert time.monotonic() - began < 1


def test_timers_go_off_in_their_order() -> None:
    async def main() -> list[float]:
        fired: list[float] = []

        async def after(seconds: float) -> None:
            await asyncio.sleep(seconds)
            fired.append(now())

        await asyncio.gather(after(15), after(0.1), after(2))
        return fired

    assert run(main()) == [0.1, 2, 15]


def test_a_loop_that_never_waits_does_not_stop_the_time() -> None:
    async def main() -> int:
        turns = 0
        async with asyncio.timeout(1):
            while True:
                turns += 1
                await asyncio.sleep(0)

    async def timed() -> bool:
        try:
            await main()
        except TimeoutError:
            return True

    assert run(timed())


def test_some_turns_at_one_instant_take_no_time() -> None:
    async def main() -> float:
        for _ in range(SPINS // 2):
            await asyncio.sleep(0)
        return now()

    assert run(main()) == 0


@pytest.mark.parametrize("in_thread", [asyncio.to_thread, anyio.to_thread.run_sync])
def test_a_job_in_a_thread_takes_its_real_time_and_then_it_rests(
    in_thread: Callable[..., Awaitable[None]],
) -> None:
    async def main() -> tuple[float, float, bool]:
        async with asyncio.timeout(1000):  # the clock could go there at once
            for _ in range(3):
                await in_thread(time.sleep, 0.05)
        worked = now()
        await asyncio.sleep(1000)
        return worked, now(), the_loop().clock.hurried

    worked, rested, hurried = run(main())
    assert 0.1 < worked < 5
    assert rested - worked == 1000
    assert not hurried


def test_a_thread_of_nobody_is_waited_for() -> None:
    async def main() -> float:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def work() -> None:
            time.sleep(0.1)
            loop.call_soon_threadsafe(done.set)

        thread = threading.Thread(target=work)
        thread.start()
        async with asyncio.timeout(60):
            await done.wait()
        thread.join()
        return now()

    assert 0.05 < run(main()) < 5


def test_a_thread_that_waits_for_work_is_not_waited_for() -> None:
    async def main() -> float:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(int).result()
            await asyncio.sleep(1000)
            return now()

    assert run(main()) == 1000


def test_patience_has_an_end_and_that_is_told() -> None:
    async def main() -> tuple[bool, float]:
        ended = threading.Event()

        def work() -> None:
            while not ended.is_set():
                time.sleep(0.01)

        thread = threading.Thread(target=work)
        thread.start()
        the_loop().clock.waited = BUDGET
        await asyncio.sleep(1000)
        ended.set()
        thread.join()
        return the_loop().clock.hurried, now()

    assert run(main()) == (True, 1000)


def test_sockets_are_waited_for_before_the_time_goes_on() -> None:
    async def main() -> tuple[bytes, float]:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        timer = threading.Timer(0.001, theirs.sendall, [b"hello"])
        timer.start()
        data = await reader.read(100)
        await asyncio.sleep(10)
        timer.join()
        writer.close()
        theirs.close()
        return data, now()

    data, seconds = run(main())
    assert data == b"hello"
    assert seconds < 11


def test_a_future_that_only_a_thread_can_set_is_waited_for() -> None:
    async def main() -> int:
        return await asyncio.get_running_loop().run_in_executor(None, lambda: 42)

    assert run(main()) == 42


def test_a_bystander_may_wake_a_loop_that_waits_for_nothing_else() -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    event = asyncio.Event()
    here = threading.get_ident()

    def wake() -> None:
        while not loops or sys._current_frames()[here].f_code.co_name != "select":
            time.sleep(0.001)
        loops[0].call_soon_threadsafe(event.set)

    async def main() -> float:
        loops.append(asyncio.get_running_loop())
        await event.wait()
        return now()

    thread = threading.Thread(target=wake)
    thread.start()
    assert run(main()) == 0
    thread.join()
