"""Anthropic Messages: `POST /v1/messages`, streaming and not.

https://docs.anthropic.com/en/api/messages-streaming. The conversation is the client's: each request
brings all of it. Tools that run on the server are told as those of an MCP server are. An approval
has no word here, and is refused; a question is text, which a new conversation answers.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from ..events import Approval, Complete, Error, Question, Terminal
from ..inputs import parse
from .encoder import PartsEncoder
from .exchange import (
    CANCELLED,
    Action,
    Answer,
    ChannelDialect,
    Frame,
    Parse,
    Pause,
    Place,
    Received,
    StartTurn,
    operation,
    prompt_of,
    text_of,
    tokens,
)
from .parts import Asked, Call, Closed, Delta, Kind, Over, Part, Result, arguments, as_json, as_text

SERVER_NAME = "agent"  # whose tools they are; elsewhere the name of an MCP server
THINKING = {"type": "thinking", "thinking": "", "signature": ""}
STOP_REASONS = {"length": "max_tokens", "content_filter": "refusal"}
ERRORS = {404: "not_found_error", 413: "request_too_large", 503: "overloaded_error"}


class Block(BaseModel):
    """One block of a message. Those of other types are the client's own record of what we said."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    content: Any = None
    source: Any = None


class Message(BaseModel):
    """One message of the conversation."""

    role: str
    content: str | list[Block]

    @property
    def blocks(self) -> list[Block]:
        if isinstance(self.content, str):
            return [Block(type="text", text=self.content)]
        return self.content


class MessagesRequest(BaseModel):
    """The fields that mean something here; all others are ignored."""

    messages: Annotated[list[Message], Field(min_length=1)]
    system: str | list[Block] | None = None
    model: str | None = None
    stream: bool | None = None


class AnthropicMessages:
    """The route of Messages."""

    def routes(self, path: Sequence[str]) -> Mapping[str, Parse]:
        """POST of a conversation."""
        return {"POST": _asked} if path == ["v1", "messages"] else {}

    def describe(self) -> Mapping[str, Any]:
        """The path."""
        return {"/v1/messages": {"post": operation("Messages", MessagesRequest, streams=True)}}

    def channel(self, path: Sequence[str]) -> ChannelDialect | None:
        """None: Messages know no WebSocket."""
        return None

    def tell_error(self, status: int, error: Exception | str) -> tuple[int, dict[str, Any]]:
        """`{"type": "error", ...}`, as the SDKs make exceptions of it."""
        kind = "invalid_request_error" if status < 500 else "api_error"
        return status, _error(ERRORS.get(status, kind), str(error))


class MessageStream(PartsEncoder):
    """One message: its events, of which each content block has some; or the message itself.

    Blocks follow each other, so a text in which a tool returns goes on in another block.
    """

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model
        self._id = self._session_id = ""
        self._content: list[dict[str, Any]] = []  # the blocks so far, at their `index`
        self._open: Kind | None = None  # what the last of them is, if it goes on
        self._tools: dict[str, str] = {}  # of ours: the IDs of their blocks, by that of the call
        self._is_for_client = self._is_question = False
        self._stop_reason: str | None = None
        self._usage = (0, 0)
        self._failure: dict[str, Any] | None = None

    def begin(self, place: Place) -> list[Frame]:
        """The empty message."""
        self._id = f"msg_{place.run_id}_{place.after}"
        self._session_id = place.session_id
        return [_frame("message_start", message=self._message())]

    def tell(self, part: Part) -> list[Frame]:  # noqa: PLR0911 - a table
        """Text, reasoning, calls and results."""
        match part:
            case Delta(kind, _, content):
                return self._delta(kind, content)
            case Closed():
                return self._close()
            case Call(actor="client"):
                return self._call(part)
            case Call(actor="server"):
                return self._tool(part)
            case Result():
                return self._returned(part)
            case Asked(Approval(approval_id)):
                self._refused.append(approval_id)  # here is nobody to ask
                return []
            case Asked(Question(_, prompt)):
                self._is_question = True
                return [*self._delta("text", prompt), *self._close()]
            case Over(event):
                return self._over(event)
            case _:
                return []

    def pause(self) -> Pause | None:
        """A tool of the client is for its next request; a question is for a new conversation."""
        if self._is_for_client:
            return Pause(self._finish("tool_use"))
        if self._is_question:
            return Pause(self._finish("end_turn"), is_final=True)
        return None

    def cut_off(self, failure: str) -> list[Frame]:
        """An `error` event, of which the SDKs make an exception."""
        return self._fail(failure)

    def whole(self) -> tuple[int, Any]:
        """The message, or an error."""
        return (200, self._message()) if self._failure is None else (500, self._failure)

    def _delta(self, kind: Kind, content: str) -> list[Frame]:
        told: list[Frame] = []
        key = "text" if kind == "text" else "thinking"
        if self._open != kind:
            block = {"type": key, key: ""} if kind == "text" else {**THINKING}
            told = [*self._close(), *self._start(block)]
            self._open = kind
        self._content[-1][key] += content
        return [*told, self._block_frame("delta", delta={"type": f"{key}_delta", key: content})]

    def _call(self, call: Call) -> list[Frame]:
        """A tool of the client. Its arguments are told as if they were being written."""
        self._is_for_client = True
        block_id = _block_id(self._session_id, call.id)
        block: dict[str, Any] = {"type": "tool_use", "id": block_id, "name": call.name}
        started = [*self._close(), *self._start({**block, "input": {}})]
        self._content[-1]["input"] = _input(call)
        delta = {"type": "input_json_delta", "partial_json": arguments(call.args)}
        return [*started, self._block_frame("delta", delta=delta), self._block_frame("stop")]

    def _tool(self, call: Call) -> list[Frame]:
        """A tool of ours, whole at once: clients add no arguments to a block that is not theirs."""
        self._tools[call.id] = f"mcptoolu_{self._id}_{len(self._content)}"
        own = {"id": self._tools[call.id], "name": call.name, "input": _input(call)}
        return self._whole_block({"type": "mcp_tool_use", **own, "server_name": SERVER_NAME})

    def _returned(self, result: Result) -> list[Frame]:
        """What a tool of ours has returned, if this message has told its call."""
        block_id = self._tools.pop(result.id, None)
        if block_id is None:
            return []
        said = as_text(result.result)
        content = [{"type": "text", "text": said}]
        own = {"tool_use_id": block_id, "is_error": result.is_error, "content": content}
        return self._whole_block({"type": "mcp_tool_result", **own})

    def _whole_block(self, block: dict[str, Any]) -> list[Frame]:
        return [*self._close(), *self._start(block), self._block_frame("stop")]

    def _start(self, block: dict[str, Any]) -> list[Frame]:
        self._content.append(block)
        return [self._block_frame("start", content_block=block)]

    def _close(self) -> list[Frame]:
        was, self._open = self._open, None
        return [] if was is None else [self._block_frame("stop")]

    def _block_frame(self, what: str, **fields: Any) -> Frame:
        return _frame(f"content_block_{what}", index=len(self._content) - 1, **fields)

    def _over(self, event: Terminal) -> list[Frame]:
        match event:
            case Complete(_, usage, reason):
                self._usage = tokens(usage)
                return self._finish(STOP_REASONS.get(reason or "", "end_turn"))
            case Error(message):
                return self._fail(message)
            case _:
                return self._fail(CANCELLED)

    def _finish(self, reason: str) -> list[Frame]:
        closed = self._close()
        self._stop_reason = reason
        delta = {"stop_reason": reason, "stop_sequence": None}
        last = _frame("message_delta", delta=delta, usage=self._counts())
        return [*closed, last, _frame("message_stop")]

    def _fail(self, message: str) -> list[Frame]:
        self._failure = _error("api_error", message)
        return [Frame(as_json(self._failure), "error")]

    def _message(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": self._content,
            "stop_reason": self._stop_reason,
            "stop_sequence": None,
            "usage": self._counts(),
        }

    def _counts(self) -> dict[str, int]:
        read, written = self._usage
        return {"input_tokens": read, "output_tokens": written}


