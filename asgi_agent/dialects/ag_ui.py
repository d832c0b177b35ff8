"""AG-UI 1.0, and 0.0.59 before it: `POST /ag-ui`. How a run is told stands in `ag_ui_run`.

https://docs.ag-ui.com. Their thread is our session. Each of their runs is one response: it ends
where the agent waits for the client, whose next run goes on with the turn.

The protocol has no cancel and no resume over HTTP. Ours are `POST /ag-ui/{threadId}/cancel` and
`GET /ag-ui/{threadId}/stream`, which tells the run that is live from its beginning.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from ..events import Approval
from ..inputs import SessionId, parse
from .ag_ui_run import RESULT, AgUiRun, read_id
from .exchange import (
    Action,
    Answer,
    CancelTurn,
    ChannelDialect,
    FollowTurn,
    Parse,
    Received,
    StartTurn,
    last_answered,
    operation,
    prompt_of,
    text_of,
)


class Model(BaseModel):
    """What a client sends, with names in camel case."""

    model_config = ConfigDict(alias_generator=to_camel)


class Message(Model):
    """One message of the conversation. Its other fields are the agent's to see, too."""

    model_config = ConfigDict(extra="allow")

    id: str = ""
    role: str
    content: Any = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class ResumeEntry(Model):
    """The answer to one interrupt."""

    interrupt_id: str
    status: Literal["resolved", "cancelled"]
    payload: Any = None


class RunAgentInput(Model):
    """The fields that mean something here; all others are ignored."""

    thread_id: SessionId
    run_id: str
    protocol_version: str | None = None
    messages: list[Message]
    resume: list[ResumeEntry] | None = None


class AgUi:
    """The routes of AG-UI."""

    def routes(self, path: Sequence[str]) -> Mapping[str, Parse]:
        """A run; and, as an extension, its cancel and its resume."""
        match path:
            case ["ag-ui"]:
                return {"POST": _asked}
            case ["ag-ui", thread_id, "cancel"]:
                return {"POST": lambda _: CancelTurn(session_id=thread_id)}
            case ["ag-ui", thread_id, "stream"]:
                return {"GET": partial(_followed, thread_id)}
            case _:
                return {}

    def describe(self) -> Mapping[str, Any]:
        """The paths."""
        return {
            "/ag-ui": {"post": operation("AG-UI", RunAgentInput, streams=True)},
            "/ag-ui/{threadId}/cancel": {"post": operation("Cancel the run of a thread")},
            "/ag-ui/{threadId}/stream": {
                "get": operation("The live run of a thread, from its beginning", streams=True)
            },
        }

    def channel(self, path: Sequence[str]) -> ChannelDialect | None:
        """None: AG-UI has no WebSocket."""
        return None

    def tell_error(self, status: int, error: Exception | str) -> tuple[int, dict[str, Any]]:
        """As a stream would tell it; the client makes an `Error` of the whole body."""
        return status, {"type": "RUN_ERROR", "message": str(error), "code": f"http_{status}"}


def _asked(received: Received) -> Action:
    asked = parse(RunAgentInput, received.body)
    resume = asked.resume or []
    is_resolved = any(each.status == "resolved" for each in resume)
    before = [_message(each) for each in asked.messages]
    prompt = ""
    if before and before[-1]["role"] == "user" and not is_resolved:
        prompt = prompt_of(before.pop()["content"])
    return StartTurn(
        encoder=AgUiRun(asked.run_id, asked.protocol_version),
        prompt=prompt,
        history=None if is_resolved else before,  # without it, an answer that is lost is an error
        session_id=asked.thread_id,
        answers=[
            *(_resolved(asked.thread_id, each) for each in resume),
            *_returned(asked.thread_id, asked.messages),
        ],
    )


def _followed(thread_id: str, received: Received) -> Action:
    run_id, version = map(received.query.get, ("runId", "protocolVersion"))
    encoder = AgUiRun(run_id, version)
    return FollowTurn(encoder=encoder, session_id=thread_id, after=last_answered, only_active=True)


def _resolved(thread_id: str, entry: ResumeEntry) -> Answer:
    """The answer to an interrupt. That it was cancelled is told as None, which is no yes either."""
    run_id, kind, name = read_id(entry.interrupt_id)
    value = entry.payload if entry.status == "resolved" else None
    if kind == Approval.type and isinstance(value, dict):
        value = cast(dict[str, Any], value).get("approved")
    return Answer(thread_id, name, value, run_id)


def _returned(thread_id: str, messages: Sequence[Message]) -> list[Answer]:
    """What the client's tools have returned since the last prompt; not what we told it of ours."""
    latest = takewhile(lambda each: each.role != "user", reversed(messages))
    theirs = [
        (read_id(each.tool_call_id or ""), text_of(each.content))
        for each in latest
        if each.role == "tool" and read_id(each.id)[1] != RESULT
    ]
    return [Answer(thread_id, name, value, run_id) for (run_id, _, name), value in theirs]


def _message(message: Message) -> dict[str, Any]:
    """The message as an agent sees it: with the names that all agents know, and its own IDs."""
    plain = message.model_dump(exclude_unset=True)
    plain["content"] = text_of(message.content)
    if message.tool_call_id is not None:
        plain["tool_call_id"] = read_id(message.tool_call_id)[2]
    if message.tool_calls is not None:
        calls = [{**each, "id": read_id(str(each.get("id")))[2]} for each in message.tool_calls]
        plain["tool_calls"] = calls
    return plain
