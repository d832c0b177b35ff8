"""OpenAI Responses: `/v1/responses` over HTTP, streaming or not, and as a WebSocket.

https://platform.openai.com/docs/api-reference/responses. A response can be read again, from any of
its events on; what names it, or one of its items, continues its conversation. A call that is for
the client, and an approval, is answered by the next request. To delete a response is to delete its
conversation. What a request asks of a model (temperature, tools ...) is not heard: the agent is its
own.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Annotated, Any

from pydantic import BaseModel, Field

from ..errors import BadRequest, UnknownSession
from ..inputs import parse, parse_object
from .exchange import (
    Abort,
    Action,
    Answer,
    CancelTurn,
    ChannelDialect,
    Continued,
    FollowTurn,
    Frame,
    Parse,
    Received,
    RemoveSession,
    Reply,
    StartTurn,
    operation,
    prompt_of,
    read_wire_id,
    text_of,
)
from .openai_responses_stream import ResponseId, ResponseStream, error, read_id
from .parts import as_json

OUTPUTS = ("function_call_output", "mcp_approval_response")


class Item(BaseModel):
    """One item of the conversation. Those of other types are for models, and left out."""

    type: str | None = None  # None: a message
    id: str | None = None
    role: str | None = None
    content: Any = None
    name: str | None = None
    arguments: str | None = None
    call_id: str | None = None
    output: Any = None
    approval_request_id: str | None = None
    approve: bool | None = None

    @property
    def is_message(self) -> bool:
        return self.type in (None, "message")


class ResponsesRequest(BaseModel):
    """The fields that mean something here; all others are ignored."""

    input: str | Annotated[list[Item], Field(min_length=1)]
    instructions: str | None = None
    previous_response_id: str | None = None
    stream: bool | None = None
    background: bool | None = None
    store: bool | None = None
    conversation: Any = None


class CreateMessage(ResponsesRequest):
    """WebSocket: the same. Each `stream_id` has one response at a time, and so has none."""

    stream_id: str | None = None
    generate: bool | None = None


class SteerMessage(BaseModel):
    """WebSocket: input for a response that is under way."""

    previous_response_id: str
    input: Any


class OpenAIResponses:
    """The routes of Responses."""

    def routes(self, path: Sequence[str]) -> Mapping[str, Parse]:
        """POST of what is said next; GET, DELETE and cancel of a response."""
        match path:
            case ["v1", "responses"]:
                return {"POST": _create}
            case ["v1", "responses", name]:
                return {
                    "GET": lambda got: _retrieve(name, got.query),
                    "DELETE": lambda got: _delete(name),
                }
            case ["v1", "responses", name, "cancel"]:
                return {"POST": lambda got: _cancel(name)}
            case _:
                return {}

    def describe(self) -> Mapping[str, Any]:
        """The paths."""
        return {
            "/v1/responses": {"post": operation("Responses", ResponsesRequest, streams=True)},
            "/v1/responses/{response}": {
                "get": operation("A response, or its events again", streams=True),
                "delete": operation("Delete the conversation of a response"),
            },
            "/v1/responses/{response}/cancel": {"post": operation("Cancel a response")},
        }

    def channel(self, path: Sequence[str]) -> ChannelDialect | None:
        """The same path."""
        return ResponsesChannel() if path == ["v1", "responses"] else None

    def tell_error(self, status: int, error: Exception | str) -> tuple[int, dict[str, Any]]:
        """`{"error": {...}}`, as the SDKs make exceptions of it."""
        return status, {"error": _error(status, str(error))}


class ResponsesChannel:
    """Responses over one WebSocket: what is an event's data over HTTP is a message."""

    ping: str | None = None  # there is no message that the clients would not take for an event

    def parse(self, text: str) -> tuple[str, Action | Abort]:
        """A response, under its `stream_id`."""
        match parse_object(text).get("type"):
            case "response.create":
                asked = parse(CreateMessage, text)
                if asked.generate is False:
                    raise BadRequest("generate: a response is always generated")
                return asked.stream_id or "", _start(asked)
            case "response.steer":
                return _steer(parse(SteerMessage, text))
            case _:
                raise BadRequest("type: expected 'response.create'")

    def opened(self, key: str) -> list[str]:
        """Nothing."""
        return []

    def messages(self, key: str, frames: Sequence[Frame]) -> list[str]:
        """Each event, with its `stream_id`."""
        lane = f'{{"stream_id":{as_json(key)},' if key else "{"
        return [lane + frame.data.removeprefix("{") for frame in frames]

    def closed(self, key: str) -> list[str]:
        """Nothing: the last event says that it is the last."""
        return []

    def refuse(self, key: str | None, error: BadRequest | str) -> str:
        """An `error`, which is numbered by nobody."""
        status = error.status if isinstance(error, BadRequest) else 400
        told = {"type": "error", "status": status, "error": _error(status, str(error))}
        return as_json({"stream_id": key, **told} if key else told)


