"""Streams of agents that some published client reads, and another one does not."""

import json
from collections.abc import Callable
from typing import Any

from ..transcript import Exchange, Record, changed
from .alter import altered, with_field, with_profile, with_status
from .registry import mutant
from .streams import Rewrite, Rewritten, rewritten

Data = dict[str, Any] | str
DONE = "[DONE]"
HEADER = "X-Vercel-AI-UI-Message-Stream"


def _chunk(reason: str | None, **delta: str) -> Data:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


def _rpc(kind: str, state: str) -> Data:
    return {"jsonrpc": "2.0", "id": 1, "result": {kind: {"status": {"state": state}}}}


# Each dialect in three events.
CHAT: list[Data] = [_chunk(None, content="Hi"), _chunk("stop"), DONE]
CHAT_ERROR: list[Data] = [*CHAT[:1], _chunk(None, content="!"), {"error": {"message": "no"}}]
UI: list[Data] = [{"type": "start"}, {"type": "finish"}, DONE]
AG_UI: list[Data] = [
    {"type": "RUN_STARTED", "threadId": "t", "runId": "r"},
    {"type": "CUSTOM", "name": "nothing", "value": None},
    {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"},
]
RESPONSES: list[Data] = [
    {"type": "response.created", "sequence_number": 0, "response": {"error": None}},
    {"type": "response.in_progress", "sequence_number": 1, "response": {"error": None}},
    {"type": "response.completed", "sequence_number": 2, "response": {"error": None}},
]
MESSAGES: list[Data] = [{"type": "message_start"}, {"type": "ping"}, {"type": "message_stop"}]
A2A: list[Data] = [
    _rpc("task", "TASK_STATE_SUBMITTED"),
    _rpc("statusUpdate", "TASK_STATE_WORKING"),
    _rpc("statusUpdate", "TASK_STATE_COMPLETED"),
]


def told(said: list[Data], *, named: bool = False) -> Rewrite:
    """Rewrites the blocks of the sound stream as the events of an answer."""

    def rewrite(number: int, block: bytes) -> bytes:
        data = said[number]
        name = f"event: {data['type']}\n" if named and not isinstance(data, str) else ""
        text = data if isinstance(data, str) else json.dumps(data)
        return b"id: %d\n%bdata: %b\n\n" % (number + 1, name.encode(), text.encode())

    return rewrite


SOUND: dict[str, Rewrite] = {
    "Chat Completions": told(CHAT),
    "Chat Completions, failing": told(CHAT_ERROR),
    "a UI message stream": told(UI),
    "AG-UI": told(AG_UI),
    "Responses": told(RESPONSES, named=True),
    "Anthropic Messages": told(MESSAGES, named=True),
    "A2A": told(A2A),
    "no dialect that is known": lambda _, block: block,
}


def claimed(record: Record) -> Record:
    """The record of a subject that says that everybody can read it."""
    return with_profile(record, "universal")


def universal_mutant(requirement: str, defect: str) -> Callable[[Rewrite], Rewrite]:
    """Register a way to write blocks."""

    def register(rewrite: Rewrite) -> Rewrite:
        record = mutant(requirement, defect, Rewritten(rewrite).serve)
        record(lambda: claimed(rewritten(rewrite)))
        return rewrite

    return register


def _of(said: list[Data], *, named: bool = False) -> Callable[[Rewrite], Rewrite]:
    """Rewrites the answer's blocks."""
    sound = told(said, named=named)

    def wrap(rewrite: Rewrite) -> Rewrite:
        return lambda number, block: rewrite(number, sound(number, block))

    return wrap


@universal_mutant("UNI-01", "ends lines in CRLF")
@_of(AG_UI)
def crlf(_: int, block: bytes) -> bytes:
    return block.replace(b"\n", b"\r\n")


@universal_mutant("UNI-02", "ends its heartbeats with a blank line")
@_of(CHAT)
def comment_block(_: int, block: bytes) -> bytes:
    return b": ka\n\n" + block


@universal_mutant("UNI-02", "writes a blank line too many")
@_of(CHAT)
def two_blank_lines(_: int, block: bytes) -> bytes:
    return block + b"\n"


@universal_mutant("UNI-03", "tells the reconnection time by itself")
@_of(CHAT)
def retry_alone(number: int, block: bytes) -> bytes:
    return block if number else b"retry: 3000\n\n" + block


@universal_mutant("UNI-03", "tells the reconnection time with a later event")
@_of(CHAT)
def retry_late(number: int, block: bytes) -> bytes:
    return b"retry: 3000\n" + block if number == 1 else block


@universal_mutant("UNI-04", "names the chunks of a completion")
@_of(CHAT)
def named_chunk(number: int, block: bytes) -> bytes:
    return block if number else b"event: chunk\n" + block


universal_mutant("UNI-04", "does not name the events of a message")(told(MESSAGES))


@universal_mutant("UNI-04", "gives an event of a response another name")
@_of(RESPONSES, named=True)
def other_name(_: int, block: bytes) -> bytes:
    return block.replace(b"event: response.in_progress", b"event: progress")


universal_mutant("UNI-05", "ends a UI message stream without [DONE]")(
    told([UI[0], {"type": "start-step"}, UI[1]])
)


@universal_mutant("UNI-05", "ends AG-UI with [DONE]")
@_of(AG_UI)
def done_of_others(number: int, block: bytes) -> bytes:
    return block if number < len(AG_UI) - 1 else block + b"data: [DONE]\n\n"


@universal_mutant("UNI-05", "goes on after [DONE]")
@_of(CHAT)
def goes_on(number: int, block: bytes) -> bytes:
    return block + (b"data: %b\n\n" % json.dumps(CHAT[1]).encode() if number == 2 else b"")


@universal_mutant("UNI-06", "writes null for what is not given")
@_of(AG_UI)
def null(_: int, block: bytes) -> bytes:
    return block.replace(b'"runId": "r"', b'"runId": "r", "parentRunId": null')


universal_mutant("UNI-07", "ends in the middle of an answer")(told([*AG_UI[:2], AG_UI[1]]))
universal_mutant("UNI-07", "ends in the middle of a task")(told([*A2A[:2], A2A[1]]))


@mutant("UNI-08", "says nothing to nginx")
def buffered() -> Record:
    return claimed(altered("get", lambda get: with_field(get, "X-Accel-Buffering")))


@mutant("UNI-08", "lets proxies compress it")
def transformed() -> Record:
    return claimed(altered("get", lambda get: with_field(get, "Cache-Control", "no-cache")))


@mutant("UNI-09", "is no stream for who accepts JSON")
def negotiated() -> Record:
    return claimed(altered("accept_json", lambda get: with_status(get, 406)))


def with_ui_header(record: Record) -> Record:
    """The same, as a response that says by its head what it is."""
    gets = [item for item in record.all("get") if isinstance(item, Exchange)]
    return changed(record, "get", [with_field(each, HEADER, "v1") for each in gets])
