"""The native dialect, that of Bond's server: named events, and compact WebSocket messages."""

import base64
import json
import re
from collections.abc import Sequence
from typing import Any

from ..errors import BadRequest
from ..events import Audio, Entry, Status, Text, Thinking, ToolDelta
from ..inputs import AnswerMessage, CancelMessage, PromptMessage, ResumeMessage, parse, parse_object
from ..sse import Event
from .base import Command, dumps

# The last event of a stream that fails on its way; the run it tells of may go on.
FAILURE = Event('{"error": "The stream failed.", "code": "stream_failed"}', event="error")

CONTENTS = (Text.type, Thinking.type, Status.type)  # of which the content is all, ...
CONTENT = b'{"content": '  # ... kept like this

EVENT_ID = re.compile(r"([1-9][0-9]{0,8})-(0|[1-9][0-9]{0,17})", re.ASCII)


def event_id(turn: int, seq: int) -> str:
    """The ID of an event on a session's stream: opaque to clients, and comparable by us."""
    return f"{turn}-{seq}"


def parse_event_id(text: str) -> tuple[int, int] | None:
    """The turn and the number of the entry, or None if we never gave this ID to anyone."""
    match = EVENT_ID.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def error(status: int, error: Exception | str) -> tuple[int, dict[str, Any]]:
    """The status, and `{"error": ...}`."""
    return status, {"error": str(error)}


class BondEventStream:
    """`event:` is the event's type, `data:` its fields, `id:` its place in the session.

    An event is what the log has kept, with its ID put before it: nothing is parsed.
    """

    def encode(self, turn: int, start: int, entries: Sequence[bytes]) -> bytes:
        """The entries numbered from `start` of this turn, as whole events."""
        form = b"id: %d-%%d\nevent: %%b\n\n" % turn
        return b"".join([form % numbered for numbered in enumerate(entries, start)])

    def gap(self, gap: bytes) -> bytes:
        """Tells that entries are kept no longer. This event has no ID: it is not in the log."""
        return b"event: %b\n\n" % gap


class BondWebSocket:
    """`{"t": type, ...}`: short keys for what comes often, and `done` after every turn."""

    ping = '{"t":"ping"}'

    def parse(self, text: str) -> Command:
        """A prompt, a cancel, an answer or a resume."""
        asked = parse_object(text)
        match asked.get("type"):
            case "cancel":
                return CancelMessage(type="cancel")
            case "answer":
                return parse(AnswerMessage, text)
            case "resume":
                return parse(ResumeMessage, text)
            case None if asked.get("prompt"):
                return parse(PromptMessage, text)
            case None:
                raise BadRequest("Missing 'prompt' field")
            case _:
                raise BadRequest("Unknown message type")

    def messages(self, entry: Entry) -> list[str | bytes]:
        """One text message; sound is two, of which the second is the sound itself."""
        if entry.is_terminal:
            return [_message(entry), '{"t":"done"}']
        if entry.type == Audio.type:
            sound = json.loads(entry.json)
            head = dumps({"t": "audio", "media_type": sound["media_type"]})
            # No message may be empty.
            return [head, base64.b64decode(sound["bytes"])] if sound["bytes"] else []
        return [_message(entry)]

    def refuse(self, error: BadRequest | str) -> str:
        """`{"t": "error", "error": ...}`; no `done` follows, for no turn was begun."""
        return dumps({"t": "error", "error": str(error)})


def _message(entry: Entry) -> str:
    if entry.type in CONTENTS and b"\\u" not in entry.json:  # as the log has it: nothing is parsed
        return f'{{"t":"{entry.type}","c":{entry.json[len(CONTENT) :].decode()}'
    fields = json.loads(entry.json)
    if entry.type in CONTENTS:
        fields = {"c": fields["content"]}
    elif entry.type == ToolDelta.type:
        fields = {"n": fields["name"], "a": fields["args"], "id": fields["id"]}
    return dumps({"t": entry.type, **fields})
