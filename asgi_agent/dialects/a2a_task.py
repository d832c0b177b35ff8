"""One task of A2A, as it is streamed or as it stands."""

from typing import Any, TypeAlias

from ..errors import (
    AlreadyAnswered,
    BadRequest,
    InvalidInput,
    SessionBusy,
    UnknownQuestion,
    UnknownSession,
)
from ..events import (
    Approval,
    Audio,
    Cancelled,
    Complete,
    Data,
    Error,
    Question,
    Status,
    Terminal,
    fields_of,
)
from .encoder import PartsEncoder
from .exchange import Frame, Pause, Place
from .parts import Asked, Call, Delta, Opened, Over, Part, Result, Said, as_json

INVALID_PARAMS, INTERNAL_ERROR = -32602, -32603
TASK_NOT_FOUND, TASK_NOT_CANCELABLE, UNSUPPORTED_OPERATION = -32001, -32002, -32004
ENDS = {Complete: "COMPLETED", Error: "FAILED", Cancelled: "CANCELED"}

Told: TypeAlias = dict[str, Any]
Id: TypeAlias = str | int | None  # of a call of JSON-RPC


def failed(call_id: Id, code: int, message: str) -> Told:
    """The response to a call that has failed."""
    return {"jsonrpc": "2.0", "id": call_id, "error": {"code": code, "message": message}}


def code_of(error: Exception | str) -> int | None:
    """The code of an error that JSON-RPC tells; None if HTTP tells it."""
    match error:
        case InvalidInput():
            return INVALID_PARAMS
        case UnknownSession() | UnknownQuestion():
            return TASK_NOT_FOUND
        case SessionBusy() | AlreadyAnswered():
            return UNSUPPORTED_OPERATION
        case _:
            return None


def task_id(place: Place) -> str:
    """What the task is called: it names the run, the turn and the session."""
    return f"{place.run_id}.{place.turn}.{place.session_id}"


def read_task_id(text: str) -> tuple[str, int, str]:
    """The session, the turn and the run of this task; of any other text, unknown ones."""
    run_id, _, rest = text.partition(".")
    turn, _, session_id = rest.partition(".")
    is_number = turn.isascii() and turn.isdigit() and len(turn) < 10
    return (session_id, int(turn), run_id) if is_number else ("", 0, run_id)


