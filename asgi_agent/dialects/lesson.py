"""The dialect of the lesson "Server-Side Agent Hosting": unnamed events with a `type`."""

import json
from collections.abc import Sequence
from typing import Any

from ..errors import BadRequest, InvalidInput
from ..events import (
    SEPARATOR,
    AgentEvent,
    Audio,
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
    fields_of,
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
from ..sse import Event
from .base import Command, dumps

THINKING = {"type": "status", "content": "Thinking..."}
# These clients take any end for success, so a stream that ends before its run says so.
CUT_OFF = Event('{"type": "error", "content": "The stream ended before the answer did."}')
FAILURE = Event('{"type": "error", "content": "The stream failed."}')

CONTENT = b'{"content": '
TEXT = b"text" + SEPARATOR + CONTENT  # how the log keeps a token
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
        first = [_event(THINKING)] if start == 1 else []
        return b"".join([*first, *map(_encode, entries)])


class LessonWebSocket:
    """`{"type": ...}` both ways; `done` has the whole answer, or "" if that is very long."""

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
        """One text message, or none; before the first of a turn, its status.

        Sound is two messages, of which the second is the sound itself.
        """
        first: list[str | bytes] = [dumps(THINKING)] if entry.seq == 1 else []
        if entry.type == Text.type and b"\\u" not in entry.json:  # a token as the log has it
            content = entry.json[len(CONTENT) :].decode()
            return [*first, f'{{"type":"token","content":{content}']
        match entry.event:
            case Audio(media_type, sound):
                head = dumps({"type": "audio", "media_type": media_type})
                return [*first, head, sound] if sound else first  # no message may be empty
            case event:
                message = translate(entry.type, event)
                return [*first, dumps(message)] if message else first

    def refuse(self, error: BadRequest | str) -> str:
        """`{"type": "error", "content": ...}`."""
        return dumps({"type": "error", "content": str(error)})


def translate(kind: str, event: AgentEvent) -> dict[str, Any] | None:  # noqa: PLR0911 - a table
    """The event as this dialect tells it; None where it has no word for it."""
    match event:
        case Text(content):
            return {"type": "token", "content": content}
        case Thinking(content) | Status(content):
            return {"type": kind, "content": content}
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
            return {"type": kind, **fields_of(event)}


def _encode(kept: bytes) -> bytes:
    if kept.startswith(TEXT):  # a token as the log has it, under another name: nothing is parsed
        return b'data: {"type": "token", "content": ' + kept[len(TEXT) :] + b"\n\n"
    said = entry(0, kept)
    message = translate(said.type, said.event)
    return _event(message) if message else b""


def _event(message: dict[str, Any]) -> bytes:
    # The answer has been said; `done` does not say it again.
    told = {**message, "content": ""} if message["type"] == "done" else message
    return b"data: %b\n\n" % to_json(told)
