"""What an agent is, and what it is given for one turn of a conversation."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ..events import AgentEvent

Message: TypeAlias = Mapping[str, Any]  # {"role": "user" | "assistant" | ..., "content": ...}


class Ask(Protocol):
    """Asks the client a question, and waits for the answer, however often it reconnects."""

    async def __call__(self, prompt: str, schema: dict[str, Any] | None = None) -> Any: ...


class Approve(Protocol):
    """Asks whether a tool may run, and waits for yes or no."""

    async def __call__(self, tool_id: str, name: str, args: Any, message: str = "") -> bool: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt, and all that an agent may use to answer it. It lives as long as its run."""

    prompt: str
    history: tuple[Message, ...]  # this session's, oldest first, without the prompt
    session_id: str
    run_id: str
    ask: Ask
    approve: Approve
    inbox: AsyncIterator[Any]  # what the client sends while the run goes on
    principal: Any = None  # who asks, where a middleware has put it in scope["principal"]
    deadline: float | None = None  # on the event loop's clock: when the run is ended
    # What the run has said already, where it goes on after its worker was lost: for an agent with a
    # true attribute `resumable`, which begins again with this and says only what comes after it.
    said: tuple[AgentEvent, ...] = ()


Agent: TypeAlias = Callable[[Turn], AsyncGenerator[AgentEvent | str, None]]
