"""What the command is told to serve in its tests."""

import asyncio
import atexit
import threading
import time
from typing import Any

from asgi_agent import ServerConfig, Turn, create_app


async def agent(turn: Turn) -> Any:
    """Says that it is there, and goes on for as many seconds as it is asked for."""
    yield "..."
    await asyncio.sleep(float(turn.prompt))
    yield "done"


async def flood(turn: Turn) -> Any:
    """Says more than any buffer takes."""
    while True:
        yield "x" * 10_000
        await asyncio.sleep(0)


async def blocked(turn: Turn) -> Any:
    """Waits for threads that nothing ends; more of them than any pool of threads takes."""
    atexit.register(print, "atexit")
    yield "..."
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 30) for _ in range(100)))


async def possessive(turn: Turn) -> Any:
    """Has a thread of its own, which Python waits for when the process ends."""
    threading.Thread(target=time.sleep, args=(30,)).start()
    yield "..."


async def threaded(turn: Turn) -> Any:
    """Counts the threads that its calls need, together and one after another."""
    both = await asyncio.gather(*(asyncio.to_thread(named_after_a_while) for _ in range(2)))
    alone = [await asyncio.to_thread(named_after_a_while) for _ in range(5)]
    try:
        await asyncio.to_thread(int, "x")
    except ValueError as error:
        yield f"{len({*both})} {len({*alone, *both})} {error}"


def named_after_a_while() -> str:
    time.sleep(0.05)
    return threading.current_thread().name


app = create_app(agent, ServerConfig(name="the app"))

NOT_AN_AGENT = 5
