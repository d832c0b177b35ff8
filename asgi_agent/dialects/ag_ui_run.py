"""One run as AG-UI tells it: from RUN_STARTED to RUN_FINISHED or RUN_ERROR.

What came with 1.0 is told only to a client that declares a version: 0.0.59, which most front ends
have, rejects an outcome that it does not know.
"""

from collections.abc import Mapping
from typing import Any

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
from .exchange import CANCELLED, Frame, Pause, Place, tokens
from .parts import (
    Asked,
    Call,
    CallDelta,
    CallDropped,
    CallOpened,
    Closed,
    Delta,
    Kind,
    Opened,
    Part,
    Result,
    Said,
    arguments,
    as_json,
    as_text,
)

PROTOCOL_VERSION = "1.0"
RESULT = "result"
MESSAGES = {"text": "TEXT_MESSAGE", "thinking": "REASONING_MESSAGE"}
APPROVAL = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}},
    "required": ["approved"],
}


class AgUiRun(PartsEncoder):
    """One run of theirs, from RUN_STARTED to RUN_FINISHED or RUN_ERROR.

    Their IDs are unique in a thread, an agent's perhaps not even in a turn. So ours name our run,
    what is meant and, last, what the agent calls it: "<run>:call:<id>".
    """

    def __init__(self, run_id: str | None, protocol_version: str | None) -> None:
        super().__init__()
        self._is_1_0 = protocol_version is not None
        self._run = {"threadId": "", "runId": run_id or ""}
        self._our_run_id = ""
        self._calls: dict[str, str] = {}  # by a call's ID, what we call it: see `_count`
        self._unanswered: dict[tuple[str, str], None] = {}  # calls, as `_id` takes them; in order
        self._pending: list[str] = []  # the IDs of calls that are for the client to make
        self._interrupts: dict[str, dict[str, Any]] = {}

    def begin(self, place: Place) -> list[Frame]:
        """Whose run it is."""
        self._our_run_id = place.run_id
        self._run = {"threadId": place.session_id, "runId": self._run["runId"] or place.run_id}
        version = PROTOCOL_VERSION if self._is_1_0 else None
        return [_frame("RUN_STARTED", **self._run, **_given(protocolVersion=version))]

    def tell(self, part: Part) -> list[Frame]:  # noqa: C901, PLR0911 - a table
        """The events of one part."""
        match part:
            case Opened(kind, at):
                return _opened(kind, self._id("message", at))
            case Delta(kind, at, content):
                message_id = self._id("message", at)
                return [_frame(f"{MESSAGES[kind]}_CONTENT", messageId=message_id, delta=content)]
            case Closed(kind, at):
                return _closed(kind, self._id("message", at))
            case CallOpened(call_id, name):
                self._count(call_id)
                call = self._call_id(call_id)
                return [_frame("TOOL_CALL_START", toolCallId=call, toolCallName=name)]
            case CallDelta(call_id, content):
                return [self._arguments(call_id, content)]
            case Call():
                return self._made(part)
            case CallDropped(call_id):
                # Told as a call that has returned: what is left open is for the client to make.
                return [self._end(call_id), self._result(self._answered(call_id), "")]
            case Result(call_id, _, result, is_error):
                return [self._result(self._answered(call_id), result, is_error=is_error)]
            case Asked(event):
                self._interrupts[event.id] = self._interrupt(event)
                return []
            case Said(event):
                return [_said(event)]
            case _:
                return self._over(part.event)

    def skipped(self, part: Part) -> None:
        """Know which IDs were used, and which calls have no result yet."""
        match part:
            case CallOpened(call_id):
                self._count(call_id)
            case Call(call_id, actor="client"):
                self._answered(call_id)
            case Result(call_id) | CallDropped(call_id):
                self._answered(call_id)
            case _:
                pass

    def pause(self) -> Pause | None:
        """Their run ends where an answer is due: a person's, or the result of a client tool."""
        if not self._interrupts and not self._pending:
            return None
        ended = self.tell_all(self.parts.close())
        return Pause([*ended, self._finished(self._outcome())])

    def cut_off(self, failure: str) -> list[Frame]:
        """An error: the client takes a stream without a last event for success."""
        return [_frame("RUN_ERROR", message=failure, code="stream_failed")]

    def _made(self, call: Call) -> list[Frame]:
        if call.actor == "client":
            self._pending.append(self._answered(call.id))
        told = [] if call.was_told else [self._arguments(call.id, arguments(call.args))]
        return [*told, self._end(call.id)]

    def _arguments(self, call_id: str, content: str) -> Frame:
        return _frame("TOOL_CALL_ARGS", toolCallId=self._call_id(call_id), delta=content)

    def _end(self, call_id: str) -> Frame:
        return _frame("TOOL_CALL_END", toolCallId=self._call_id(call_id))

    def _result(self, call: str, result: Any, *, is_error: bool = False) -> Frame:
        # The event has no field for an error, and the client's message takes its metadata over.
        metadata = {"isError": True} if is_error else None
        return _frame(
            "TOOL_CALL_RESULT",
            messageId=self._id(RESULT, f"{self.parts.seq}:{call.split(':', 1)[1]}"),
            toolCallId=call,
            content=as_text(result),
            role="tool",
            **_given(metadata=metadata),
        )

    def _interrupt(self, event: Question | Approval) -> dict[str, Any]:
        told = {"id": self._id(event.type, event.id)}
        if isinstance(event, Question):
            told |= {"reason": "input_required", "message": event.prompt}
            return {**told, **_given(responseSchema=event.schema)}
        told |= {"reason": "tool_call", "message": event.message}
        return {**told, "toolCallId": self._call_id(event.tool_id), "responseSchema": APPROVAL}

    def _outcome(self) -> dict[str, Any]:
        if self._interrupts:
            return {"type": "interrupt", "interrupts": list(self._interrupts.values())}
        pending = self._pending if self._is_1_0 else None
        return {"type": "success", **_given(pendingToolCallIds=pending or None)}

    def _over(self, event: Terminal) -> list[Frame]:
        frames = [self._result(self._id(*call), "") for call in self._unanswered]
        self._interrupts.clear()  # nobody waits for them any more
        match event:
            case Complete(data, usage):
                told = _given(result=data, usage=_usage(usage))
                return [*frames, self._finished(self._outcome(), **told)]
            case Error(message, code):
                return [*frames, _frame("RUN_ERROR", message=message, code=code)]
            case Cancelled() if self._is_1_0:
                return [*frames, self._finished({"type": "cancelled"})]
            case _:
                return [*frames, _frame("RUN_ERROR", message=CANCELLED, code="cancelled")]

    def _finished(self, outcome: Mapping[str, Any], **told: Any) -> Frame:
        return _frame("RUN_FINISHED", **self._run, **told, outcome=outcome)

    def _count(self, call_id: str) -> None:
        """Tell it from calls that had the ID before: by the entry with which it begins.

        A response that goes on does not know where those before it ended, and so not how often they
        have opened a call that was not whole; but no entry opens it twice.
        """
        is_first = call_id not in self._calls
        self._calls[call_id] = "call" if is_first else f"call{self.parts.seq}"
        self._unanswered[self._call(call_id)] = None

    def _answered(self, call_id: str) -> str:
        """Our ID of the call, for which nobody has to answer any more."""
        self._unanswered.pop(self._call(call_id), None)
        return self._call_id(call_id)

    def _call(self, call_id: str) -> tuple[str, str]:
        return self._calls[call_id], call_id

    def _call_id(self, call_id: str) -> str:
        return self._id(*self._call(call_id))

    def _id(self, kind: str, name: object) -> str:
        return f"{self._our_run_id}:{kind}:{name}"