def _create(received: Received) -> Action:
    return _start(parse(ResponsesRequest, received.body), is_streamed=False)


def _start(asked: ResponsesRequest, *, is_streamed: bool = True) -> Action:
    """The next turn, or the answers to what the last response has asked."""
    if asked.conversation is not None:
        raise BadRequest("conversation: continue one with previous_response_id")
    items = [Item(content=asked.input)] if isinstance(asked.input, str) else asked.input
    before, items = _place(asked, items)
    outputs = list(takewhile(lambda item: item.type in OUTPUTS, reversed(items)))
    is_prompt = not outputs
    if is_prompt and (not items or not items[-1].is_message):
        raise BadRequest("input: the last item is a message, or the output of a call")
    told = items[:-1] if is_prompt else items
    history = [*_instructions(asked), *(each for item in told for each in _message(item))]
    return StartTurn(
        encoder=ResponseStream(int(time.time())),
        prompt=prompt_of(items[-1].content) if is_prompt else "",
        history=None if before and not is_prompt else history,
        continues=before,
        answers=[_answer(output) for output in reversed(outputs)],
        is_streamed=is_streamed or bool(asked.stream),
        is_background=bool(asked.background),
        is_kept=asked.store is not False,
    )


def _place(asked: ResponsesRequest, items: list[Item]) -> tuple[Continued | None, list[Item]]:
    """Which response is continued, and the items after it.

    A client that has all items of the conversation sends those that it has from us by reference;
    the last of them is as good as the ID of its response, which remembers the others.
    """
    referred = [at for at, item in enumerate(items) if item.type == "item_reference"]
    if referred:
        name, items = items[referred[-1]].id or "", items[referred[-1] + 1 :]
        told = read_id(name)
        if told is None:  # an approval, whose answer follows
            return Continued(read_wire_id(name)[0], 0, 0), items
    elif asked.previous_response_id is not None:
        told = _read(asked.previous_response_id)
    else:
        return None, items
    return Continued(told.session_id, told.turn, told.after), items


def _instructions(asked: ResponsesRequest) -> list[dict[str, Any]]:
    return [{"role": "system", "content": asked.instructions}] if asked.instructions else []


def _message(item: Item) -> list[dict[str, Any]]:
    """The item as a message of a history, where it is one."""
    match item.type:
        case None | "message":
            return [{"role": item.role or "user", "content": text_of(item.content)}]
        case "function_call":
            function = {"name": item.name, "arguments": item.arguments}
            call = {"id": item.call_id, "type": "function", "function": function}
            return [{"role": "assistant", "content": "", "tool_calls": [call]}]
        case "function_call_output":
            content = text_of(item.output)
            return [{"role": "tool", "tool_call_id": item.call_id, "content": content}]
        case _:
            return []


def _answer(item: Item) -> Answer:
    if item.type == "function_call_output":
        return Answer(*read_wire_id(item.call_id or ""), text_of(item.output))
    return Answer(*read_wire_id(item.approval_request_id or ""), item.approve is True)


def _retrieve(name: str, query: Mapping[str, str]) -> Action:
    told = _read(name)
    is_streamed = query.get("stream") == "true"
    number = query.get("starting_after", "-1") if is_streamed else "-1"
    if not number.removeprefix("-").isdecimal() or len(number) > 15:
        raise BadRequest("starting_after: expected the number of an event")
    return FollowTurn(
        encoder=ResponseStream(told.created, starting_after=int(number)),
        session_id=told.session_id,
        turn=told.turn,
        after=told.after,
        is_streamed=is_streamed,
    )


def _cancel(name: str) -> Action:
    told = _read(name)
    encoder = ResponseStream(told.created)
    return CancelTurn(session_id=told.session_id, turn=told.turn, after=told.after, encoder=encoder)


def _delete(name: str) -> Action:
    content = {"id": name, "object": "response", "deleted": True}
    return RemoveSession(_read(name).session_id, content)


def _steer(asked: SteerMessage) -> tuple[str, Action]:
    name = asked.previous_response_id
    told = {
        "type": "response.steer.failed",
        "sequence_number": 0,
        "steer": {"previous_response_id": name, "input": asked.input},
        "error": {
            "type": "invalid_request_error",
            "code": "steering_not_supported",
            "message": "Say it after the response, or cancel the response first.",
        },
    }
    return f"steer {name}", Reply(as_json(told))


def _read(name: str) -> ResponseId:
    told = read_id(name)
    if told is None:
        raise UnknownSession(f"Response with id '{name[:100]}' not found.")
    return told


def _error(status: int, message: str) -> dict[str, Any]:
    return error(message, "invalid_request_error" if status < 500 else "server_error")
