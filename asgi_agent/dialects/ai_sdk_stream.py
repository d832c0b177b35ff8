"""The UI message stream of the Vercel AI SDK: what a run says as the chunks of one message.

https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol. Versions 5, 6 and 7 read the same chunks, except
for approvals, which 5 has not. A client rejects a chunk that it does not know, a null where a key
may be left out, and the end or the result of what was never begun; and it takes any end of the
bytes for success. One response is one step: what the client has to do stands in the last step of
its message, and a client that does it by itself looks nowhere else.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..events import (
    Approval,
    Audio,
    Complete,
    Data,
    Entry,
    Error,
    Question,
    Status,
    Terminal,
    fields_of,
)
from .encoder import PartsEncoder
from .exchange import Frame, Pause, Place, last_answered
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
    as_json,
    as_text,
)

FINISH_REASONS = ("stop", "length", "content-filter", "tool-calls", "error")  # and "other"
WORDS: Mapping[Kind, str] = {"text": "text", "thinking": "reasoning"}
DONE = Frame("[DONE]")
NOT_MADE = "The call was not made."


def chunk(type: str, **fields: Any) -> Frame:
    """One chunk. What is not given has no key."""
    return Frame(as_json({"type": type, **fields}))


class UIMessageStream(PartsEncoder):
    """One response: a message, or the continuation of one whose parts the client has already.

    `message_id`, `told` and `denied` are of the message that is continued: its ID, the tool calls
    in it, each with whether it is dynamic, and those of them that the person has just refused.
    """

    headers: Sequence[tuple[bytes, bytes]] = ((b"x-vercel-ai-ui-message-stream", b"v1"),)

    def __init__(
        self,
        version: int,
        message_id: str = "",
        *,
        told: Iterable[tuple[str, bool]] = (),
        denied: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._has_approvals = version >= 6
        self._message_id = message_id
        self._told = set(told)
        self._denied = denied
        self._waits_for: set[str] = set()  # the kinds of what was asked, and is not answered
        self._names: dict[str, str] = {}  # of calls of which nothing is told yet
        self._calls: dict[str, Call] = {}
        self._to_be_asked: Call | None = None  # whole, and told with what is asked about it

    def begin(self, place: Place) -> list[Frame]:
        """The message, under an ID that every replay gives it, and its step."""
        made = f"msg_{place.run_id}" + (f"_{place.after}" if place.after else "")
        denied = self._denied if self._has_approvals else ()
        return [
            chunk("start", messageId=self._message_id or made),
            chunk("start-step"),
            *(chunk("tool-output-denied", toolCallId=each) for each in denied),
        ]

    def skipped(self, part: Part) -> None:
        """Note the calls: their results may still come."""
        if isinstance(part, Call):
            self._calls[part.id] = part

    def tell(self, part: Part) -> list[Frame]:  # noqa: C901, PLR0911 - a table
        """The chunks of one part."""
        match part:
            case Opened(kind, at):
                return [chunk(f"{WORDS[kind]}-start", id=_id(kind, at))]
            case Delta(kind, at, content):
                return [chunk(f"{WORDS[kind]}-delta", id=_id(kind, at), delta=content)]
            case Closed(kind, at):
                return [chunk(f"{WORDS[kind]}-end", id=_id(kind, at))]
            case CallOpened(call_id, name):
                self._names[call_id] = name
                return []
            case CallDelta():
                return self._call_delta(part)
            case Call():
                return self._call(part)
            case CallDropped():
                return self._dropped(part)
            case Result():
                return self._result(part)
            case Asked(event):
                if isinstance(event, Question):
                    return self._question(event)
                return self._approval(event)
            case Said(event):
                return [_said(event)]
            case _:
                return self._over(part.event)

    def pause(self) -> Pause | None:
        """The client goes on: with an approval, with the output of a tool, with another message."""
        if not self._waits_for:
            return None
        closing = self.tell_all(self.parts.close())
        reason = "stop" if self._waits_for == {Question.type} else "tool-calls"
        return Pause([*closing, *_finish(reason)])

    def cut_off(self, failure: str) -> list[Frame]:
        """An error, because these clients take any other end for success."""
        return [chunk("error", errorText=failure), DONE]

    def whole(self) -> tuple[int, Any]:
        """These clients always stream."""
        return 406, {"error": "A UI message is streamed."}

    def _call_delta(self, delta: CallDelta) -> list[Frame]:
        """Of whose call, nobody can tell yet: of the server's, as a rule.

        Where it is the client's after all, it stands in the message twice, under the same ID.
        """
        piece = chunk("tool-input-delta", toolCallId=delta.id, inputTextDelta=delta.content)
        name = self._names.pop(delta.id, None)
        if name is None:
            return [piece]
        flags = {"dynamic": True, "providerExecuted": True}
        return [chunk("tool-input-start", toolCallId=delta.id, toolName=name, **flags), piece]

    def _call(self, call: Call) -> list[Frame]:
        self._calls[call.id] = call
        if call.actor == "person":
            self._to_be_asked = call
            return []
        if call.actor == "client" and self.asks(call.id):
            self._waits_for.add("client_tool")
            return [self._input(call, is_ours=False)]
        return [self._input(call, is_ours=True)]

    def _input(self, call: Call, *, is_ours: bool) -> Frame:
        """Without `providerExecuted` the client is to act; with it, it only shows the call."""
        is_dynamic = self._is_dynamic(call)
        self._told.add((call.id, is_dynamic))
        flags = {"dynamic": True} if is_dynamic else {}
        return chunk(
            "tool-input-available",
            toolCallId=call.id,
            toolName=call.name,
            input={} if call.args is None else call.args,
            **flags,
            **({"providerExecuted": True} if is_ours else {}),
        )

    def _is_dynamic(self, call: Call) -> bool:
        """Whether the client need not know the tool. It knows its own, and its code says so.

        What version 5 is asked to allow, it answers like a tool of its own.
        """
        return call.actor == "server" or (call.actor == "person" and self._has_approvals)

    def _is_told(self, call: Call) -> bool:
        return (call.id, self._is_dynamic(call)) in self._told

    def _dropped(self, call: CallDropped) -> list[Frame]:
        if self._names.pop(call.id, None) is not None:
            return []  # nothing was told of it
        return [
            chunk(
                "tool-input-error",
                toolCallId=call.id,
                toolName=call.name,
                input=call.told,
                dynamic=True,
                providerExecuted=True,
                errorText=NOT_MADE,
            )
        ]

    def _result(self, result: Result) -> list[Frame]:
        call = self._calls[result.id]
        # An earlier message may have told the call: this one has to have it too.
        frames = [] if self._is_told(call) else [self._input(call, is_ours=True)]
        flags = {"dynamic": True, "providerExecuted": True} if self._is_dynamic(call) else {}
        if result.is_error:
            text = as_text(result.result)
            end = chunk("tool-output-error", toolCallId=result.id, errorText=text, **flags)
        else:
            end = chunk(
                "tool-output-available", toolCallId=result.id, output=result.result, **flags
            )
        return [*frames, end]

    def _approval(self, approval: Approval) -> list[Frame]:
        is_asked = self.asks(approval.id)
        call = self._calls[approval.tool_id]
        is_told = call is not self._to_be_asked and self._is_told(call)
        frames = [] if is_told else [self._input(call, is_ours=not is_asked)]
        if not is_asked:
            return frames
        self._waits_for.add(Approval.type)
        if approval.message or not self._has_approvals:
            data = {"toolCallId": approval.tool_id, "message": approval.message}
            frames.append(chunk("data-approval", id=approval.id, data=data))
        if self._has_approvals:
            ids = {"approvalId": approval.id, "toolCallId": approval.tool_id}
            frames.append(chunk("tool-approval-request", **ids))
        return frames

    def _question(self, question: Question) -> list[Frame]:
        """As text, which every front end shows, and as data, for one that shows a form."""
        if self.asks(question.id):
            self._waits_for.add(Question.type)
        data = {"prompt": question.prompt}
        schema = {} if question.schema is None else {"schema": question.schema}
        text_id = f"text-{question.id}"
        return [
            chunk("text-start", id=text_id),
            chunk("text-delta", id=text_id, delta=question.prompt),
            chunk("text-end", id=text_id),
            chunk("data-question", id=question.id, data={**data, **schema}),
        ]

    def _over(self, event: Terminal) -> list[Frame]:
        match event:
            case Error(message):
                return self.cut_off(message)
            case Complete(_, usage, reason):
                metadata = {"usage": usage}
                told = [chunk("message-metadata", messageMetadata=metadata)] if usage else []
                return [*told, *_finish(_finish_reason(reason))]
            case _:
                return [chunk("abort"), DONE]


def message_start(said: Sequence[Entry], unanswered: Collection[str]) -> int:
    """The entry after which the latest message of a run begins.

    That is the last question that has its answer, because the answer is a message of the person's.
    Approvals and client tools go on with the message that has them, from whose beginning a client
    that comes back has to be told: it forgets what it has of it.
    """
    return last_answered([each for each in said if each.type == Question.type], unanswered)


def _id(kind: Kind, at: int) -> str:
    return f"{WORDS[kind]}-{at}"


def _said(event: Status | Data | Audio) -> Frame:
    match event:
        case Data(name, value, data_id, transient):
            identity = {} if data_id is None else {"id": data_id}
            flags = {"transient": True} if transient else {}
            return chunk(f"data-{name}", **identity, data=value, **flags)
        case _:
            return chunk(f"data-{event.type}", data=fields_of(event), transient=True)


def _finish_reason(reason: str | None) -> str:
    if reason is None:
        return "stop"
    told = reason.replace("_", "-")
    return told if told in FINISH_REASONS else "other"


def _finish(reason: str) -> list[Frame]:
    return [chunk("finish-step"), chunk("finish", finishReason=reason), DONE]
