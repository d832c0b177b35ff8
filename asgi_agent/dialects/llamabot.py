"""LlamaBot: `POST /chat`, whose answer is an event stream of text as it is, not of JSON.

The wire has but one line end: each CR, LF and CRLF is read as LF. Who wants the text as it was, and
has a client that takes U+2028 for a line end, asks for `/chat?data=json`, where each data is a JSON
string. In the query, `event_type` and `done_event` are the names of the events.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ..errors import InvalidInput
from ..events import Approval, Complete, Error, Question
from ..inputs import parse
from .encoder import PartsEncoder
from .exchange import (
    CANCELLED,
    Action,
    ChannelDialect,
    Frame,
    Parse,
    Pause,
    Received,
    StartTurn,
    operation,
)
from .parts import Asked, Call, Delta, Over, Part, as_json

NOT_ANSWERED = "The agent has asked what nobody here can answer."

EventName = Annotated[str, Field(min_length=1, pattern=r"^[^\r\n\x00]*$")]


class Chat(BaseModel):
    """POST /chat: what the user has said. The last text is the prompt, the others are before it."""

    messages: list[str]


class Wishes(BaseModel):
    """The query of POST /chat."""

    event_type: EventName = "message"
    done_event: EventName = "done"
    data: Literal["text", "json"] = "text"


class LlamaBot:
    """The route of LlamaBot's examples."""

    def routes(self, path: Sequence[str]) -> Mapping[str, Parse]:
        """POST of what the user has said."""
        return {"POST": _asked} if list(path) == ["chat"] else {}

    def describe(self) -> Mapping[str, Any]:
        """The path."""
        return {"/chat": {"post": operation("LlamaBot", Chat, streams=True)}}

    def channel(self, path: Sequence[str]) -> ChannelDialect | None:
        """None: LlamaBot has no WebSocket."""
        return None

    def tell_error(self, status: int, error: Exception | str) -> tuple[int, dict[str, Any]]:
        """`{"detail": ...}`, as FastAPI has it; input that does not fit is 422."""
        if isinstance(error, InvalidInput):
            return 422, {"detail": error.problems}
        return status, {"detail": str(error)}


class LlamaBotAnswer(PartsEncoder):
    """The text of an answer, then one event that says that it is done, or what has failed."""

    def __init__(self, wishes: Wishes) -> None:
        super().__init__()
        self._wishes = wishes
        self._ends_with_cr = False
        self._is_asked = False

    def tell(self, part: Part) -> list[Frame]:
        """The text, and the end."""
        match part:
            case Delta("text", _, content):
                return self._text(content)
            case Asked(Approval(approval_id)):
                self._refused.append(approval_id)  # here is nobody to ask
            case Asked(Question()) | Call(actor="client"):
                self._is_asked = True
            case Over(event):
                return self._over(event)
            case _:
                pass
        return []

    def pause(self) -> Pause | None:
        """A failure, where only an answer would help: the client never comes back with one."""
        return Pause(self.cut_off(NOT_ANSWERED), is_final=True) if self._is_asked else None

    def cut_off(self, failure: str) -> list[Frame]:
        """What has failed."""
        return [self._frame("error", failure)]

    def _over(self, event: object) -> list[Frame]:
        match event:
            case Complete():
                return [self._frame(self._wishes.done_event, "")]
            case Error(error):
                return self.cut_off(error)
            case _:
                return self.cut_off(CANCELLED)

    def _text(self, content: str) -> list[Frame]:
        if self._wishes.data == "text":
            # A CRLF that was said in two pieces is still one line end.
            starts_anew, self._ends_with_cr = self._ends_with_cr, content.endswith("\r")
            content = content.removeprefix("\n") if starts_anew else content
        return [self._frame(self._wishes.event_type, content)] if content else []

    def _frame(self, name: str, data: str) -> Frame:
        return Frame(data if self._wishes.data == "text" else as_json(data), name)


def _asked(received: Received) -> Action:
    said = parse(Chat, received.body).messages
    return StartTurn(
        encoder=LlamaBotAnswer(parse(Wishes, as_json(dict(received.query)))),
        prompt=said[-1] if said else "",
        history=[{"role": "user", "content": each} for each in said[:-1]],
        is_kept=False,
    )
