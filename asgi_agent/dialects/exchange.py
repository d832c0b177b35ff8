"""What a dialect of requests and responses is: a request becomes an action, a run becomes frames.

A dialect of this kind is one module with one class, a `Dialect`. It does no I/O: what it wants done
it says, as an `Action`, and `endpoints.exchange` does it. Its `Encoder` writes one response.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

from pydantic import BaseModel

from ..errors import BadRequest
from ..events import Approval, ClientTool, Entry, Question
from ..sse import Event

QUESTIONS = frozenset({Question.type, Approval.type, ClientTool.type})
CANCELLED = "The run was cancelled."  # to clients whose protocol has but errors for it


class Frame(NamedTuple):
    """One event of a response: its data, and its name where the dialect names events."""

    data: str  # mostly JSON
    event: str = ""  # "message" is what a client calls an event that has no name


def to_sse(frames: Sequence[Frame]) -> bytes:
    """The frames as whole events of an event stream."""
    return b"".join([_event(frame) for frame in frames])


def _event(frame: Frame) -> bytes:
    # A reader that is no `EventSource` may look for the name that an event has anyway.
    name = b"event: message\n" if frame.event == "message" else b""
    return name + Event(frame.data, event=frame.event).encode()


class Received(NamedTuple):
    """An HTTP request, as far as a dialect may look at it."""

    body: bytes
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    agent_name: str
    prefix: str  # what a client has to put before our paths
    scheme: str = "http"  # of the request, as far as the host knows


class Place(NamedTuple):
    """Which part of which turn a response tells: what follows its entry `after`."""

    session_id: str
    turn: int  # from 1
    run_id: str
    after: int = 0
    agent_name: str = ""


class Pause(NamedTuple):
    """The end of a response whose run has not ended, because it waits for the client."""

    frames: list[Frame]
    is_final: bool = False  # no later request can answer in this dialect: the run is cancelled


class Encoder(Protocol):
    """One response. It is fed in order, and asked after each page how things stand."""

    headers: Sequence[tuple[bytes, bytes]]  # streamed or whole, beside those of its kind

    @property
    def is_whole(self) -> bool:
        """Whether its last frame was told before its run ended: what is said later is not its own.

        So ends a response whose end is in the log, and not in when it was read, as `pause` is.
        """
        ...

    def begin(self, place: Place) -> list[Frame]:
        """The frames before the first entry."""
        ...

    def skip(self, entries: Sequence[Entry]) -> None:
        """What the run said before this response, which an earlier one has told. Before `begin`."""
        ...

    def waiting(self, ids: Collection[str]) -> None:
        """Which questions, approvals and client tools have no answer yet; all others have one.

        Before `encode`, where the entries ask something.
        """
        ...

    def encode(self, entries: Sequence[Entry]) -> list[Frame]:
        """The frames of these entries; with the terminal entry, all that end the response."""
        ...

    def refused(self) -> list[str]:
        """The IDs of approvals that this dialect cannot ask for, each once: the answer is no."""
        ...

    def pause(self) -> Pause | None:
        """Asked where the agent may be waiting: the end of this response, if it is for the client.

        The run goes on with the client's next request. None: the response goes on.
        """
        ...

    def refuse(self, error: BadRequest) -> Any:
        """The response, with status 200, to a request that cannot be done; None: `tell_error`."""
        ...

    def cut_off(self, failure: str) -> list[Frame]:
        """The end of a response that ends before its run, so that it is not taken for success."""
        ...

    def whole(self) -> tuple[int, Any]:
        """The response to a client that does not stream: after the end, a status and JSON."""
        ...


def wire_id(session_id: str, call_id: str) -> str:
    """A call's ID, where the client's next request names nothing else by which to find the run.

    For session IDs of our own making only, which are UUIDs.
    """
    return f"call_{session_id}_{call_id}"


def read_wire_id(text: str) -> tuple[str, str]:
    """The session and the call that `wire_id` has named; of any other text, unknown ones."""
    session_id, _, call_id = text.removeprefix("call_").partition("_")
    return session_id, call_id


def text_of(content: Any) -> Any:
    """A message's content as text, where it is text; clients may send it in parts, or as null."""
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    parts = cast(list[object], content)
    texts = list(map(_text_in, parts))
    whole = [text for text in texts if text is not None]
    return "".join(whole) if len(whole) == len(texts) else parts


def _text_in(part: object) -> str | None:
    text = cast(dict[str, object], part).get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else None


def prompt_of(content: Any) -> str:
    """The last message's content, of which an agent is promised that it is text."""
    text = text_of(content)
    if not isinstance(text, str):
        raise BadRequest("The content of the last message has to be text, or parts of text.")
    return text


