"""The Vercel AI SDK 5, 6 and 7: `useChat` over HTTP, and the WebSocket transport of version 7.

https://ai-sdk.dev/docs/ai-sdk-ui. The chat's ID is the session's, and each request brings the whole
conversation. Stopping is hanging up, which the server cannot tell from a lost connection: so the
turn goes on, `GET /api/chat/{id}/stream` tells it again, `POST /api/chat/{id}/stop` cancels it, and
the chat's next message does so too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError, from_json

from ..errors import BadRequest
from ..inputs import SessionId, parse, parse_object
from .ai_sdk_stream import DONE, UIMessageStream, message_start
from .exchange import (
    Abort,
    Action,
    Answer,
    CancelTurn,
    ChannelDialect,
    FollowTurn,
    Frame,
    Parse,
    Received,
    Reply,
    StartTurn,
    operation,
)
from .parts import as_json

# Nothing in a request tells the client's version, and approvals are all in which they differ. A
# client of version 5 whose agent may ask for one says "5" here.
VERSION_HEADER = "x-ai-sdk-version"
PING = '{"type":"ping","requestId":""}'  # of no request that the client has: it is passed over


def _is_part(value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value.get("type"), str):
        raise ValueError("a part has a type")  # noqa: TRY004 - pydantic asks for this one
    return value


class UIMessage(BaseModel):
    """One message of the conversation."""

    id: str = ""
    role: str
    parts: list[Annotated[dict[str, Any], AfterValidator(_is_part)]]

    @property
    def text(self) -> str:
        """Its text, which may be in several parts."""
        texts = [each.get("text") for each in self.parts if each["type"] == "text"]
        return "".join(each for each in texts if isinstance(each, str))

    @property
    def calls(self) -> set[tuple[str, bool]]:
        """The IDs of the tool calls in it, each with whether it is dynamic."""
        calls = [(each.get("toolCallId"), each["type"]) for each in self.parts]
        return {(id, kind == "dynamic-tool") for id, kind in calls if isinstance(id, str)}

    @property
    def last_step(self) -> list[dict[str, Any]]:
        """What its latest response has told."""
        steps = [at for at, each in enumerate(self.parts, 1) if each["type"] == "step-start"]
        return self.parts[steps[-1] :] if steps else self.parts

    @property
    def is_text(self) -> bool:
        """Whether there is nothing but text in it."""
        return all(each["type"] in {"text", "step-start"} for each in self.parts)

    def plain(self) -> dict[str, Any]:
        """The message for an agent; its parts too, where they say more than text."""
        message = {"role": self.role, "content": self.text}
        return message if self.is_text else {**message, "parts": self.parts}


class UIChatRequest(BaseModel):
    """The fields that mean something here; all others are the application's own."""

    id: SessionId | None = None
    messages: Annotated[list[UIMessage], Field(min_length=1)] | None = None
    message: UIMessage | None = None  # of a client that sends the last one only
    trigger: str | None = None
    message_id: Annotated[str | None, Field(alias="messageId")] = None

    @model_validator(mode="after")
    def _has_a_message(self) -> "UIChatRequest":
        if self.messages is None and self.message is None:
            raise PydanticCustomError("missing", "messages: Field required")
        return self

    @property
    def conversation(self) -> list[UIMessage]:
        """All messages that were sent; never none."""
        return self.messages or [message for message in [self.message] if message]

    @property
    def continued(self) -> UIMessage | None:
        """The message of the assistant with which the response is to go on."""
        named = [each for each in self.conversation if each.id == self.message_id]
        last = (named or self.conversation)[-1]
        is_new = self.trigger == "regenerate-message" or last.role != "assistant"
        return None if is_new else last


class SendFrame(UIChatRequest):
    """A request of the WebSocket transport."""

    type: Literal["send"]


class ResumeFrame(BaseModel):
    """The same as `GET /api/chat/{id}/stream`."""

    type: Literal["resume"]
    id: SessionId


