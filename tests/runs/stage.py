"""Where runs are tested: agents in a few lines, and what a well-formed log is."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

from asgi_agent import ServerConfig, Turn
from asgi_agent.agents import Agent, Message
from asgi_agent.events import (
    AgentEvent,
    BlockEnd,
    BlockStart,
    Entry,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    entry,
)
from asgi_agent.logs import EventLog, MemoryLog
from asgi_agent.runs import Asked, Run, Runs

KINDS = {Text: "text", Thinking: "thinking", ToolDelta: "tool-call", ToolExec: "tool-call"}


class Stage:
    """The runs of one agent, in memory."""

    def __init__(self, agent: Agent, *, log: EventLog | None = None, **settings: Any) -> None:
        self.config = ServerConfig(**settings)
        self.log = MemoryLog(self.config.keep_bytes) if log is None else log
        self.runs = Runs(agent, self.log, self.config)
        self.ended: list[Run] = []

    async def start(
        self,
        prompt: str = "hi",
        history: tuple[Message, ...] = (),
        session_id: str = "session",
        principal: Any = None,
    ) -> Run:
        return await self.runs.start(Asked(prompt, history, session_id, principal), self.end)

    async def end(self, run: Run) -> None:
        self.ended.append(run)

    async def play(self, prompt: str = "hi") -> list[AgentEvent]:
        """Start a run, and follow it to its end."""
        run = await self.start(prompt)
        return [each.event for each in await self.entries(run)]

    async def entries(self, run: Run, after: int = 0) -> list[Entry]:
        """What the run says, to its end."""
        said: list[Entry] = []
        async with aclosing(self.runs.follow(run.id, after)) as pages:
            async for page in pages:
                assert page.entries
                said += [entry(seq, kept) for seq, kept in enumerate(page.entries, page.start)]
        return said

    async def logged(self, run: Run) -> list[Entry]:
        """What is in the log now."""
        page = await self.log.read(run.id, 0, 1_000_000)
        return [entry(seq, kept) for seq, kept in enumerate(page.entries, page.start)]


def check_well_formed(entries: Sequence[Entry]) -> None:
    """Dense numbers, balanced blocks, deltas in a block of their kind, one terminal event, last."""
    assert [each.seq for each in entries] == list(range(1, len(entries) + 1))
    assert [each.seq for each in entries if each.is_terminal] == [len(entries)]
    check_blocks([each.event for each in entries])


def check_blocks(events: Sequence[AgentEvent]) -> None:
    """At most one block open at a time, numbered from 0, and every delta in one of its kind."""
    opened: BlockStart | None = None
    count = 0
    for event in events:
        match event:
            case BlockStart(_, idx):
                assert opened is None
                assert idx == count
                opened = event
                count += 1
            case BlockEnd(kind, idx):
                assert opened == BlockStart(kind, idx)
                opened = None
            case Text() | Thinking() | ToolDelta() | ToolExec():
                assert opened is not None
                assert opened.kind == KINDS[type(event)]
            case _:
                pass
    assert opened is None


def saying(*events: AgentEvent | str) -> Callable[[Turn], Any]:
    """An agent that says this and never waits."""

    async def agent(turn: Turn) -> Any:
        for event in events:
            yield event

    return agent