def _asked(received: Received) -> Action:
    asked = parse(MessagesRequest, received.body)
    *before, last = asked.messages
    answers = [_answer(block) for block in last.blocks if block.type == "tool_result"]
    prompt = prompt_of(_contents(last.blocks))
    told = asked.messages if answers and not prompt else before
    history = [each for message in told for each in _messages(message)]
    if answers and prompt:
        history += [_result(block) for block in last.blocks if block.type == "tool_result"]
    return StartTurn(
        encoder=MessageStream(asked.model or received.agent_name),
        prompt=prompt,
        history=[*_system(asked.system), *history],
        answers=answers,
        is_streamed=bool(asked.stream),
        is_kept=False,
    )


def _answer(block: Block) -> Answer:
    return Answer(*_read_block_id(block.tool_use_id or ""), text_of(block.content))


def _system(system: str | list[Block] | None) -> list[dict[str, Any]]:
    if not system:
        return []
    text = system if isinstance(system, str) else text_of(_contents(system))
    return [{"role": "system", "content": text}]


def _messages(message: Message) -> list[dict[str, Any]]:
    """The message in the form that every history has: calls beside the text, results apart."""
    calls = [_call(block) for block in message.blocks if block.type == "tool_use"]
    results = [_result(block) for block in message.blocks if block.type == "tool_result"]
    told: dict[str, Any] = {"role": message.role, "content": text_of(_contents(message.blocks))}
    if calls:
        told["tool_calls"] = calls
    return [*results, told] if told["content"] or calls else results


def _contents(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """What a person has given us, or we have told in words."""
    shown = ("text", "image", "document")
    return [block.model_dump(exclude_none=True) for block in blocks if block.type in shown]


def _call(block: Block) -> dict[str, Any]:
    function = {"name": block.name, "arguments": arguments(block.input)}
    return {"id": block.id, "type": "function", "function": function}


def _result(block: Block) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": block.tool_use_id, "content": text_of(block.content)}


def _input(call: Call) -> Any:
    return json.loads(arguments(call.args))


def _block_id(session_id: str, call_id: str) -> str:
    """The ID of a call as the API has them: letters, digits, `_` and `-`."""
    return f"toolu_{session_id}_{urlsafe_b64encode(call_id.encode()).decode().rstrip('=')}"


def _read_block_id(text: str) -> tuple[str, str]:
    """The session and the call that `_block_id` has named; of any other text, unknown ones."""
    session_id, _, coded = text.removeprefix("toolu_").partition("_")
    try:
        return session_id, urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
    except ValueError:
        return "", ""


def _frame(type: str, **fields: Any) -> Frame:
    return Frame(as_json({"type": type, **fields}), type)


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}