class A2ATask(PartsEncoder):
    """The task as a stream of updates, or whole. `is_sent`: answers a message, else a question."""

    def __init__(
        self,
        call_id: Id,
        *,
        is_sent: bool = False,
        is_cancelled: bool = False,
    ) -> None:
        super().__init__()
        self._call_id = call_id
        self._is_sent = is_sent
        self._is_cancelled = is_cancelled
        self._after = self._messages = 0
        self._asked: list[Told] = []  # parts: what the task waits for
        self._status: Told = {"state": "TASK_STATE_WORKING"}
        self._artifacts: dict[int, list[str]] = {}
        self._task: Told = {}

    def begin(self, place: Place) -> list[Frame]:
        """The task, as it is when it begins or goes on."""
        self._task = {"id": task_id(place), "contextId": place.session_id}
        self._after = place.after
        if place.after:
            return [self._frame({"task": {**self._task, "status": self._status}})]
        submitted = {**self._task, "status": {"state": "TASK_STATE_SUBMITTED"}}
        return [self._frame({"task": submitted}), self._update("WORKING")]

    def tell(self, part: Part) -> list[Frame]:  # noqa: PLR0911 - a table
        """Text is an artifact; all else is news of how the task stands."""
        match part:
            case Opened(kind, at):
                self._asked.clear()  # the agent has gone on
                if kind == "text":
                    self._artifacts[at] = []
                return []
            case Delta("text", at, content):
                return [self._text(at, content)]
            case Call(call_id, name, args, actor):
                called = {"type": "tool_call", "id": call_id, "name": name, "args": args}
                if actor == "client" and self.asks(call_id):
                    self._asked += [{"data": {**called, "type": "client_tool"}}]
                return [self._working({"data": called})] if actor == "server" else []
            case Result():
                return [self._working({"data": _result(part)})]
            case Asked(event):
                self._asked += _question(event) if self.asks(event.id) else []
                return []
            case Said(event):
                return [self._working(_said(event))]
            case Over(event):
                return [self._over(event)]
            case _:
                return []  # reasoning is not for other agents, and a call is told whole

    def skipped(self, part: Part) -> None:
        """Keep the artifacts: the task has them all."""
        match part:
            case Opened("text", at):
                self._artifacts[at] = []
            case Delta("text", at, content):
                self._artifacts[at].append(content)
            case _:
                pass

    def pause(self) -> Pause | None:
        """The stream ends where the task needs input."""
        if self._asked:
            return Pause([self._update("INPUT_REQUIRED", *self._asked)])
        return None

    def refuse(self, error: BadRequest) -> Any:
        """A response of JSON-RPC, which names its call."""
        code = code_of(error)
        return None if code is None else failed(self._call_id, code, str(error))

    def cut_off(self, failure: str) -> list[Frame]:
        """An error, of which the clients make an exception."""
        return [Frame(as_json(failed(self._call_id, INTERNAL_ERROR, failure)))]

    def whole(self) -> tuple[int, Any]:
        """The task as it stands."""
        if self._is_cancelled and self._status["state"] in ENDED_OTHERWISE:
            return 200, failed(self._call_id, TASK_NOT_CANCELABLE, "The task has ended.")
        if self._asked and self._status["state"] != "TASK_STATE_INPUT_REQUIRED":
            self._update("INPUT_REQUIRED", *self._asked)
        artifacts = [_artifact(at, "".join(content)) for at, content in self._artifacts.items()]
        task = {**self._task, "status": self._status, "artifacts": artifacts}
        result = {"task": task} if self._is_sent else task
        return 200, {"jsonrpc": "2.0", "id": self._call_id, "result": result}

    def _text(self, at: int, content: str) -> Frame:
        is_more = bool(self._artifacts[at])
        self._artifacts[at].append(content)
        update: Told = {**self._named(), "artifact": _artifact(at, content), "append": is_more}
        return self._frame({"artifactUpdate": update})

    def _over(self, event: Terminal) -> Frame:
        self._asked.clear()
        why = [{"text": event.error}] if isinstance(event, Error) else []
        return self._update(ENDS[type(event)], *why)

    def _working(self, part: Told) -> Frame:
        self._asked.clear()
        return self._update("WORKING", part)

    def _update(self, state: str, *parts: Told) -> Frame:
        self._status = {"state": f"TASK_STATE_{state}"}
        if parts:
            self._messages += 1
            message_id = f"{self._task['id']}.{self._after}.{self._messages}"
            said = {"messageId": message_id, "role": "ROLE_AGENT", "parts": list(parts)}
            self._status["message"] = {**self._named(), **said}
        return self._frame({"statusUpdate": {**self._named(), "status": self._status}})

    def _named(self) -> Told:
        return {"taskId": self._task["id"], "contextId": self._task["contextId"]}

    def _frame(self, result: Told) -> Frame:
        return Frame(as_json({"jsonrpc": "2.0", "id": self._call_id, "result": result}))


ENDED_OTHERWISE = ("TASK_STATE_COMPLETED", "TASK_STATE_FAILED")


def _artifact(at: int, content: str) -> Told:
    return {"artifactId": f"text-{at}", "parts": [{"text": content}]}


def _result(result: Result) -> Told:
    told = {"type": "tool_result", "id": result.id, "name": result.name, "result": result.result}
    return {**told, "is_error": True} if result.is_error else told


def _question(event: Question | Approval) -> list[Told]:
    """A text for a person, and data for a program."""
    text = event.prompt if isinstance(event, Question) else event.message
    data = {"data": {"type": event.type, **fields_of(event)}}
    return [{"text": text}, data] if text else [data]


def _said(event: Status | Data | Audio) -> Told:
    match event:
        case Status(content):
            return {"text": content}
        case Audio(media_type):
            return {"raw": fields_of(event)["bytes"], "mediaType": media_type}
        case _:
            return {"data": {"type": event.type, **fields_of(event)}}
