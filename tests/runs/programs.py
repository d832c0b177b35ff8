"""Agents made of steps: what they say, how long they take, and the ways in which they misbehave."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from hypothesis import strategies as st

from asgi_agent import Turn
from asgi_agent.errors import AgentError
from asgi_agent.events import (
    AgentEvent,
    BlockEnd,
    BlockStart,
    Cancelled,
    ClientTool,
    Complete,
    Error,
    Question,
    Status,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
)
from asgi_agent.runs import Run

Said: TypeAlias = AsyncGenerator[AgentEvent | str, None]


class Step(Protocol):
    def take(self, program: "Program", turn: Turn) -> Said: ...


@dataclass(frozen=True)
class Program:
    """An agent of such steps."""

    steps: tuple[Step, ...]
    runs: list[Run]  # the one that it is, once it has begun

    async def __call__(self, turn: Turn) -> Said:
        async with aclosing(self.take(self.steps, turn)) as said:
            async for event in said:
                yield event

    async def take(self, steps: tuple[Step, ...], turn: Turn) -> Said:
        for step in steps:
            async with aclosing(step.take(self, turn)) as said:
                async for event in said:
                    yield event


@dataclass(frozen=True)
class Say:
    event: Any  # mostly an event

    async def take(self, program: Program, turn: Turn) -> Said:
        yield self.event


@dataclass(frozen=True)
class Sleep:
    seconds: float  # 0 is a bare turn of the loop

    async def take(self, program: Program, turn: Turn) -> Said:
        await asyncio.sleep(self.seconds)
        for nothing in ():
            yield nothing


@dataclass(frozen=True)
class Raise:
    error: type[BaseException]

    async def take(self, program: Program, turn: Turn) -> Said:
        raise self.error("hunter2")
        yield


@dataclass(frozen=True)
class Ask:
    patience: float

    async def take(self, program: Program, turn: Turn) -> Said:
        async with asyncio.timeout(self.patience):
            yield f"{await turn.ask('Why?')}"


@dataclass(frozen=True)
class CancelMyself:
    async def take(self, program: Program, turn: Turn) -> Said:
        for run in program.runs:
            run.cancel("by myself")
        for nothing in ():
            yield nothing


@dataclass(frozen=True)
class Within:
    """Steps with a time limit."""

    seconds: float
    steps: tuple[Step, ...]

    async def take(self, program: Program, turn: Turn) -> Said:
        async with asyncio.timeout(self.seconds), aclosing(program.take(self.steps, turn)) as said:
            async for event in said:
                yield event


@dataclass(frozen=True)
class Shielded:
    """Steps that let no cancellation and no timeout through, and take their time to clean up."""

    steps: tuple[Step, ...]
    clean_up: tuple[Sleep | Raise, ...]

    async def take(self, program: Program, turn: Turn) -> Said:
        is_closed = False
        try:
            async with aclosing(program.take(self.steps, turn)) as said:
                async for event in said:
                    try:
                        yield event
                    except GeneratorExit:
                        is_closed = True
                        raise
        except (asyncio.CancelledError, TimeoutError):
            if is_closed:
                raise  # Python itself forbids to say more
            yield "shielded"
        finally:
            async with aclosing(program.take(self.clean_up, turn)) as said:
                async for _ in said:
                    raise AssertionError


class Stop(BaseException):
    """Not an Exception."""


class Unwritable:
    """Nothing that any log could keep."""

    def __str__(self) -> str:
        raise RuntimeError("hunter2")

    __repr__ = object.__repr__


words = st.sampled_from(["a", "bc", "", "\ud800", "x" * 300])
kinds = st.sampled_from(["text", "thinking", "tool-call", "other"])
ids = st.sampled_from(["1", "2"])
odd: list[Any] = [None, 5, Unwritable(), Text(b"x"), Complete(Unwritable())]
events = st.one_of(
    words,
    st.builds(Text, words),
    st.builds(Thinking, words),
    st.builds(ToolDelta, ids, words, words),
    st.builds(ToolExec, ids, words, st.none()),
    st.builds(ToolResult, ids, words, st.just(float("nan"))),
    st.builds(BlockStart, kinds, st.integers(-1, 2)),
    st.builds(BlockEnd, kinds),
    st.builds(Status, words),
    st.builds(Question, ids, words),
    st.builds(ClientTool, ids, words, st.none()),
    st.builds(Complete, words | st.none()),
    st.builds(Error, words, words),
    st.builds(Cancelled),
    st.sampled_from(odd),
)
seconds = st.sampled_from([0, 0.25, 1, 3])
errors = st.sampled_from(
    [ValueError, asyncio.CancelledError, TimeoutError, AgentError, SystemExit, Stop, GeneratorExit]
)
sleeps = st.builds(Sleep, seconds)
failures = st.builds(Raise, errors)
simple: st.SearchStrategy[Step] = st.one_of(
    st.builds(Say, words),
    st.builds(Say, events),
    sleeps,
    st.builds(Ask, seconds),
    st.builds(CancelMyself),
    failures,
)


def several(steps: st.SearchStrategy[Step], size: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(steps, max_size=size).map(tuple)


steps = st.recursive(
    simple,
    lambda inner: (
        st.builds(Within, seconds, several(inner))
        | st.builds(Shielded, several(inner), several(sleeps | failures, 2))
    ),
    max_leaves=10,
)
programs = several(steps, 6)
