"""OpenJarvis' agents as ours: a synchronous `run`, and a bus on which they tell what they do.

They are taken by their structure, and nothing of OpenJarvis is imported. The events are those of
one run only, whoever else uses the bus; the model is that of one run only, whoever else uses the
agent. Who is not listened to any more is ended at its next event.
"""

import copy
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, cast

from ..events import AgentEvent, Complete, Data, ToolExec, ToolResult
from .base import Agent, Turn
from .threads import Returned, Say, Threads

EVENTS = (
    "agent_turn_start",
    "inference_start",
    "inference_end",
    "tool_call_start",
    "tool_call_end",
)
TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")

threads = Threads()
_speaker: ContextVar[object] = ContextVar("who speaks in this context")


class Role(StrEnum):
    """Who has said a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(slots=True)
class ToolCall:
    """A call that an assistant has made."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Message:
    """One message, as OpenJarvis' agents and engines read it."""

    role: Role
    content: str | None = ""
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    images: list[str] | None = None

    @property
    def text(self) -> str:
        """The content; none is empty."""
        return self.content or ""


@dataclass(slots=True)
class Conversation:
    """What was said before."""

    messages: list[Message] = field(default_factory=list[Message])
    max_messages: int | None = None

    def add(self, message: Message) -> None:
        """Append a message."""
        self.messages.append(message)

    def window(self, n: int) -> list[Message]:
        """The last `n` messages."""
        return self.messages[-n:] if n > 0 else []


@dataclass(slots=True)
class AgentContext:
    """What an agent is given beside its input."""

    conversation: Conversation = field(default_factory=Conversation)
    tools: list[str] = field(default_factory=list[str])
    memory_results: list[Any] = field(default_factory=list[Any])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


class Told(NamedTuple):
    """An event of the bus."""

    name: str
    data: dict[str, Any]


class Work:
    """One run of an agent."""

    def __init__(
        self, agent: Any, bus: Any, model: str, prompt: str, history: Iterable[Mapping[str, Any]]
    ) -> None:
        self._agent = agent
        self._bus = bus
        self._model = model
        self._prompt = prompt
        self._context = AgentContext(Conversation([message_of(each) for each in history]))

    def listen(self) -> AsyncGenerator[Any, None]:
        """What the agent does, each event `Told`; in the end `Returned` with its result."""
        return threads.listen(self._speak)

    def _speak(self, say: Say) -> Any:
        """In a thread: let the agent answer, and say what it does meanwhile."""
        _speaker.set(self)
        hear = self._hearing(say)
        names = EVENTS if hasattr(self._bus, "subscribe") else ()
        for name in names:
            self._bus.subscribe(name, hear)
        try:
            return self._own_agent().run(self._prompt, context=self._context)
        finally:
            for name in names:
                self._bus.unsubscribe(name, hear)

    def _hearing(self, say: Say) -> Callable[[Any], None]:
        def hear(event: Any) -> None:
            if _speaker.get(None) is self:  # a bus has the events of everybody
                say(Told(str(event.event_type.value), event.data))

        return hear

    def _own_agent(self) -> Any:
        """The agent, with a model that no other run has."""
        if not self._model:
            return self._agent
        agent = copy.copy(self._agent)
        agent._model = self._model  # noqa: SLF001 - there is no other way to say so
        return agent


def message_of(message: Mapping[str, Any]) -> Message:
    """A message of a conversation; who has an unknown role is a user."""
    role = message.get("role")
    calls = cast(Sequence[Any], message.get("tool_calls") or ())
    return Message(
        role=Role(role) if role in list(Role) else Role.USER,
        content=str(message.get("content") or ""),
        name=message.get("name"),
        tool_calls=list(map(_tool_call, calls)) or None,
        tool_call_id=message.get("tool_call_id"),
    )


def _tool_call(call: Any) -> ToolCall:
    match call:
        case {"id": str(call_id), "function": {"name": str(name), "arguments": str(args)}}:
            return ToolCall(call_id, name, args)
        case _:
            return ToolCall("", "", "")


def openjarvis_agent(agent: Any, bus: Any = None, model: str = "") -> Agent:
    """The agent as an `Agent`, whose events `bus` tells; without `model` it has its own."""
    bus = getattr(agent, "_bus", None) if bus is None else bus

    async def run(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
        events = _Events()
        work = Work(agent, bus, model, turn.prompt, turn.history)
        async with aclosing(work.listen()) as heard:
            async for said in heard:
                if isinstance(said, Returned):
                    yield str(said.value.content or "")
                    yield Complete(None, _usage(said.value.metadata))
                elif said.name != "agent_turn_start":  # which the turn itself is
                    yield events.event_of(said)

    return run


def _usage(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    return {name: metadata[name] for name in TOKENS if name in metadata} or None


class _Events:
    """The events of a bus as ours. Calls have no IDs there: they are numbered here."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[tuple[str, str]] = []  # the ID and the name of calls without a result

    def event_of(self, told: Told) -> AgentEvent:
        name = str(told.data.get("tool", ""))
        match told.name:
            case "tool_call_start":
                self._count += 1
                self._open.append((f"call_{self._count}", name))
                return ToolExec(self._open[-1][0], name, told.data.get("arguments"))
            case "tool_call_end":
                is_error = not told.data.get("success", True)
                return ToolResult(self._returned(name), name, told.data.get("result"), is_error)
            case _:
                return Data(told.name, told.data)

    def _returned(self, name: str) -> str:
        call = next((each for each in self._open if each[1] == name), None)
        if call is None:
            self._count += 1
            return f"call_{self._count}"
        self._open.remove(call)
        return call[0]
