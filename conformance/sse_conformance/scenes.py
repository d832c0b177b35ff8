"""What we answer to a client that comes, and comes again: WHATWG HTML 9.2.3, as scripts."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Pieces: TypeAlias = tuple[tuple[float, bytes], ...]  # each after so many seconds

DELAY = 50  # milliseconds: the reconnection time of most scenes
PATIENCE = 6.0  # seconds for a client to come back
QUIET = 1.2  # seconds in which one that may not come back would have come
ENDLESS = 64 * 1024 * 1024  # bytes of the line that never ends
TOLD = 300  # milliseconds: the reconnection time of the scene that measures it
FAILING = 700  # milliseconds: the same for a server that fails
OTHER_STATUSES = (205, 210, 299, 404, 410, 503)
REDIRECTS = (301, 302, 303, 307, 308)
NAME = "…"  # an event ID beyond ASCII


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one visit is answered with."""

    status: int | None = 200  # None: the connection is reset before any answer
    after: float = 0.0  # seconds until the head is sent
    type: str | None = "text/event-stream"
    elsewhere: bool = False  # a redirect: to another path of the same scene
    fields: tuple[tuple[str, str], ...] = ()
    pieces: Pieces = ()
    # "complete" ends the body, "closed" the connection in the middle of the body, "reset" too, in
    # the rudest way; "held" is left open.
    end: Literal["complete", "closed", "reset", "held"] = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A script: the answers to the visits in their order, the last one to all that come after."""

    name: str
    answers: tuple[Answer, ...]
    visits: int  # so many are awaited,
    events: int  # and so many events;
    ended: int = 0  # so many visits shall be over
    quiet: float = 0.0  # then we wait so long for what should not come
    patience: float = PATIENCE
    # When the client is told to close: when it has heard an event, when its stream has ended, or
    # while it waits for the head of an answer.
    close: Literal["never", "open", "ended", "connecting"] = "never"


def stream(*pieces: bytes | tuple[float, bytes], end: Literal["complete", "held"]) -> Answer:
    """A stream of these pieces."""
    timed = (piece if isinstance(piece, tuple) else (0.0, piece) for piece in pieces)
    return Answer(pieces=tuple(timed), end=end)


FIRST = stream(f"retry: {DELAY}\ndata: first\n\n".encode(), end="complete")
SECOND = stream(b"data: second\n\n", end="held")
UNWANTED = ((0.0, b"data: unwanted\n\n"),)
HALF = f"retry: {DELAY}\ndata: first\n\nevent: lost\nid: lost\ndata: half\n".encode()


def _refused(name: str, answer: Answer) -> Scene:
    """A second visit that must be the last one, and bring no event."""
    return Scene(name=name, answers=(FIRST, answer), visits=2, events=1, quiet=QUIET)


def _accepted(name: str, answer: Answer) -> Scene:
    return Scene(name=name, answers=(answer,), visits=1, events=1)


def _broken_off(name: str, end: Literal["complete", "closed", "reset"]) -> Scene:
    # Some time passes before the end: a reset may undo what was sent, but not yet read.
    first = Answer(pieces=((0.0, HALF), (0.3, b"data: a")), end=end)
    return Scene(name=name, answers=(first, SECOND), visits=2, events=2)


def _event(size: int) -> bytes:
    return b"data: " + b"x" * (size - 8) + b"\n\n"


_BYTE_BY_BYTE = tuple((0.0, bytes([byte])) for byte in b"data: slowly\n\n")
PROMPT = tuple(range(len(_BYTE_BY_BYTE) - 1, len(_BYTE_BY_BYTE) + 2))  # pieces that end an event
_COUNTED = tuple(
    stream(f"retry: {TOLD}\ndata: {number}\n\n".encode(), end="complete") for number in range(4)
)


SCENES: tuple[Scene, ...] = (
    *(
        _refused(f"status-{status}", Answer(status=status, pieces=UNWANTED))
        for status in OTHER_STATUSES
    ),
    _refused("redirect-nowhere", Answer(status=301, pieces=UNWANTED)),
    _refused("type-other", Answer(type="text/x-bogus", pieces=UNWANTED)),
    _refused("type-missing", Answer(type=None, pieces=UNWANTED)),
    *(
        _accepted(name, Answer(type=value, pieces=((0.0, "data: ok…\n\n".encode()),), end="held"))
        for name, value in (
            ("type-semicolon", "text/event-stream;"),
            ("type-other-charset", "text/event-stream;charset=windows-1252"),
            ("type-in-capitals", "Text/Event-Stream"),
        )
    ),
    _refused("no-content", Answer(status=204, type=None)),
    _broken_off("ends-complete", "complete"),
    _broken_off("ends-closed", "closed"),
    _broken_off("ends-reset", "reset"),
    Scene(name="reconnection-time", answers=(*_COUNTED, SECOND), visits=5, events=5),
    Scene(
        name="last-event-id",
        answers=(
            stream(f"retry: {DELAY}\nid: 1-a\ndata: first\n\n".encode(), end="complete"),
            stream(b"data: second\n\n", end="complete"),
            stream(b"id\ndata: third\n\n", end="complete"),
            SECOND,
        ),
        visits=4,
        events=4,
    ),
    Scene(
        name="last-event-id-beyond-ascii",
        answers=(
            stream(f"retry: {DELAY}\nid: {NAME}\ndata: first\n\n".encode(), end="complete"),
            SECOND,
        ),
        visits=2,
        events=2,
    ),
    Scene(name="refused", answers=(FIRST, Answer(status=None), SECOND), visits=3, events=2),
    Scene(
        name="cacheable",
        answers=(Answer(fields=(("Cache-Control", "max-age=600"),), pieces=FIRST.pieces), SECOND),
        visits=2,
        events=2,
    ),
    Scene(
        name="prompt",
        answers=(
            stream(
                *_BYTE_BY_BYTE, (1.0, _event(1000)), (1.0, _event(9000)), (1.0, b":\n"), end="held"
            ),
        ),
        visits=1,
        events=3,
    ),
    Scene(
        name="backoff",
        answers=(
            stream(f"retry: {FAILING}\ndata: first\n\n".encode(), end="complete"),
            Answer(status=None),
        ),
        visits=4,
        events=1,
        quiet=1.5,
    ),
    *(
        Scene(
            name=f"redirect-{status}",
            answers=(Answer(status=status, type=None, elsewhere=True), SECOND),
            visits=2,
            events=1,
        )
        for status in REDIRECTS
    ),
    Scene(
        name="close-open",
        answers=(stream(b"data: first\n\n", (0.8, b"data: late\n\n"), end="held"),),
        visits=1,
        events=1,
        quiet=QUIET,
        close="open",
    ),
    Scene(
        name="close-ended",
        answers=(stream(b"retry: 700\ndata: first\n\n", end="complete"), SECOND),
        visits=1,
        events=1,
        quiet=1.5,
        close="ended",
    ),
    Scene(
        name="close-connecting",
        answers=(Answer(after=0.8, pieces=SECOND.pieces, end="held"),),
        visits=1,
        events=0,
        quiet=QUIET,
        close="connecting",
    ),
)

SLOW_SCENES: tuple[Scene, ...] = (
    Scene(
        name="endless-line",
        answers=(stream(b"data: ", *[b"x" * 2**20] * (ENDLESS // 2**20), end="complete"), SECOND),
        visits=1,
        events=0,
        ended=1,
        patience=30.0,
    ),
)
