"""One scene that is being played: its visits, their answers, and what the client tells of it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from ..scenes import Answer, Scene
from ..transcript import End, Operation, Request, Scenario, Visit
from .http1 import reset_when_closed

MOST_VISITS = 200  # of one scene; what comes then is turned away
MOST_TOLD = 10_000
ENDING = 5.0  # seconds for the visits to end, once the scene has


@dataclass(slots=True)
class Run:
    """One scene, being played. No answer is given before `may_begin`."""

    scene: Scene
    base: str  # the URL of the stage
    began: float
    token: str = field(default_factory=lambda: token_hex(8))
    begun: int = 0  # visits, in all
    visits: list[Visit] = field(default_factory=list[Visit])  # those that have ended
    told: dict[int, Operation | None] = field(default_factory=dict[int, Operation | None])
    may_begin: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    closed_at: float | None = None

    @property
    def stream_url(self) -> str:
        return f"{self.base}/stream/{self.token}/first"

    @property
    def telling_url(self) -> str:
        return f"{self.base}/told/{self.token}"

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return asyncio.get_running_loop().time() - self.began

    @property
    def heard(self) -> tuple[Operation, ...]:
        """All that the client has told, in the order of its own numbers."""
        return tuple(self.told[place] or {} for place in sorted(self.told) if self.told[place])

    @property
    def is_gapless(self) -> bool:
        """Whether nothing is on its way that comes before what has come."""
        return len(self.told) == max(self.told, default=0)

    @property
    def events(self) -> tuple[Operation, ...]:
        """The events among it."""
        return tuple(each for each in self.heard if "data" in each)

    def hear(self, number: str, content: bytes) -> bool:
        """Keep what the client tells; False if it is not of the contract."""
        try:
            told = json.loads(content)
            place = int(number)
        except (ValueError, RecursionError):
            return False
        if len(self.told) < MOST_TOLD:
            happening = _happening(told)
            self.told[place] = None if happening is None else {"at": self.now, **happening}
            self.changed.set()
        return True

    async def until(self, is_so: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is so, for so long at most; say whether it is."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while not is_so():
            self.changed.clear()
            waiting = asyncio.ensure_future(self.changed.wait())
            done, _ = await asyncio.wait({waiting}, timeout=max(0.0, ends - loop.time()))
            if not done:
                waiting.cancel()
                return False
        return True

    async def end(self) -> None:
        """Let go what is held."""
        self.is_over.set()
        await self.until(lambda: len(self.visits) == self.begun, ENDING)

    def scenario(self, note: str = "") -> Scenario:
        """What has happened."""
        return Scenario(
            name=self.scene.name,
            visits=tuple(sorted(self.visits, key=lambda visit: visit.at)),
            heard=self.heard,
            closed_at=self.closed_at,
            ended_at=self.now,
            note=note,
        )


def _happening(told: Any) -> Operation | None:
    match told:
        case {"kind": "event", "event": {"data": str(data), **rest}}:
            # All but the data is optional there.
            kind = rest.get("type") or "message"
            return {"event": kind, "data": data, "id": rest.get("id") or ""}
        case {"kind": "error"}:
            return {"error": str(told.get("error") or told.get("comment") or "")}
        case _:
            return None  # a comment, or what the contract may come to know


async def attend(
    run: Run, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one visit, until the answer, the client or the scene is at its end."""
    if run.begun == MOST_VISITS:
        return
    at = run.now
    answer = run.scene.answers[min(run.begun, len(run.scene.answers) - 1)]
    run.begun += 1
    run.changed.set()
    given = _Given()
    giving = asyncio.ensure_future(_give(run, answer, writer, given))
    gone = asyncio.ensure_future(reader.read(1))
    over = asyncio.ensure_future(run.is_over.wait())
    try:
        await asyncio.wait({giving, gone, over}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        end: End = "left" if gone.done() else "timeout"
        for each in (giving, gone, over):
            each.cancel()
        ended, *_ = await asyncio.gather(giving, gone, over, return_exceptions=True)
        if isinstance(ended, str):
            end = ended
        elif isinstance(ended, OSError):
            end = "left"
        run.visits.append(
            Visit(
                at=at,
                request=request,
                status=answer.status,
                sent=tuple(given.sent),
                end=end,
                ended_at=run.now if given.ended_at is None else given.ended_at,
            )
        )
        run.changed.set()


@dataclass(slots=True)
class _Given:
    """When what was given. The end counts from before it is written: nobody sees it earlier."""

    sent: list[float] = field(default_factory=list[float])
    ended_at: float | None = None


async def _give(run: Run, answer: Answer, writer: asyncio.StreamWriter, given: _Given) -> End:
    await run.may_begin.wait()
    await asyncio.sleep(answer.after)
    if answer.status is None:
        given.ended_at = run.now
        return _reset(writer)
    has_content = answer.status not in (204, 205) and not answer.elsewhere
    if not has_content:
        given.ended_at = run.now
    writer.write(_head(run, answer, has_content=has_content))
    for seconds, data in answer.pieces if has_content else ():
        await asyncio.sleep(seconds)
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await writer.drain()
        given.sent.append(run.now)
    if answer.end == "held":
        await run.is_over.wait()
        return "timeout"
    given.ended_at = given.ended_at or run.now
    if answer.end == "reset":
        return _reset(writer)
    if answer.end == "complete" and has_content:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return answer.end


def _head(run: Run, answer: Answer, *, has_content: bool) -> bytes:
    fields = [*answer.fields, ("Connection", "close")]
    if not answer.fields:
        fields.append(("Cache-Control", "no-store"))
    if answer.type is not None:
        fields.append(("Content-Type", answer.type))
    if answer.elsewhere:
        fields.append(("Location", f"{run.base}/stream/{run.token}/elsewhere"))
    if has_content:
        fields.append(("Transfer-Encoding", "chunked"))
    elif answer.status != 204:  # RFC 9110, 8.6: that has no Content-Length
        fields.append(("Content-Length", "0"))
    lines = [f"HTTP/1.1 {answer.status} ", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode()


def _reset(writer: asyncio.StreamWriter) -> End:
    reset_when_closed(writer.get_extra_info("socket"))
    writer.transport.abort()
    return "reset"
