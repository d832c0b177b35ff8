"""OpenAI Responses: how a response is named, and the events that tell it.

A response is told by replaying the log: its ID says where it begins, its first question or the end
of its run is where it ends, and what is between follows from the entries alone. So any worker tells
the same events under the same numbers, whenever it is asked, and keeps nothing for it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..events import Approval, Complete, Entry, Error, Question, Terminal, ToolExec
from .encoder import PartsEncoder
from .exchange import Frame, Place, tokens, wire_id
from .parts import (
    Asked,
    Call,
    Closed,
    Delta,
    Kind,
    Opened,
    Over,
    Part,
    Result,
    arguments,
    as_json,
    as_text,
)

SERVER_LABEL = "agent"  # whose tools they are; elsewhere the name of an MCP server
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
NOT_KEPT = "The beginning of this response is kept no longer."

_ID = re.compile(
    r"[a-z]+_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_([1-9]\d{0,8})_(0|[1-9]\d{0,8})"
    r"_([1-9a-f][0-9a-f]{0,8})(?:_\d{1,9})?"
)


class ResponseId(NamedTuple):
    """All that a response needs to be told again. The IDs of its items have it in them too."""

    session_id: str
    turn: int
    after: int  # it begins after this entry
    created: int  # Unix time

    def name(self, kind: str) -> str:
        """The ID as text, of at most 64 characters."""
        return f"{kind}_{self.session_id}_{self.turn}_{self.after}_{self.created:x}"


def read_id(text: str) -> ResponseId | None:
    """What the ID of a response, or of an item, says. None if we gave it to nobody."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    session_id, turn, after, created = found.groups()
    return ResponseId(session_id, int(turn), int(after), int(created, 16))


# What the parts of one kind of text are called: the item's ID, the part, the text, its number.
_WORDS: dict[Kind, tuple[str, str, str, str]] = {
    "text": ("msg", "response.content_part", "response.output_text", "content_index"),
    "thinking": (
        *("rs", "response.reasoning_summary_part"),
        *("response.reasoning_summary_text", "summary_index"),
    ),
}