def tokens(usage: Mapping[str, Any] | None) -> tuple[int, int]:
    """How many tokens were read and written, by any of the names that models give them."""
    counts = usage or {}
    read = counts.get("input_tokens", counts.get("prompt_tokens"))
    written = counts.get("output_tokens", counts.get("completion_tokens"))
    return _count(read), _count(written)


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, an approval or a client tool that some run waits for."""

    session_id: str
    id: str  # "" where the client cannot tell: what was asked last
    value: Any
    run_id: str | None = None  # the run that asked, where the client can tell


class Continued(NamedTuple):
    """A response that was told before, by the place at which it begins."""

    session_id: str
    turn: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTurn:
    """Start a turn; or, with answers, go on with the turn that waits for them.

    Where none waits any more, a turn is started, with the history as the client tells it. A dialect
    brings all the answers to what one response has asked at once: what is told next begins after
    the last of these questions. A client that says something else instead, which is a prompt beside
    the answers, or none at all, has given up the turn that waits, and gets a new one.

    What `continues` the latest response of a session is its next turn, or the answer to its
    question; what continues an older one begins a session of its own, with all that was said until
    then. The `history` is then what the client says between that response and the prompt.
    """

    encoder: Encoder
    prompt: str = ""
    is_prompt_an_answer: bool = False  # to what some run waits for; if none does, it is a prompt
    takes_over: bool = False  # a turn that is under way is cancelled; else, the session is busy
    history: Sequence[Mapping[str, Any]] | None = None  # None: what the session remembers
    session_id: str | None = None
    continues: Continued | None = None
    answers: Sequence[Answer] = ()
    is_streamed: bool = True
    is_background: bool = False  # not streamed, the response is what there is of it at once
    is_kept: bool = True  # false: nobody can come back to it, so it goes with its answer


# The entry after which a response begins, told by what the run has said, and what of it still
# waits for an answer.
FindStart: TypeAlias = Callable[[Sequence[Entry], Collection[str]], int]


def last_answered(said: Sequence[Entry], unanswered: Collection[str]) -> int:
    """The number of the last question that nobody waits for any more; 0 if there is none."""
    answered = (seq for name, seq in questions_in(said).items() if name not in unanswered)
    return max(answered, default=0)


def questions_in(said: Sequence[Entry]) -> dict[str, int]:
    """The entries that want an answer, by the ID under which it is given."""
    events = [(each.event, each.seq) for each in said if each.type in QUESTIONS]
    return {
        event.id: seq
        for event, seq in events
        if isinstance(event, Question | Approval | ClientTool)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowTurn:
    """Tell a turn, from the beginning or after an entry, whether or not it has ended."""

    encoder: Encoder
    session_id: str
    turn: int | None = None  # None: the latest
    run_id: str | None = None  # where the client can tell: no other run of the same place
    after: int | FindStart = 0
    is_streamed: bool = True  # false: what has been said so far, at once
    only_active: bool = False  # 204 where there is no turn, or it has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTurn:
    """Cancel a turn, if it is under way, and answer with the whole of it; without encoder, 204."""

    session_id: str
    turn: int | None = None
    run_id: str | None = None
    after: int = 0
    encoder: Encoder | None = None


@dataclass(frozen=True, slots=True)
class RemoveSession:
    """Cancel what the session does, free all that is kept of it, and answer with `content`."""

    session_id: str
    content: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer at once."""

    content: Any
    status: int = 200


Action: TypeAlias = StartTurn | FollowTurn | CancelTurn | RemoveSession | Reply
Parse: TypeAlias = Callable[[Received], Action]  # raises `BadRequest`


class Dialect(Protocol):
    """How one family of clients asks over HTTP, and what it reads."""

    def tell_error(self, status: int, error: Exception | str) -> tuple[int, Any]:
        """How it tells a client that its request failed: a status and a JSON body."""
        ...

    def routes(self, path: Sequence[str]) -> Mapping[str, Parse]:
        """What it makes of a request to this path, by method; nothing if it is not its own."""
        ...

    def channel(self, path: Sequence[str]) -> "ChannelDialect | None":
        """The same over WebSocket, for one connection; None if the path is not its own."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Its paths, as the `paths` object of OpenAPI has them."""
        ...


def operation(
    summary: str,
    body: type[BaseModel] | None = None,
    *,
    produces: Sequence[str] = ("application/json",),
    streams: bool = False,
) -> dict[str, Any]:
    """An operation of OpenAPI 3.1, for `Dialect.describe`; what it refers to is in its `$defs`."""
    kinds = (*produces, "text/event-stream") if streams else produces
    answer: dict[str, Any] = {"description": "OK"}
    if kinds:
        answer["content"] = {kind: {} for kind in kinds}
    described: dict[str, Any] = {
        "summary": summary,
        "responses": {"200" if kinds else "204": answer},
    }
    if body is not None:
        schema = {"schema": body.model_json_schema(ref_template="#/components/schemas/{model}")}
        described["requestBody"] = {"required": True, "content": {"application/json": schema}}
    return described


@dataclass(frozen=True, slots=True)
class Abort:
    """Over a channel: stop telling the response of this key. With `cancel`, cancel its turn too."""

    cancel: bool = False


class ChannelDialect(Protocol):
    """Requests and responses over the text messages of one WebSocket, each under a key."""

    ping: str | None  # sent in silence, if the clients of this dialect can bear one

    def parse(self, text: str) -> tuple[str, Action | Abort]:
        """The key, and what is to be done. Raises `BadRequest`."""
        ...

    def opened(self, key: str) -> list[str]:
        """The messages before a response."""
        ...

    def messages(self, key: str, frames: Sequence[Frame]) -> list[str]:
        """The frames of one response as messages."""
        ...

    def closed(self, key: str) -> list[str]:
        """The messages after a response; also where nothing is followed (`only_active`)."""
        ...

    def refuse(self, key: str | None, error: BadRequest | str) -> str:
        """The message that tells that a request cannot be done; without key, not understood."""
        ...
