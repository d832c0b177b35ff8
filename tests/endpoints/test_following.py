"""Where a client goes on reading, and what it is told where entries are kept no longer."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from asgi_agent import MemoryLog, ServerConfig, Turn
from asgi_agent.endpoints.following import Start, find_start, pages
from asgi_agent.errors import UnknownSession
from asgi_agent.events import SEPARATOR, Complete
from asgi_agent.runs import Runs
from asgi_agent.sessions import Session, SessionManager
from asgi_agent.testing import run

GAP = b"data" + SEPARATOR


class Stage:
    def __init__(self, **settings: Any) -> None:
        async def agent(turn: Turn) -> Any:
            for _ in range(int(turn.prompt)):
                yield "x" * 100
                await asyncio.sleep(1)
            yield Complete("")

        config = ServerConfig(**settings)
        self.runs = Runs(agent, MemoryLog(config.keep_bytes), config)
        self.sessions = SessionManager(self.runs, config)

    async def turn(self, size: int) -> Session:
        """A turn of so many texts, to its end: 3 entries more."""
        session = await self.sessions.create_session(f"{size}", session_id="s")
        if session.run:
            await session.run.ended.wait()
        return session

    async def told(self, session: Session, start: Start) -> tuple[list[Any], list[int]]:
        """The gaps, and the numbers of the entries."""
        gaps: list[Any] = []
        seqs: list[int] = []
        async with aclosing(pages(self.runs, session, start)) as following:
            async for gap, page in following:
                gaps += [] if gap is None else [json.loads(gap.removeprefix(GAP))["value"]]
                seqs += range(page.start, page.start + len(page.entries))
        return gaps, seqs


@pytest.mark.parametrize(
    ("last", "start"),
    [
        ("", Start(3)),
        ("3-0", Start(3, 0)),
        ("3-1", Start(3, 1)),
        ("3-3", Start(3, 3)),
        ("3-4", None),
        ("2-4", Start(3)),
        ("1-4", Start(2)),
        ("1-2", Start(1, 2)),
        ("3-5", Start(3, asked="3-5")),
        ("4-1", Start(3, asked="4-1")),
        ("0-1", Start(3, asked="0-1")),
        ("nonsense", Start(3, asked="nonsense")),
    ],
)
def test_a_client_goes_on_after_its_last_event_id(last: str, start: Start | None) -> None:
    async def main() -> None:
        stage = Stage()
        for _ in range(3):
            session = await stage.turn(1)
        assert await find_start(stage.runs, session, last) == start

    run(main())


def test_the_newest_entry_of_a_run_that_goes_on_is_where_the_client_waits() -> None:
    async def main() -> None:
        stage = Stage()
        session = await stage.sessions.create_session("5", session_id="s")
        await asyncio.sleep(0.5)
        assert await find_start(stage.runs, session, "1-2") == Start(1, 2)
        assert await stage.told(session, Start(1, 2)) == ([], [3, 4, 5, 6, 7, 8])

    run(main())


def test_an_id_that_is_too_old_begins_the_latest_turn() -> None:
    async def main() -> None:
        stage = Stage(keep_bytes=1000)
        await stage.turn(50)
        session = await stage.turn(50)
        for last in ("1-3", "2-3"):
            start = await find_start(stage.runs, session, last)
            assert start == Start(2, asked=last)
            [gap], seqs = await stage.told(session, start)
            assert gap == {"last_event_id": last, "next_event_id": f"2-{seqs[0]}"}
            assert seqs == list(range(seqs[0], 54))
        assert await find_start(stage.runs, session, "2-52") == Start(2, 52)

    run(main())


def test_a_client_that_is_outrun_is_told_of_each_gap() -> None:
    async def main() -> None:
        stage = Stage(keep_bytes=500)
        session = await stage.sessions.create_session("100", session_id="s")
        gaps: list[Any] = []
        expected = 1
        async with aclosing(pages(stage.runs, session, Start(1))) as following:
            async for gap, page in following:
                assert (gap is not None) == (page.start > expected)
                if gap is not None:
                    gaps.append(json.loads(gap.removeprefix(GAP))["value"])
                    assert gaps[-1] == {
                        "last_event_id": f"1-{expected - 1}",
                        "next_event_id": f"1-{page.start}",
                    }
                expected = page.start + len(page.entries)
                await asyncio.sleep(20)
        assert len(gaps) >= 3

    run(main())


def test_a_session_of_which_nothing_is_kept_is_unknown() -> None:
    async def main() -> None:
        stage = Stage()
        session = await stage.turn(1)
        assert session.turns[0] is not None
        await stage.runs.delete(session.turns[0])
        for last in ("", "1-1", "nonsense"):
            with pytest.raises(UnknownSession):
                await find_start(stage.runs, session, last)
        with pytest.raises(UnknownSession):  # its first turn is being begun
            await find_start(stage.runs, Session("new"), "")

    run(main())