def _opened(kind: Kind, message_id: str) -> list[Frame]:
    if kind == "text":
        return [_frame("TEXT_MESSAGE_START", messageId=message_id, role="assistant")]
    return [
        _frame("REASONING_START", messageId=message_id),
        _frame("REASONING_MESSAGE_START", messageId=message_id, role="reasoning"),
    ]


def _closed(kind: Kind, message_id: str) -> list[Frame]:
    ended = [_frame(f"{MESSAGES[kind]}_END", messageId=message_id)]
    return ended if kind == "text" else [*ended, _frame("REASONING_END", messageId=message_id)]


def _said(event: Status | Data | Audio) -> Frame:
    """An event of the application's own: AG-UI has no other word for these."""
    match event:
        case Status(content):
            return _frame("CUSTOM", name="status", value=content)
        case Data(name, value, id, transient):
            metadata = _given(id=id, transient=transient)
            return _frame("CUSTOM", name=name, value=value, **_given(metadata=metadata or None))
        case _:
            return _frame("CUSTOM", name="audio", value=fields_of(event))


def _usage(usage: Mapping[str, Any] | None) -> list[dict[str, int]] | None:
    if not usage:
        return None
    read, written = tokens(usage)
    return [{"inputTokens": read, "outputTokens": written}]


def _given(**fields: Any) -> dict[str, Any]:
    """Those of these optional fields that have a value: the client rejects a null."""
    return {name: value for name, value in fields.items() if value is not None}


def _frame(type: str, **fields: Any) -> Frame:
    return Frame(as_json({"type": type, **fields}))


def read_id(id: str) -> tuple[str | None, str, str]:
    """The run, what is meant and its name, by an ID of ours; any other text is but a name."""
    parts = id.split(":", 2)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else (None, "", id)
