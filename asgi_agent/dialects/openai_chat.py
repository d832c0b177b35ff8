"""OpenAI Chat Completions: `POST /v1/chat/completions`, streaming and not, and `GET /v1/models`.

https://platform.openai.com/docs/api-reference/chat. Tools that run on the server have no word here:
a client would take them for its own, and so they are not told. The conversation is the client's:
each request brings all of it.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Annotated, Any

from pydantic import BaseModel, Field

from ..events import Approval, Cancelled, Complete, Error, Question, Terminal
from ..inputs import parse
from .exchange import (
    Action,
    Answer,
    ChannelDialect,
    Frame,
    Parse,
    PartsEncoder,
    Pause,
    Place,
    Received,
    Reply,
    StartTurn,
    operation,
    read_wire_id,
    text_of,
    tokens,
    wire_id,
)
from .parts import Asked, Call, Delta, Over, Part, arguments, as_json

FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")
DONE = Frame("[DONE]")


class Message(BaseModel):
    """One message of the conversation."""

    role: str
    content: Any = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class StreamOptions(BaseModel):
    """What a client wants to know beside the answer."""

    include_usage: bool = False


class ChatCompletionRequest(BaseModel):
    """The fields that mean something here; all others are ignored."""

    messages: Annotated[list[Message], Field(min_length=1)]
    model: str | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None


class OpenAIChat:
    """The routes of Chat Completions."""

    def routes(self, path: Sequence[str]) -> Mapping[str, Parse]:
        """POST of a conversation; GET of the models, of which there is one."""
        match path:
            case ["v1", "chat", "completions"]:
                return {"POST": _asked}
            case ["v1", "models"]:
                return {"GET": lambda got: Reply({"object": "list", "data": [_model(got)]})}
            case ["v1", "models", _]:
                return {"GET": lambda got: Reply(_model(got))}
            case _:
                return {}

    def describe(self) -> Mapping[str, Any]:
        """The paths."""
        return {
            "/v1/chat/completions": {
                "post": operation("Chat Completions", ChatCompletionRequest, streams=True)
            },
            "/v1/models": {"get": operation("The models")},
            "/v1/models/{model}": {"get": operation("One model")},
        }

    def channel(self, path: Sequence[str]) -> ChannelDialect | None:
        """None: Chat Completions know no WebSocket."""
        return None

    def tell_error(self, status: int, error: Exception | str) -> tuple[int, dict[str, Any]]:
        """`{"error": {...}}`, as the SDKs make exceptions of it."""
        kind = "invalid_request_error" if status < 500 else "server_error"
        return status, {"error": _error(str(error), kind, None)}


class ChatCompletion(PartsEncoder):
    """One answer: `chat.completion.chunk` objects, then `[DONE]`; or one `chat.completion`."""

    def __init__(self, model: str, *, include_usage: bool = False) -> None:
        super().__init__()
        self._model = model
        self._include_usage = include_usage
        self._created = int(time.time())
        self._id = self._session_id = ""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._refused: list[str] = []
        self._question: str | None = None
        self._finish_reason = "stop"
        self._usage: dict[str, int] | None = None
        self._error: dict[str, Any] | None = None

    def begin(self, place: Place) -> list[Frame]:
        """The role, in a chunk of its own."""
        self._id = f"chatcmpl-{place.run_id}"
        self._session_id = place.session_id
        return [self._chunk({"role": "assistant", "content": ""})]

    def tell(self, part: Part) -> list[Frame]:  # noqa: PLR0911 - a table
        """Text, reasoning and the calls that are for the client."""
        match part:
            case Delta("text", _, content):
                self._content.append(content)
                return [self._chunk({"content": content})]
            case Delta("thinking", _, content):
                self._reasoning.append(content)
                return [self._chunk({"reasoning_content": content})]
            case Call(actor="client"):
                return self._call(part)
            case Asked(Approval(approval_id)):
                self._refused.append(approval_id)
                return []
            case Asked(Question(_, prompt)):
                self._question = prompt
                return self.tell(Delta("text", 0, prompt))
            case Over(event):
                return self._over(event)
            case _:
                return []

    def refused(self) -> list[str]:
        """Every approval: here is nobody to ask."""
        refused, self._refused = self._refused, []
        return refused

    def pause(self) -> Pause | None:
        """A client tool is for the next request; a question is answered by a new conversation."""
        if self._calls:
            self._finish_reason = "tool_calls"
            return Pause(self._finish())
        if self._question is not None:
            return Pause(self._finish(), is_final=True)
        return None

    def cut_off(self, failure: str) -> list[Frame]:
        """An error, of which the SDKs make an exception."""
        return self._fail(failure, "stream_failed")

    def whole(self) -> tuple[int, Any]:
        """The `chat.completion`, or an error."""
        if self._error is not None:
            return 500, {"error": self._error}
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(self._content) if self._content or not self._calls else None,
        }
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._calls:
            message["tool_calls"] = self._calls
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": self._finish_reason,
            "logprobs": None,
        }
        usage = self._usage or {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return 200, {**self._head("chat.completion"), "choices": [choice], "usage": usage}

    def _call(self, call: Call) -> list[Frame]:
        index = len(self._calls)
        function = {"name": call.name, "arguments": arguments(call.args)}
        told = {
            "id": wire_id(self._session_id, call.id),
            "type": "function",
            "function": function,
        }
        self._calls.append(told)
        return [self._chunk({"tool_calls": [{"index": index, **told}]})]

    def _over(self, event: Terminal) -> list[Frame]:
        match event:
            case Error(message, code):
                return self._fail(message, code)
            case Cancelled():
                return self._fail("The run was cancelled.", "cancelled")
            case Complete(_, usage, reason):
                self._usage = _usage(usage)
                if reason in FINISH_REASONS:
                    self._finish_reason = reason
                return self._finish()

    def _finish(self) -> list[Frame]:
        frames = [self._chunk({}, self._finish_reason)]
        if self._include_usage:
            usage = self._usage or _usage({})
            head = self._head("chat.completion.chunk")
            frames.append(Frame(as_json({**head, "choices": [], "usage": usage})))
        return [*frames, DONE]

    def _fail(self, message: str, code: str) -> list[Frame]:
        self._error = _error(message, "server_error", code)
        return [Frame(as_json({"error": self._error}))]

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> Frame:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        chunk = {**self._head("chat.completion.chunk"), "choices": [choice]}
        if self._include_usage:
            chunk["usage"] = None
        return Frame(as_json(chunk))

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}


def _asked(received: Received) -> Action:
    asked = parse(ChatCompletionRequest, received.body)
    options = asked.stream_options or StreamOptions()
    *before, last = (_message(each) for each in asked.messages)
    is_prompt = last["role"] != "tool"
    return StartTurn(
        encoder=ChatCompletion(
            asked.model or received.agent_name, include_usage=options.include_usage
        ),
        prompt=text_of(last["content"]) if is_prompt else "",
        history=before if is_prompt else [*before, last],
        answers=() if is_prompt else _answers(asked.messages),
        is_streamed=asked.stream,
        is_kept=False,
    )


def _answers(messages: Sequence[Message]) -> list[Answer]:
    """The results of client tools with which the conversation ends."""
    results = takewhile(lambda each: each.role == "tool", reversed(messages))
    return [
        Answer(*read_wire_id(each.tool_call_id or ""), text_of(each.content)) for each in results
    ]


def _message(message: Message) -> dict[str, Any]:
    plain = message.model_dump(exclude_none=True)
    return {**plain, "content": text_of(message.content)}


def _usage(usage: Mapping[str, Any] | None) -> dict[str, int]:
    read, written = tokens(usage)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _model(received: Received) -> dict[str, Any]:
    return {"id": received.agent_name, "object": "model", "created": 0, "owned_by": "asgi_agent"}


def _error(message: str, kind: str, code: str | None) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": None, "code": code}
