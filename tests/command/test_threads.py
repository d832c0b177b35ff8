"""Threads that end with the process, whatever they wait for."""

import asyncio
import threading

from asgi_agent.command.threads import Threads


def test_a_call_waits_for_a_thread_and_is_not_made_if_it_is_cancelled_meanwhile() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(Threads(1))
        free = threading.Event()
        made: list[str] = []
        first, second, third = (
            asyncio.create_task(asyncio.to_thread(call))
            for call in (free.wait, lambda: made.append("second"), lambda: made.append("third"))
        )
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        free.set()
        await asyncio.gather(first, third)
        assert made == ["third"]

    asyncio.run(main())


def test_a_thread_ends_with_the_loop_unless_it_is_blocked() -> None:
    free, begun = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def block() -> None:
        threads.append(threading.current_thread())
        begun.set()
        free.wait()

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(Threads())
        blocked = asyncio.create_task(asyncio.to_thread(block))
        await asyncio.to_thread(begun.wait)
        blocked.cancel()
        threads.append(await asyncio.to_thread(threading.current_thread))

    asyncio.run(main())
    blocked, idle = threads
    idle.join(2)
    assert (blocked.is_alive(), idle.is_alive()) == (True, False)
    free.set()
    blocked.join(2)
    assert not blocked.is_alive()
