"""A2A 1.0 over JSON-RPC: `GET /.well-known/agent-card.json` and `POST /a2a`.

https://a2a-protocol.org. A context is our session, a task is one of its turns. A task that needs
input goes on with a message that names it: a text, or data with a "value" or, for an approval, with
"approved"; and with the "id" of the question where there are several.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ..errors import InvalidInput, UnsupportedMediaType
from ..inputs import SessionId, parse
from .a2a_task import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    A2ATask,
    Id,
    Told,
    code_of,
    failed,
    read_task_id,
)
from .exchange import (
    Action,
    Answer,
    CancelTurn,
    ChannelDialect,
    FollowTurn,
    Parse,
    Received,
    Reply,
    StartTurn,
    operation,
)
from .parts import as_json

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
CONTENT_TYPE_NOT_SUPPORTED, VERSION_NOT_SUPPORTED = -32005, -32009


class Call(BaseModel):
    """A request of JSON-RPC 2.0."""

    jsonrpc: Literal["2.0"]
    id: Id = None
    method: str
    params: dict[str, Any] = Field(default_factory=dict[str, Any])


class Model(BaseModel):
    """Parameters, with names in camel case."""

    model_config = ConfigDict(alias_generator=to_camel)


class Part(Model):
    """A piece of a message. Of files nothing is known here."""

    text: str | None = None
    data: Any = None


class Message(Model):
    """What the caller says."""

    context_id: SessionId = ""
    task_id: str = ""
    parts: Annotated[list[Part], Field(min_length=1)]


class Configuration(Model):
    """How the caller wants to be answered."""

    return_immediately: bool = False


class SendMessage(Model):
    """The parameters of SendMessage and SendStreamingMessage."""

    message: Message
    configuration: Configuration = Configuration()


class NamesTask(Model):
    """The parameters of GetTask, CancelTask and SubscribeToTask."""

    id: str


class A2A:
    """The routes of A2A."""

    def routes(self, path: Sequence[str]) -> Mapping[str, Parse]:
        """The card, and the calls."""
        match path:
            case [".well-known", "agent-card.json"]:
                return {"GET": lambda got: Reply(_card(got))}
            case ["a2a"]:
                return {"POST": _called}
            case _:
                return {}

    def describe(self) -> Mapping[str, Any]:
        """The paths."""
        return {
            "/.well-known/agent-card.json": {"get": operation("The agent card of A2A")},
            "/a2a": {"post": operation("A2A over JSON-RPC", Call, streams=True)},
        }

    def channel(self, path: Sequence[str]) -> ChannelDialect | None:
        """None: A2A has no WebSocket."""
        return None

    def tell_error(self, status: int, error: Exception | str) -> tuple[int, Told]:
        """A response of JSON-RPC, whose own errors are no errors of HTTP."""
        code = code_of(error)
        if code is not None:
            return 200, failed(None, code, str(error))
        code = INTERNAL_ERROR if status >= 500 else INVALID_REQUEST
        return status, failed(None, code, str(error))


def _called(received: Received) -> Action:
    version = received.headers.get("a2a-version", "1.0")
    try:
        call = parse(Call, received.body)
    except InvalidInput as problem:
        is_json = all(each["type"] != "json_invalid" for each in problem.problems)
        return Reply(failed(None, INVALID_REQUEST if is_json else PARSE_ERROR, str(problem)))
    if version.partition(".")[0] != "1":
        return Reply(failed(call.id, VERSION_NOT_SUPPORTED, f"A2A {version} is not spoken here."))
    try:
        return _action(call)
    except InvalidInput as problem:
        return Reply(failed(call.id, INVALID_PARAMS, str(problem)))
    except UnsupportedMediaType as problem:
        return Reply(failed(call.id, CONTENT_TYPE_NOT_SUPPORTED, str(problem)))


def _action(call: Call) -> Action:
    match call.method:
        case "SendMessage" | "SendStreamingMessage":
            return _sent(call, is_streamed=call.method == "SendStreamingMessage")
        case "GetTask":
            return FollowTurn(encoder=A2ATask(call.id), is_streamed=False, **_task(call))
        case "SubscribeToTask":
            return FollowTurn(encoder=A2ATask(call.id), **_task(call))
        case "CancelTask":
            return CancelTurn(encoder=A2ATask(call.id, is_cancelled=True), **_task(call))
        case _:
            return Reply(failed(call.id, METHOD_NOT_FOUND, "There is no such method."))


def _sent(call: Call, *, is_streamed: bool) -> StartTurn:
    asked = parse(SendMessage, as_json(call.params))
    said = asked.message
    is_immediate = asked.configuration.return_immediately and not is_streamed
    task = A2ATask(call.id, is_sent=True)
    if not said.task_id:
        return StartTurn(
            encoder=task,
            prompt=_text(said.parts),
            session_id=said.context_id or None,
            is_streamed=is_streamed,
            is_background=is_immediate,
        )
    session_id, _, run_id = read_task_id(said.task_id)
    answers = [_answer(session_id, run_id, each) for each in said.parts]
    return StartTurn(
        encoder=task, answers=answers, is_streamed=is_streamed, is_background=is_immediate
    )


def _answer(session_id: str, run_id: str, part: Part) -> Answer:
    match part:
        case Part(text=str(text)):
            return Answer(session_id, "", text, run_id)
        case Part(data=dict()):
            data = cast(Told, part.data)
            value = data.get("approved", data.get("value", data))
            return Answer(session_id, str(data.get("id", "")), value, run_id)
        case _:
            return Answer(session_id, "", part.data, run_id)


def _task(call: Call) -> dict[str, Any]:
    """Which run the task is: a context that was deleted may be there again, with another one."""
    session_id, turn, run_id = read_task_id(parse(NamesTask, as_json(call.params)).id)
    return {"session_id": session_id, "turn": turn, "run_id": run_id}


def _text(parts: Sequence[Part]) -> str:
    return "".join(map(_text_in, parts))


def _text_in(part: Part) -> str:
    if part.text is not None:
        return part.text
    if "data" not in part.model_fields_set:
        raise UnsupportedMediaType("Only text and data are understood here.")
    return as_json(part.data)


def _card(received: Received) -> Told:
    host = received.headers.get("host", "localhost")
    is_whole = "://" in received.prefix
    base = received.prefix if is_whole else f"{received.scheme}://{host}{received.prefix}"
    name = received.agent_name
    about = f"The agent {name}."
    return {
        "name": name,
        "description": about,
        "version": "1.0.0",
        "supportedInterfaces": [
            {"url": f"{base}/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        ],
        "capabilities": {"streaming": True, "pushNotifications": False},
        "defaultInputModes": ["text/plain", "application/json"],
        "defaultOutputModes": ["text/plain", "application/json"],
        "skills": [{"id": "chat", "name": name, "description": about, "tags": ["chat"]}],
    }
