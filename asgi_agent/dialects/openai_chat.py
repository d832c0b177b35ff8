"""OpenAI Chat Completions: `POST /v1/chat/completions`, streaming and not, and `GET /v1/models`.

https://platform.openai.com/docs/api-reference/chat. The conversation is the client's: each request
brings all of it. OpenJarvis' own clients ask for more than a completion by query or header.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..errors import BadRequest, InvalidInput
from ..inputs import parse
from .exchange import (
    Action,
    Answer,
    ChannelDialect,
    Parse,
    Received,
    Reply,
    StartTurn,
    operation,
    prompt_of,
    read_wire_id,
    text_of,
)
from .openai_completion import ChatCompletion, error_of
from .openjarvis import OpenJarvisCompletion, estimated_tokens, extras_of

SPEAKERS = ("user", "system", "developer")  # whose message is a prompt, if it comes last


class Message(BaseModel):
    """One message of the conversation. What else a client has put into it, the agent may read."""

    model_config = ConfigDict(extra="allow")

    role: str
    content: Any = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class StreamOptions(BaseModel):
    """What a client wants to know beside the answer."""

    include_usage: bool | None = None


class ChatCompletionRequest(BaseModel):
    """The fields that mean something here; all others are ignored."""

    messages: Annotated[list[Message], Field(min_length=1)]
    model: str | None = None
    stream: bool | None = None
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
            case ["v1", "models", _, *_]:  # by any name, which may have slashes
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
        return status, {"error": error_of(str(error), kind, param=_param(error))}


def _param(error: Exception | str) -> str | None:
    """The first field at fault."""
    place = error.problems[0]["loc"] if isinstance(error, InvalidInput) else ()
    return ".".join(map(str, place)) or None


def _asked(received: Received) -> Action:
    asked = parse(ChatCompletionRequest, received.body)
    history = [_plain(each) for each in asked.messages]
    prompt = ""
    if asked.messages[-1].role in SPEAKERS:
        prompt = prompt_of(history.pop()["content"])
    return StartTurn(
        encoder=_encoder(asked, received),
        prompt=prompt,
        history=history,
        answers=_answers(asked.messages),
        is_streamed=asked.stream is True,
        is_kept=False,
    )


def _encoder(asked: ChatCompletionRequest, received: Received) -> ChatCompletion:
    model = asked.model or received.agent_name
    include_usage = asked.stream_options is not None and asked.stream_options.include_usage is True
    extras = extras_of(received.query, received.headers)
    if not extras:
        return ChatCompletion(model, include_usage=include_usage)
    return OpenJarvisCompletion(
        model,
        extras,
        agent=received.agent_name,
        prompt=text_of(asked.messages[-1].content),
        prompt_tokens=estimated_tokens([_plain(each) for each in asked.messages]),
        include_usage=include_usage,
    )


def _plain(message: Message) -> dict[str, Any]:
    plain = {key: value for key, value in message.model_dump().items() if value is not None}
    return {**plain, "content": text_of(message.content)}


def _answers(messages: Sequence[Message]) -> list[Answer]:
    """The results of client tools with which the conversation ends: all that were asked for."""
    results = list(takewhile(lambda each: each.role == "tool", reversed(messages)))
    before = messages[: len(messages) - len(results)]
    asked = [str(call.get("id")) for call in (before[-1].tool_calls or [] if before else [])]
    told = [each.tool_call_id or "" for each in results]
    if results and (missing := [each for each in asked if each not in told]):
        raise BadRequest(
            "Messages of role 'tool' have to answer every tool call: these have no answer: "
            + ", ".join(missing)
        )
    return [
        Answer(*read_wire_id(call_id), text_of(each.content))
        for call_id, each in zip(told, results, strict=True)
    ]


def _model(received: Received) -> dict[str, Any]:
    return {"id": received.agent_name, "object": "model", "created": 0, "owned_by": "asgi_agent"}
