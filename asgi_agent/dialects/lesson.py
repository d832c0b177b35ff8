"""The dialect of the lesson "Server-Side Agent Hosting": unnamed events with a `type`."""

import json
from collections.abc import Sequence
from typing import Any

from ..errors import BadRequest, InvalidInput
from ..events import (
    AgentEvent,
    BlockEnd,
    BlockStart,
    Cancelled,
    Complete,
    Entry,
    Error,
    Status,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
    entry,
    to_json,
)
from ..inputs import (
    AnswerMessage,
    CancelMessage,
    ChatMessage,
    PromptMessage,
    ResumeMessage,
    parse,
    parse_object,
)
from .base import Command

THINKING = {"type": "status", "content": "Thinking..."}
CANCELLED = {"type": "cancelled", "content": "Agent execution cancelled"}


def error(status: int, error: Exception | str) -> tuple[int, dict[str, Any]]:
    """`{"detail": ...}`; input that does not fit is 422, with a list of what is wrong in it."""
    if isinstance(error, InvalidInput):
        return 422, {"detail": error.problems}
    return status, {"detail": str(error)}


class LessonEventStream:
    """`data: {"type": ...}`, beginning with a status, ending with `done`, `error` or `cancelled`.

    It has no IDs: these clients read one response, and do not come back for the rest of it.
    """

    def encode(self, turn: int, start: int, entries: Sequence[bytes]) -> bytes:
        """The entries numbered from `start` of this turn, as whole events."""
        first = [THINKING] if start == 1 else []
        said = (translate(entry(seq, kept)) for seq, kept in enumerate(entries, start))
        told = [*first, *(message for message in said if message is not None)]
        return b"".join(b"data: %b\n\n" % to_json(_on_event_stream(each)) for each in told)


class LessonWebSocket:
    """`{"type": ...}` both ways; `done` has the whole answer."""

    ping = '{"type":"heartbeat"}'

    def parse(self, text: str) -> Command:
        """A message, a cancel, an answer or a resume."""
        asked = parse_object(text)
        match asked.get("type"):
            case "message":
                message = parse(ChatMessage, text)
                return PromptMessage(prompt=message.content, session_id=message.session_id)
            case "cancel":
                return CancelMessage(type="cancel")
            case "answer":
                return parse(AnswerMessage, text)
            case "resume":
                return parse(ResumeMessage, text)
            case unknown:
                name = unknown if isinstance(unknown, str) else json.dumps(unknown)
                raise BadRequest(f"Unknown event type: {name[:80]}")

    def messages(self, entry: Entry) -> list[str | bytes]:
        """One text message, or none; before the first of a turn, its status."""
        first = [_dumps(THINKING)] if entry.seq == 1 else []
        message = translate(entry)
        return [*first, *([] if message is None else [_dumps(message)])]

    def refuse(self, error: BadRequest | str) -> str:
        """`{"type": "error", "content": ...}`."""
        return _dumps({"type": "error", "content": str(error)})


def translate(said: Entry) -> dict[str, Any] | None:  # noqa: PLR0911 - a table
    """The entry as this dialect tells it; None where it has no word for it."""
    event: AgentEvent = said.event
    match event:
        case Text(content):
            return {"type": "token", "content": content}
        case Thinking(content) | Status(content):
            return {"type": said.type, "content": content}
        case ToolExec(_, tool, args):
            return {"type": "tool_call", "tool": tool, "input": args, "status": "running"}
        case ToolResult(_, tool, result):
            return {"type": "tool_result", "tool": tool, "output": result, "status": "complete"}
        case Complete(data):
            return {"type": "done", "content": data if isinstance(data, str) else ""}
        case Error(message):
            return {"type": "error", "content": message}
        case Cancelled():
            return CANCELLED
        case BlockStart() | BlockEnd() | ToolDelta():
            return None
        case _:
            return {"type": said.type, **json.loads(said.json)}


def _on_event_stream(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": ""} if message["type"] == "done" else message


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
