"""What OpenJarvis' own clients read in the stream of a chat completion beside its chunks.

Each is told only where it is asked for, by `?openjarvis=` or a header `x-openjarvis`, with a list
of `events`, `usage` and `errors`, or `all`: the SDKs of others take a named event for a broken
chunk, and an error that is text for an answer.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import BadRequest
from ..events import Data
from .exchange import Frame, Place
from .openai_completion import DONE, ChatCompletion
from .parts import Call, Part, Result, Said, arguments, as_json, as_text

EXTRAS = frozenset({"events", "usage", "errors"})

TOO_LONG = "The input is too long for the model's context window. Please try a shorter message."
TOO_LONG_SIGNS = (
    "context length",
    "maximum context",
    "context window",
    "maximum_context",
    "context_length_exceeded",
)


def extras_of(query: Mapping[str, str], headers: Mapping[str, str]) -> frozenset[str]:
    """What the client asks for. Raises `BadRequest` for what there is not."""
    asked = ",".join((query.get("openjarvis", ""), headers.get("x-openjarvis", "")))
    words = {word.strip() for word in asked.split(",")} - {""}
    if unknown := words - EXTRAS - {"all"}:
        raise BadRequest(f"openjarvis is a list of {sorted(EXTRAS)}, or all: {sorted(unknown)}")
    return EXTRAS if "all" in words else frozenset(words)


def is_too_long(error: str) -> bool:
    """Whether this reads as if the conversation did not fit into the model."""
    return any(sign in error.lower() for sign in TOO_LONG_SIGNS)


def apology(told: str, error: str) -> str:
    """What stands for an answer: `told` of the error, unless the whole of it reads as too long."""
    return TOO_LONG if is_too_long(error) else f"Sorry, an error occurred: {told}"


def estimated_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """About how many tokens the conversation has: one for four characters."""
    texts = [str(message.get("content") or "") for message in messages]
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    return sum(max(1, len(text) // 4) for text in (*texts, *map(_arguments_in, calls)))


def _arguments_in(call: Mapping[str, Any]) -> str:
    match call:
        case {"function": {"arguments": written}}:
            return str(written)
        case _:
            return ""


class OpenJarvisCompletion(ChatCompletion):
    """A chat completion with these `extras`."""

    def __init__(
        self,
        model: str,
        extras: frozenset[str],
        *,
        agent: str,
        prompt: Any,
        prompt_tokens: int,
        include_usage: bool = False,
        created: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(model, include_usage=include_usage, created=created)
        self._extras = extras
        self._agent = agent
        self._prompt = prompt
        self._prompt_tokens = prompt_tokens
        self._clock = clock
        self._began: dict[str, float] = {}  # tool calls, by ID
        self._results: list[dict[str, Any]] = []

    def begin(self, place: Place) -> list[Frame]:
        """The role, and that a turn begins."""
        turn = {"agent": self._agent, "input": self._prompt}
        return [*super().begin(place), *self._event("agent_turn_start", turn)]

    def tell(self, part: Part) -> list[Frame]:
        """The same, and what the server's tools do, and the agent's own events."""
        match part:
            case Call(call_id, name, args, "server" | "person"):
                self._began[call_id] = self._clock()
                called = {"tool": name, "arguments": arguments(args), "agent": self._agent}
                return self._event("tool_call_start", called)
            case Result():
                return self._event("tool_call_end", self._returned(part))
            case Said(Data(name, value)) if name.isidentifier():
                return self._event(name, value)
            case _:
                return super().tell(part)

    def _returned(self, result: Result) -> dict[str, Any]:
        now = self._clock()
        latency = round(now - self._began.pop(result.id, now), 3)
        text = as_text(result.result)
        told = {"tool": result.name, "success": not result.is_error, "latency": latency}
        self._results.append(
            {
                "tool_name": result.name,
                "success": not result.is_error,
                "output": text,
                "latency_ms": latency * 1000,
            }
        )
        return {**told, "result": text, "metadata": {}, "agent": self._agent}

    def _finish(self) -> list[Frame]:
        told = self._event("tool_results", {"results": self._results}) if self._results else []
        if "usage" not in self._extras:
            return [*told, *super()._finish()]
        if not self._usage["total_tokens"]:
            written = max(1, sum(map(len, self._content)) // 4)
            self._usage = {
                "prompt_tokens": self._prompt_tokens,
                "completion_tokens": written,
                "total_tokens": self._prompt_tokens + written,
            }
        return [*told, self._chunk({}, self._finish_reason, usage=self._usage), DONE]

    def _fail(self, message: str, code: str) -> list[Frame]:
        if "errors" not in self._extras:
            return super()._fail(message, code)
        text = apology(message, f"{message} {code}")
        self._content.append(text)
        return [self._chunk({"content": text}, "stop"), DONE]

    def _event(self, name: str, data: Any) -> list[Frame]:
        return [Frame(as_json(data), name)] if "events" in self._extras else []
