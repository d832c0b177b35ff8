"""What the servers of the fault tests serve."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator

from asgi_agent import ServerConfig, Turn, create_app
from asgi_agent.events import AgentEvent, Text
from asgi_agent.logs import open_log


async def count(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
    """Says numbers from 0; the prompt has how many, and how many seconds lie between two."""
    numbers, pause = turn.prompt.split()
    for number in range(int(numbers)):
        await asyncio.sleep(float(pause))
        yield f"{number} {PADDING}"


if ahead := float(os.environ.get("CLOCK_AHEAD", "0")):  # a fake of what sets a machine's clock
    now = time.time
    time.time = lambda: now() + ahead
PADDING = " " * int(os.environ.get("PADDING", "0"))


class Resumable:
    """The same, and another worker may go on with it."""

    resumable = True

    async def __call__(self, turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
        numbers, pause = turn.prompt.split()
        said = "".join(each.content for each in turn.said if isinstance(each, Text))
        for number in range(len(said.split()), int(numbers)):
            await asyncio.sleep(float(pause))
            yield f"{number} "


config = ServerConfig(
    lease_seconds=float(os.environ.get("LEASE_SECONDS", "1")),
    max_concurrent_sessions=10_000,
    heartbeat_seconds=0.5,
    patience=float(os.environ.get("PATIENCE", "30")),
    lead_bytes=int(os.environ.get("LEAD_BYTES", str(1 << 20))),
    retry_ms=100,
)
STORE = os.environ.get("STORE", "memory:")
app = create_app(count, config, log=open_log(STORE, keep_bytes=config.keep_bytes))
resumable = create_app(Resumable(), config, log=open_log(STORE, keep_bytes=config.keep_bytes))