def is_ui_request(body: bytes) -> bool:
    """Whether a body of `POST /api/chat`, which the lesson has too, is of the AI SDK.

    Its messages have parts.
    """
    try:
        asked = from_json(body)
    except ValueError:
        return False
    match asked:
        case {"messages": [*messages]}:
            return any(isinstance(each, dict) and "parts" in each for each in messages)
        case {"message": {"parts": _}}:
            return True
        case _:
            return False


class AISDK:
    """The routes of the AI SDK's transports."""

    def routes(self, path: Sequence[str]) -> Mapping[str, Parse]:
        """POST of a conversation; GET of the response that is live; POST to cancel it."""
        match path:
            case ["api", "chat"]:
                return {"POST": _asked}
            case ["api", "chat", session_id, "stream"]:
                return {"GET": lambda got: _follow(session_id, _version(got))}
            case ["api", "chat", session_id, "stop"]:
                return {"POST": lambda _: CancelTurn(session_id=session_id)}
            case _:
                return {}

    def describe(self) -> Mapping[str, Any]:
        """The paths."""
        return {
            "/api/chat": {"post": operation("A UI message stream", UIChatRequest, streams=True)},
            "/api/chat/{id}/stream": {
                "get": operation("The response that is live, from its beginning", streams=True)
            },
            "/api/chat/{id}/stop": {"post": operation("Cancel the response that is live")},
        }

    def channel(self, path: Sequence[str]) -> ChannelDialect | None:
        """`WebSocketChatTransport` of version 7."""
        return UIMessageChannel() if path == ["api", "chat", "ws"] else None

    def tell_error(self, status: int, error: Exception | str) -> tuple[int, dict[str, Any]]:
        """`{"error": ...}`, which is the message of the `Error` that these clients make of it."""
        return status, {"error": str(error)}


class UIMessageChannel:
    """The frames of one WebSocket: requests with their IDs, and the chunks of each, numbered."""

    ping: str | None = PING

    def __init__(self) -> None:
        self._sequences: dict[str, int] = {}  # of the chunk that comes next

    def parse(self, text: str) -> tuple[str, Action | Abort]:
        """A frame of the client. What is wrong with a request it is told under its ID."""
        frame = parse_object(text)
        key = frame.get("requestId")
        if not isinstance(key, str):
            raise BadRequest("requestId: Field required")
        try:
            return key, self._action(key, frame.get("type"), text)
        except BadRequest as error:
            return key, Reply(self.refuse(key, error))

    def opened(self, key: str) -> list[str]:
        """`start`."""
        self._sequences[key] = 0
        return [_frame("start", key)]

    def messages(self, key: str, frames: Sequence[Frame]) -> list[str]:
        """`chunk` for each; the end of the event stream is none."""
        first = self._sequences.get(key)
        if first is None:
            return []  # it was aborted
        chunks = [each.data for each in frames if each is not DONE]
        self._sequences[key] = first + len(chunks)
        return [
            _frame("chunk", key, f',"sequence":{number},"chunk":{data}')
            for number, data in enumerate(chunks, first)
        ]

    def closed(self, key: str) -> list[str]:
        """`end`, or `no-active` where nothing has begun."""
        began = self._sequences.pop(key, None) is not None
        return [_frame("end" if began else "no-active", key)]

    def refuse(self, key: str | None, error: BadRequest | str) -> str:
        """`error`."""
        return _frame("error", key or "", f',"errorText":{as_json(str(error))}')

    def _action(self, key: str, kind: object, text: str) -> Action | Abort:
        match kind:
            case "send":
                return _start(parse(SendFrame, text), version=7)
            case "resume":
                return _follow(parse(ResumeFrame, text).id, version=7)
            case "abort":
                self._sequences.pop(key, None)
                return Abort()
            case _:
                raise BadRequest("type: Expected 'send', 'resume' or 'abort'")


def _frame(type: str, key: str, rest: str = "") -> str:
    return f'{{"type":"{type}","requestId":{as_json(key)}{rest}}}'


def _version(received: Received) -> int:
    major = received.headers.get(VERSION_HEADER, "").partition(".")[0]
    return 5 if major == "5" else 6


def _asked(received: Received) -> Action:
    return _start(parse(UIChatRequest, received.body), _version(received))


def _follow(session_id: str, version: int) -> Action:
    return FollowTurn(
        encoder=UIMessageStream(version),
        session_id=session_id,
        after=message_start,
        only_active=True,
    )


def _start(asked: UIChatRequest, version: int) -> Action:
    *before, last = asked.conversation
    continued = asked.continued
    is_prompt = continued is None and last.role == "user"
    if continued is not None:
        answers = [*_outputs(asked.id, continued)]
        encoder = UIMessageStream(
            version, continued.id, told=continued.calls, denied=_denied(continued)
        )
    else:
        answers = [] if asked.trigger == "regenerate-message" else [*_replies(asked)]
        encoder = UIMessageStream(version)
    # A prompt that is more than text stands whole at the end of the history.
    history = before if is_prompt and last.is_text else asked.conversation
    return StartTurn(
        encoder=encoder,
        prompt=last.text if is_prompt else "",
        is_prompt_an_answer=is_prompt,
        takes_over=True,
        history=None if asked.messages is None else [each.plain() for each in history],
        session_id=asked.id,
        answers=answers,
    )


def _outputs(session_id: str | None, message: UIMessage) -> Iterator[Answer]:
    """What the person has allowed or refused, and what the client's tools have returned."""
    data = [each for each in message.parts if each["type"] == "data-approval"]
    approvals = {each["data"]["toolCallId"]: each["id"] for each in data if _is_approval(each)}
    for part in message.last_step:
        is_clients = part["type"].startswith("tool-") and not part.get("providerExecuted")
        match part:
            case {"state": "approval-responded", "approval": {"id": str(id), "approved": yes}}:
                yield Answer(session_id or "", id, yes)
            case {"state": "output-available", "toolCallId": str(id)} if id in approvals:
                yield Answer(session_id or "", approvals[id], part.get("output"))
            case {"state": "output-available", "toolCallId": str(id)} if is_clients:
                yield Answer(session_id or "", id, part.get("output"))
            case {"state": "output-error", "toolCallId": str(id)} if is_clients:
                yield Answer(session_id or "", id, {"error": part.get("errorText")})
            case _:
                pass


def _is_approval(part: Mapping[str, Any]) -> bool:
    match part:
        case {"id": str(), "data": {"toolCallId": str()}}:
            return True
        case _:
            return False


def _denied(message: UIMessage) -> list[str]:
    """The calls that the person has refused."""
    found: list[str] = []
    for part in message.last_step:
        match part:
            case {
                "state": "approval-responded",
                "toolCallId": str(call_id),
                "approval": {"approved": False},
            }:
                found.append(call_id)
            case _:
                pass
    return found


def _replies(asked: UIChatRequest) -> Iterator[Answer]:
    """The answer to a question: a `data-answer` that names it, or the text that follows it."""
    session_id = asked.id or ""
    last = asked.conversation[-1]
    named = [each for each in last.parts if each["type"] == "data-answer"]
    for part in named:
        yield Answer(session_id, str(part.get("id")), part.get("data"))
    before = asked.conversation[-2:-1]
    questions = [each for message in before for each in _questions(message)]
    if questions and not named:
        yield Answer(session_id, str(questions[0].get("id")), _value(last.text, questions[0]))


def _questions(message: UIMessage) -> list[dict[str, Any]]:
    is_assistants = message.role == "assistant"
    return [each for each in message.parts if is_assistants and each["type"] == "data-question"]


def _value(text: str, question: Mapping[str, Any]) -> Any:
    """The text as what the question's schema asks for: itself, or the JSON that it is."""
    match question:
        case {"data": {"schema": {"type": "string"}}}:
            return text
        case {"data": {"schema": {}}}:
            try:
                return from_json(text, allow_inf_nan=False)
            except ValueError:
                return text
        case _:
            return text
