"""What a client can ask: the models of request bodies and WebSocket messages."""

import re
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError, from_json

from .errors import BadRequest, InvalidInput

MAX_ID = 256


def _is_session_id(value: str) -> str:
    # URL parsers remove the segments "." and "..", percent-encoded or not, so no request could
    # ever name such a session. A lone surrogate or a control character cannot be in a URL either.
    if value in {".", ".."} or re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("a session ID is text without control characters, and not '.' or '..'")
    return value


SessionId = Annotated[str, Field(max_length=MAX_ID), AfterValidator(_is_session_id)]


class HistoryMessage(BaseModel):
    """One message of an earlier conversation."""

    role: str
    content: Any

    @property
    def is_text(self) -> bool:
        return isinstance(self.content, str)


class AskRequest(BaseModel):
    """POST /ask: start a turn of a new conversation, or of the one that `session_id` names."""

    prompt: str
    session_id: SessionId | None = None


class SessionResponse(BaseModel):
    """What POST /ask answers: where to read what the agent says."""

    session_id: str
    stream_url: str


class HealthResponse(BaseModel):
    """What GET /health answers."""

    status: str
    agent_name: str


class AnswerRequest(BaseModel):
    """POST /sessions/{id}/answer: the answer to a question, an approval or a client tool."""

    id: str
    value: Any


class ChatRequest(BaseModel):
    """POST /api/chat, /api/chat/stream and /api/agent/stream: a message, or a whole conversation.

    Of `messages` the last one is the prompt, and what is before it the history.
    """

    message: str | None = None
    messages: Annotated[list[HistoryMessage], Field(min_length=1)] | None = None
    session_id: SessionId | None = None
    conversation_id: SessionId | None = None

    @model_validator(mode="after")
    def _has_a_prompt(self) -> "ChatRequest":
        if self.message is None and self.messages is None:
            raise PydanticCustomError("missing", "message: Field required")
        if self.message is None and self.messages and not self.messages[-1].is_text:
            raise PydanticCustomError("string_type", "messages: the last content has to be text")
        return self

    @property
    def prompt(self) -> str:
        """What the agent is asked."""
        if self.message is not None or self.messages is None:
            return self.message or ""
        prompt: str = self.messages[-1].content
        return prompt

    @property
    def history(self) -> list[dict[str, Any]] | None:
        """What was said before, where the client tells it; None: what the session remembers."""
        if self.message is not None or self.messages is None:
            return None
        return [message.model_dump() for message in self.messages[:-1]]


class PromptMessage(BaseModel):
    """WebSocket: start a turn."""

    prompt: Annotated[str, Field(min_length=1)]
    session_id: SessionId | None = None
    history: list[HistoryMessage] | None = None  # in place of what this server remembers


class CancelMessage(BaseModel):
    """WebSocket: cancel the turn that is under way."""

    type: Literal["cancel"]


class AnswerMessage(BaseModel):
    """WebSocket: answer a question."""

    type: Literal["answer"]
    id: str
    value: Any


class ResumeMessage(BaseModel):
    """WebSocket: follow the session's latest turn, after this event ID."""

    type: Literal["resume"]
    session_id: SessionId
    last_event_id: str = ""


class ChatMessage(BaseModel):
    """WebSocket /ws/agent: start a turn."""

    type: Literal["message"]
    content: Annotated[str, Field(min_length=1)]
    session_id: SessionId | None = None


M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], body: bytes | str) -> M:
    """The input as this model, or `InvalidInput`. Deep nesting is refused, not followed."""
    try:
        parsed = model.model_validate_json(body)
    except ValidationError as error:
        # Without the input: what a client sent by mistake need not come back into its logs.
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidInput(problems) from error
    try:
        # RFC 8259, 6: "Numeric values that cannot be represented in the grammar below (such as
        # Infinity and NaN) are not permitted." The model takes them where any value may stand.
        from_json(body, allow_inf_nan=False)
    except ValueError as error:
        problem = {"type": "json_invalid", "loc": (), "msg": f"Invalid JSON: {error}"}
        raise InvalidInput([problem]) from error
    return parsed


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object that the text is, or `BadRequest`."""
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest("Invalid JSON") from error
    if not isinstance(value, dict):
        raise BadRequest("Expected a JSON object")
    return cast(dict[str, Any], value)
