"""What OpenAI's clients make of a stream of response events, and what they refuse.

The types are those of the Python client, and so is the accumulation; the JavaScript client is
stricter, and its rules are written out here after its `response-accumulator`.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from asgi_agent.dialects.exchange import Frame

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
ENDS = ("response.completed", "response.failed", "response.incomplete")
ITEM_OF = {
    "response.output_text": "message",
    "response.content_part": "message",
    "response.reasoning_summary_text": "reasoning",
    "response.reasoning_summary_part": "reasoning",
    "response.function_call_arguments": "function_call",
    "response.mcp_call_arguments": "mcp_call",
    "response.mcp_call": "mcp_call",
}


class Reader:
    """Reads the events of one response from its beginning."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.written: dict[int, str] = {}  # what the deltas of an item have said
        self.is_done: list[bool] = []
        self.end: dict[str, Any] | None = None
        self._state: ResponseStreamState[Any] = ResponseStreamState(
            input_tools=omit, text_format=omit
        )
        self._count = 0

    def read(self, frame: Frame) -> None:
        """Raises what a client would."""
        assert self.end is None, "nothing follows the end"
        event = EVENTS.validate_json(frame.data)
        told = json.loads(frame.data)
        assert event.type == frame.event
        assert list(extras(event)) == []
        assert event.sequence_number == self._count
        self._count += 1
        self._state.handle_event(event)
        if "output_index" in told:
            self._read_item(told)
        elif told["type"] in ENDS:
            self.end = told["response"]
            assert all(self.is_done), "no item is left unfinished"
            assert self.items == told["response"]["output"]

    def _read_item(self, told: dict[str, Any]) -> None:
        kind, _, what = told["type"].rpartition(".")
        index = told["output_index"]
        if told["type"] == "response.output_item.added":
            assert index == len(self.items), "items come in their order"
            assert told["item"]["id"] not in {item["id"] for item in self.items}
            self.items.append(told["item"])
            self.is_done.append(False)
            self.written[index] = ""
            return
        assert not self.is_done[index]
        if told["type"] == "response.output_item.done":
            keys = ("id", "type", "call_id", "name")
            assert [told["item"].get(k) for k in keys] == [self.items[index].get(k) for k in keys]
            assert self.written[index] == text_of(told["item"])
            self.items[index] = told["item"]
            self.is_done[index] = True
            return
        assert told["item_id"] == self.items[index]["id"]
        assert self.items[index]["type"] == ITEM_OF[kind]
        if what == "delta":
            self.written[index] += told["delta"]
        elif what == "done" and "part" not in told:
            assert self.written[index] == told.get("text", told.get("arguments"))


def read(frames: Sequence[Frame]) -> Reader:
    reader = Reader()
    for frame in frames:
        reader.read(frame)
    return reader


def text_of(item: dict[str, Any]) -> str:
    """What the deltas of the item have said."""
    match item["type"]:
        case "message":
            return "".join(part["text"] for part in item["content"])
        case "reasoning":
            return "".join(part["text"] for part in item["summary"])
        case "function_call" | "mcp_call":
            return str(item["arguments"])
        case _:
            return ""


def extras(value: object) -> Iterator[str]:
    """The keys, at any depth, that the client has no field for."""
    if isinstance(value, BaseModel):
        # Of a failure we tell our own code too, where older clients have no field for it.
        yield from value.model_extra or {}
        for name in type(value).model_fields:
            yield from extras(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            yield from extras(each)


def response(told: object) -> Response:
    """The `response` object as the client reads it."""
    read = Response.model_validate(told)
    assert list(extras(read)) == []
    return read