class ResponseStream(PartsEncoder):
    """One response: its events, or the `response` object.

    Events up to the number `starting_after` are counted, and not told.
    """

    def __init__(self, created: int, *, starting_after: int = -1) -> None:
        super().__init__()
        self._created = created
        self._starting_after = starting_after
        self._number = 0  # of the next event
        self._seq = 0  # of the last entry
        self._id = ResponseId("", 0, 0, created)
        self._model = ""
        self._status = "in_progress"
        self._output: list[dict[str, Any]] = []  # items, at their `output_index`
        self._text = 0  # where the open text or reasoning is among them
        self._calls: dict[str, Call] = {}  # of tools of ours that have not returned, by ID
        self._running: dict[str, int] = {}  # those of them that are items, at their index
        self._approvals: dict[str, str] = {}  # by the ID of the call that was asked about
        self._error: dict[str, Any] | None = None
        self._incomplete: dict[str, Any] | None = None
        self._usage: dict[str, Any] | None = None
        self._failed: tuple[int, str] | None = None  # how and why it could not be told

    def begin(self, place: Place) -> list[Frame]:
        """The empty response."""
        self._id = ResponseId(place.session_id, place.turn, place.after, self._created)
        self._model = place.agent_name
        self._seq = place.after
        response = self._response()
        return [
            *self._event("response.created", response=response),
            *self._event("response.in_progress", response=response),
        ]

    def skipped(self, part: Part) -> None:
        """A tool that an earlier response has told of may return in this one."""
        match part:
            case Call():
                self._know(part)
            case Asked(Approval(id, tool_id)):
                self._approvals[tool_id] = id
            case Result(id):
                self._calls.pop(id, None)
            case _:
                pass

    def encode(self, entries: Sequence[Entry]) -> list[Frame]:
        """The events of these entries, up to the end of the response."""
        frames: list[Frame] = []
        for entry in entries:
            if self.is_whole:
                break
            if entry.seq != self._seq + 1:
                self._failed, self.is_whole = (404, NOT_KEPT), True
                return [*frames, *self.cut_off(NOT_KEPT)]
            self._seq = entry.seq
            frames += self._approved(entry)
            frames += self.tell_all(self.parts.feed(entry))
        return frames

    def tell(self, part: Part) -> list[Frame]:  # noqa: PLR0911 - a table
        """Text, reasoning, calls with their results, and what is for the client."""
        match part:
            case Opened(kind):
                return self._opened(kind)
            case Delta(kind, _, content):
                return self._delta(kind, content)
            case Closed():
                return self._closed(part)
            case Call():
                return self._call(part)
            case Result():
                return self._returned(part)
            case Asked(event):
                return self._asked(event)
            case Over(event):
                return self._over(event)
            case _:
                # A call that is being written: whose it will be is known when it is whole.
                return []

    def cut_off(self, failure: str) -> list[Frame]:
        """An `error` event, with the last number again: a client that resumes misses nothing.

        By its type it has what went wrong beside `error`; the API itself, and WebSockets, have it
        within. The SDKs of JavaScript read both, and that of Python raises for the latter only.
        """
        self._failed = self._failed or (500, failure)
        told = error(failure, "server_error")
        number = max(self._number - 1, 0)
        data = {**told, "type": "error", "sequence_number": number, "error": told}
        return [Frame(as_json(data), "error")]

    def whole(self) -> tuple[int, Any]:
        """The response, as far as it has come."""
        if self._failed is not None:
            return self._failed[0], {"error": error(self._failed[1], "server_error")}
        if not self.is_whole:
            for part in self.parts.close():
                if isinstance(part, Closed):
                    self._closed(part, "in_progress")
        return 200, self._response()

    def _opened(self, kind: Kind) -> list[Frame]:
        prefix, part, _, _ = _WORDS[kind]
        self._text, added = self._add(_text_item(kind, self._item_id(prefix), []))
        return [*added, *self._text_event(kind, f"{part}.added", part=_part(kind, ""))]

    def _delta(self, kind: Kind, content: str) -> list[Frame]:
        _, _, text, _ = _WORDS[kind]
        return self._text_event(kind, f"{text}.delta", delta=content)

    def _closed(self, closed: Closed, status: str = "completed") -> list[Frame]:
        kind, content = closed.kind, closed.content
        _, part, text, _ = _WORDS[kind]
        item_id = self._output[self._text]["id"]
        self._output[self._text] = _text_item(kind, item_id, [_part(kind, content)], status)
        return [
            *self._text_event(kind, f"{text}.done", text=content),
            *self._text_event(kind, f"{part}.done", part=_part(kind, content)),
            *self._done(self._text),
        ]

    def _text_event(self, kind: Kind, type: str, **fields: Any) -> list[Frame]:
        if type.startswith("response.output_text"):
            fields["logprobs"] = []
        return self._item_event(type, self._text, **{_WORDS[kind][3]: 0}, **fields)

    def _call(self, call: Call) -> list[Frame]:
        self._know(call)
        if call.actor == "client":
            return [*self._ask_client(call), *self._end("completed")]
        return self._run(call) if call.actor == "server" else []  # or told as what is asked

    def _know(self, call: Call) -> None:
        self._calls.pop(call.id, None)
        if call.actor != "client":  # its result is no news to the client
            self._calls[call.id] = call

    def _run(self, call: Call) -> list[Frame]:
        """A tool of ours begins to run."""
        asked = self._approvals.get(call.id)
        item = {
            "id": self._item_id("mcp"),
            "type": "mcp_call",
            "server_label": SERVER_LABEL,
            "name": call.name,
            "arguments": "",
            "approval_request_id": None if asked is None else self._wire_id(asked),
            "output": None,
            "error": None,
            "status": "in_progress",
        }
        index, frames = self._add(item)
        self._running[call.id] = index
        return [
            *frames,
            *self._item_event("response.mcp_call.in_progress", index),
            *self._arguments("response.mcp_call_arguments", index, call),
        ]

    def _approved(self, entry: Entry) -> list[Frame]:
        """An approved tool begins to run. `Parts` has told its call when the person was asked."""
        if entry.type != ToolExec.type:
            return []
        call = self._calls.get(json.loads(entry.json)["id"])
        return [] if call is None or call.id in self._running else self._run(call)

    def _returned(self, result: Result) -> list[Frame]:
        call = self._calls.pop(result.id, None)
        if call is None:
            return []  # it has returned before
        begun = [] if call.id in self._running else self._run(call)
        index = self._running.pop(call.id)
        if result.is_error:
            content = [{"type": "text", "text": as_text(result.result)}]
            failure = {"type": "mcp_tool_execution_error", "content": content}
            self._output[index].update(status="failed", error=failure)
        else:
            self._output[index].update(status="completed", output=as_text(result.result))
        event = f"response.mcp_call.{self._output[index]['status']}"
        return [*begun, *self._item_event(event, index), *self._done(index)]

    def _ask_client(self, call: Call) -> list[Frame]:
        item = {
            "id": self._item_id("fc"),
            "type": "function_call",
            "call_id": self._wire_id(call.id),
            "name": call.name,
            "arguments": "",
            "status": "in_progress",
        }
        index, frames = self._add(item)
        told = self._arguments("response.function_call_arguments", index, call)
        self._output[index]["status"] = "completed"
        return [*frames, *told, *self._done(index)]

    def _arguments(self, type: str, index: int, call: Call) -> list[Frame]:
        whole = self._output[index]["arguments"] = arguments(call.args)
        return [
            *self._item_event(f"{type}.delta", index, delta=whole),
            *self._item_event(f"{type}.done", index, arguments=whole),
        ]

    def _asked(self, asked: Question | Approval) -> list[Frame]:
        closed = self.tell_all(self.parts.close())
        told = self._question(asked) if isinstance(asked, Question) else self._approval(asked)
        return [*closed, *told, *self._end("completed")]

    def _question(self, asked: Question) -> list[Frame]:
        """The question is text, and the prompt that continues the response is its answer."""
        whole = Closed("text", 0, asked.prompt)
        return [*self._opened("text"), *self._delta("text", whole.content), *self._closed(whole)]

    def _approval(self, asked: Approval) -> list[Frame]:
        item = {
            "id": self._wire_id(asked.id),
            "type": "mcp_approval_request",
            "server_label": SERVER_LABEL,
            "name": asked.name,
            "arguments": arguments(asked.args),
        }
        index, frames = self._add(item)
        return [*frames, *self._done(index)]

    def _over(self, event: Terminal) -> list[Frame]:
        match event:
            case Complete(_, usage, reason):
                self._usage = _usage(usage) if usage else None
                if reason in INCOMPLETE:
                    self._incomplete = {"reason": INCOMPLETE[reason]}
                    return self._end("incomplete")
                return self._end("completed")
            case Error(message, code):
                # The codes that clients know are of the API's own; ours are for the reader.
                self._error = {"code": "server_error", "message": message, "type": code}
                return self._end("failed")
            case _:
                return self._end("cancelled", "response.incomplete")

    def _end(self, status: str, event: str = "") -> list[Frame]:
        """The last event; tools that still run are told as far as they have come."""
        frames: list[Frame] = []
        for index in self._running.values():
            self._output[index]["status"] = "incomplete"
            frames += self._done(index)
        self._status = status
        self.is_whole = True
        return [*frames, *self._event(event or f"response.{status}", response=self._response())]

    def _add(self, item: dict[str, Any]) -> tuple[int, list[Frame]]:
        index = len(self._output)
        self._output.append(item)
        return index, self._event("response.output_item.added", output_index=index, item=item)

    def _done(self, index: int) -> list[Frame]:
        item = self._output[index]
        return self._event("response.output_item.done", output_index=index, item=item)

    def _item_event(self, type: str, index: int, **fields: Any) -> list[Frame]:
        item_id = self._output[index]["id"]
        return self._event(type, item_id=item_id, output_index=index, **fields)

    def _event(self, type: str, **fields: Any) -> list[Frame]:
        number, self._number = self._number, self._number + 1
        if number <= self._starting_after:
            return []
        return [Frame(as_json({"type": type, "sequence_number": number, **fields}), type)]

    def _wire_id(self, id: str) -> str:
        return wire_id(self._id.session_id, id)

    def _item_id(self, prefix: str) -> str:
        return f"{self._id.name(prefix)}_{len(self._output)}"

    def _response(self) -> dict[str, Any]:
        return {
            "id": self._id.name("resp"),
            "object": "response",
            "created_at": self._id.created,
            "status": self._status,
            "model": self._model,
            "output": self._output,
            "parallel_tool_calls": False,  # a response ends with the first call for the client
            "tool_choice": "auto",
            "tools": [],
            "error": self._error,
            "incomplete_details": self._incomplete,
            "instructions": None,
            "metadata": {},
            "temperature": None,
            "top_p": None,
            "previous_response_id": None,
            "usage": self._usage,
        }


def error(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    """What went wrong, as all errors of this API tell it."""
    return {"message": message, "type": kind, "param": None, "code": code}


def _part(kind: Kind, text: str) -> dict[str, Any]:
    if kind == "thinking":
        return {"type": "summary_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _text_item(
    kind: Kind, item_id: str, parts: list[dict[str, Any]], status: str = "in_progress"
) -> dict[str, Any]:
    if kind == "thinking":
        return {"id": item_id, "type": "reasoning", "summary": parts}
    said = {"role": "assistant", "status": status, "content": parts}
    return {"id": item_id, "type": "message", **said}


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    read, written = tokens(usage)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }
