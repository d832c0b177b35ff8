"""Where a client goes on reading, and what it is told where entries are kept no longer."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from ..dialects.bond import event_id, parse_event_id
from ..errors import Missing, UnknownSession
from ..events import Data, encode
from ..logs import Page
from ..runs import Runs
from ..sessions import Session


class Start(NamedTuple):
    """After which entry of which turn a client begins to read."""

    turn: int
    after: int = 0
    asked: str | None = None  # its last event ID, if what follows that is kept no longer


async def find_start(runs: Runs, session: Session, last: str) -> Start | None:
    """Where the client begins whose last event ID is `last`; None where nothing follows it.

    Without an ID that is the latest turn. It is so too for an ID that is too old, or that we never
    gave to anyone: then the client is told of a gap. Raises `UnknownSession` if nothing is kept.
    """
    latest = len(session.turns)
    turn, seq = parse_event_id(last) or (0, 0)
    page = await _read(runs, session, turn, seq)
    if page is not None and page.start <= seq + 1 <= page.last + 1:
        if page.end is None or seq < page.last:
            return Start(turn, seq)
        return Start(turn + 1) if turn < latest else None
    if await _read(runs, session, latest, 0) is None:
        raise UnknownSession("Session not found or expired")
    return Start(latest, asked=last or None)


async def _read(runs: Runs, session: Session, turn: int, seq: int) -> Page | None:
    run_id = session.turns[turn - 1] if 1 <= turn <= len(session.turns) else None
    try:
        return await runs.read(run_id, seq) if run_id else None
    except Missing:
        return None


async def pages(
    runs: Runs, session: Session, start: Start
) -> AsyncGenerator[tuple[bytes | None, Page], None]:
    """What the run says from there on. A page that follows a gap comes with an event that tells.

    That event has no number; it is the `Data` named "gap", as the log would have kept it.
    """
    asked = start.asked
    expected = start.after + 1
    run_id = session.turns[start.turn - 1] or ""
    async with aclosing(runs.follow(run_id, start.after)) as following:
        async for page in following:
            gap = None
            if asked is not None or page.start > expected:
                missed = event_id(start.turn, expected - 1) if asked is None else asked
                following_id = event_id(start.turn, page.start)
                gap = encode(Data("gap", {"last_event_id": missed, "next_event_id": following_id}))
                asked = None
            yield gap, page
            expected = page.through + 1
