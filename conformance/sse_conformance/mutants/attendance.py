"""A client that attends the scenes in no time, on a clock of its own; it may have bad habits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from ..scenes import DELAY, SCENES, SLOW_SCENES, Answer, Scene
from ..sse import interpret
from ..transcript import End, Operation, Request, Scenario, Visit

SWIFT = 0.01  # seconds from what the client sees to what it does
ACTING = 0.1  # seconds until it is told to close, where it waits for a head
LIMIT = 2**24  # bytes of a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What it does that it should not do. A sound client does none of this."""

    minds_the_charset: bool = False
    hurries: bool = False  # comes back before the reconnection time
    reads_anything: bool = False
    returns_after_204: bool = False
    keeps_buffers: bool = False
    sends_an_empty_id: bool = False
    gives_up: bool = False
    accepts_nothing: bool = False
    holds_back: bool = False  # tells of an event when the next one comes
    takes_all: bool = False
    hammers: bool = False
    stays: bool = False  # where it is redirected
    comes_after_closing: bool = False


class _Client:
    """The client, in one scene."""

    def __init__(self, scene: Scene, habits: Habits) -> None:
        self._scene = scene
        self._habits = habits
        self._now = 0.0
        self._delay = DELAY / 1000
        self._failures = 0
        self._id: str = ""
        self._left_over = b""
        self._target = "/stream/scene/first"
        self._visits: list[Visit] = []
        self._heard: list[Operation] = []
        self._closed_at: float | None = None

    def scenario(self) -> Scenario:
        while self._visit():
            pass
        ended_at = max(self._now, *(visit.ended_at for visit in self._visits)) + self._scene.quiet
        return Scenario(
            name=self._scene.name,
            visits=tuple(self._visits),
            heard=tuple(self._heard),
            closed_at=self._closed_at,
            ended_at=ended_at,
        )

    def _visit(self) -> bool:
        """Make one visit, and say whether there is another one to make."""
        place = min(len(self._visits), len(self._scene.answers) - 1)
        answer = self._scene.answers[place]
        at = self._now
        if self._scene.close == "connecting":
            self._closed_at = at + ACTING
        request = Request(target=self._target, fields=tuple(self._fields()))
        sent, content = self._received(answer)
        visit = Visit(
            at=at,
            request=request,
            status=answer.status,
            sent=sent,
            end=self._end_of(answer, len(content)),
            ended_at=self._now,
        )
        self._visits.append(visit)
        comes_again = self._read(answer, content, sent)
        return comes_again and visit.end not in ("timeout", "left") and self._may_come()

    def _fields(self) -> Iterator[tuple[bytes, bytes]]:
        if not self._habits.accepts_nothing:
            yield b"Accept", b"text/event-stream"
        if self._id or self._habits.sends_an_empty_id:
            yield b"Last-Event-ID", self._id.encode()

    def _received(self, answer: Answer) -> tuple[tuple[float, ...], bytes]:
        self._now += answer.after
        sent: list[float] = []
        content = bytearray()
        for seconds, data in answer.pieces:
            if self._is_closed(self._now + seconds):
                break
            if len(content) > LIMIT and not self._habits.takes_all:
                break
            self._now += seconds
            sent.append(self._now)
            content += data
            if self._scene.close == "open":
                self._closed_at = self._closed_at or self._now + SWIFT
        return tuple(sent), bytes(content)

    def _is_closed(self, at: float) -> bool:
        is_closed = self._closed_at is not None and at > self._closed_at
        return is_closed and not self._habits.comes_after_closing

    def _end_of(self, answer: Answer, size: int) -> End:
        if answer.status is None:
            return "reset"
        if size > LIMIT and not self._habits.takes_all:
            return "left"
        return "timeout" if answer.end == "held" else answer.end

    def _read(self, answer: Answer, content: bytes, sent: tuple[float, ...]) -> bool:
        """Read the answer, and say whether it is one to come back after."""
        habits = self._habits
        if answer.status is None:
            self._failures += 1
            self._now += SWIFT if habits.hammers else self._delay * 2**self._failures
            return not habits.gives_up
        if answer.elsewhere:
            self._now += SWIFT
            self._target = "/stream/scene/elsewhere"
            return not (habits.stays and answer.status == 307)
        is_stream = answer.status == 200 and (answer.type or "").lower().startswith(
            "text/event-stream"
        )
        if answer.status == 204:
            self._now += self._delay
            return habits.returns_after_204
        if not is_stream and not habits.reads_anything:
            return False
        self._listen(answer, content, sent)
        if self._scene.close == "ended":
            self._closed_at = self._now + SWIFT
        self._now += self._delay / 10 if habits.hurries else self._delay
        return True

    def _listen(self, answer: Answer, content: bytes, sent: tuple[float, ...]) -> None:
        stream = self._left_over + content
        read = interpret(stream, self._id)
        ends = [len(self._left_over)]
        for _, data in answer.pieces:
            ends.append(ends[-1] + len(data))
        for event in read.events:
            piece = next(place for place, end in enumerate(ends[1:]) if end >= event.end)
            piece += self._habits.holds_back
            at = sent[piece] if piece < len(sent) else self._now
            text = event.data
            if self._habits.minds_the_charset and "windows" in (answer.type or ""):
                text = text.encode("utf-8").decode("windows-1252")
            told: Operation = {"event": event.type, "data": text, "id": event.last_event_id}
            self._heard.append({"at": at + SWIFT, **told})
        self._id = read.last_event_id
        self._delay = self._delay if read.retry is None else read.retry / 1000
        if self._habits.keeps_buffers and read.blocks and not read.blocks[-1].is_ended:
            self._left_over = stream[read.blocks[-1].offset :]

    def _may_come(self) -> bool:
        enough = len(self._visits) >= self._scene.visits + (6 if self._scene.quiet else 1)
        return not enough and not self._is_closed(self._now)


def attended(scene: Scene, habits: Habits) -> Scenario:
    """What a client with these habits does in this scene."""
    return _Client(scene, habits).scenario()


@cache
def sound_scenarios() -> tuple[Scenario, ...]:
    """What a sound client does in all of them."""
    return tuple(attended(scene, Habits()) for scene in (*SCENES, *SLOW_SCENES))


def with_habit(name: str) -> tuple[Scenario, ...]:
    """The same, with this bad habit."""
    habits = replace(Habits(), **{name: True})
    return tuple(attended(scene, habits) for scene in (*SCENES, *SLOW_SCENES))
