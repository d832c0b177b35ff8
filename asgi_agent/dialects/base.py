"""What a dialect is: how one family of clients asks, and what it reads. Sans-I/O."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from ..errors import BadRequest
from ..events import Entry
from ..inputs import AnswerMessage, CancelMessage, PromptMessage, ResumeMessage

Command: TypeAlias = PromptMessage | CancelMessage | AnswerMessage | ResumeMessage


# How a dialect tells a client that its request failed: a status and a JSON body.
Tell: TypeAlias = Callable[[int, Exception | str], tuple[int, Any]]

# A value as the JSON of a text message. (json.dumps would make an encoder for each.)
dumps: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class EventStreamDialect(Protocol):
    """Entries as bytes of an event stream. One instance serves one stream."""

    def encode(self, turn: int, start: int, entries: Sequence[bytes]) -> bytes:
        """The entries numbered from `start` of this turn, as whole events."""
        ...


class WebSocketDialect(Protocol):
    """Commands from, and entries to, WebSocket messages. One instance serves one connection."""

    ping: str

    def parse(self, text: str) -> Command:
        """What the client asks. Raises `BadRequest` with a message for the client."""
        ...

    def messages(self, entry: Entry) -> list[str | bytes]:
        """The messages that tell this entry: text messages and, for sound, a binary one."""
        ...

    def refuse(self, error: BadRequest | str) -> str:
        """The message that tells the client what it asked cannot be done."""
        ...
