"""Two workers, each with its line to one store, and agents that take their time."""

import asyncio
from typing import Any

from asgi_agent import Turn
from asgi_agent.events import (
    Entry,
    Text,
    entry,
)
from asgi_agent.runs import Run, Steering
from tests.runs.shared_log import Line, SharedLog
from tests.runs.stage import Stage

LEASE = 10.0


async def counter(turn: Turn) -> Any:
    """Says as many words as it is asked for, one a second."""
    for number in range(int(turn.prompt)):
        await asyncio.sleep(1)
        yield f"{number} "


async def steadfast(turn: Turn) -> Any:
    """The same, and goes on after what it has said."""
    said = sum(isinstance(event, Text) for event in turn.said)
    for number in range(said, int(turn.prompt)):
        await asyncio.sleep(1)
        yield f"{number} "


steadfast.resumable = True  # type: ignore[attr-defined]


class Pair:
    """Two workers, each with its line to the one store."""

    def __init__(self, agent: Any, keep_bytes: int = 8 << 20, **settings: Any) -> None:
        self.store = SharedLog(keep_bytes)
        self.lines = [Line(self.store), Line(self.store)]
        self.one, self.two = (Stage(agent, log=line, **settings) for line in self.lines)
        self.here, self.there = (Steering(each.runs) for each in (self.one, self.two))

    def following(self, running: Run) -> asyncio.Task[list[Entry]]:
        """A follower on the other worker."""
        return asyncio.create_task(self.two.entries(running))

    async def logged(self, running: Run) -> list[Entry]:
        page = await self.store.read(running.id, 0, 1_000_000)
        return [entry(seq, kept) for seq, kept in enumerate(page.entries, page.start)]


def texts(entries: list[Entry]) -> str:
    return "".join(each.event.content for each in entries if isinstance(each.event, Text))
