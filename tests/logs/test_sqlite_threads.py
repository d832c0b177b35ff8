"""The event log in a file: its two threads, and the event loops that they serve."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from asgi_agent.errors import Fenced, Missing
from asgi_agent.logs import SQLiteLog
from tests.logs.sqlite_files import PATIENCE, until, using


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


# Event loops and threads


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "asgi_agent log"]


def test_a_closed_log_has_no_threads_and_opens_itself_again(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await log.close()  # it was never opened
        for last in (1, 2, 3):
            await log.create("run")
            assert await log.append("run", [b"a"]) == last
            assert threads()
            await log.close()
            await log.close()
            await until(lambda: not threads())
            assert {each.name for each in path.parent.iterdir()} == {"log.db", "log.db-workers"}

    asyncio.run(test())


def test_what_was_asked_before_the_close_is_answered(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await log.create("run")
        appends = [asyncio.ensure_future(log.append("run", [b"a"])) for _ in range(1200)]
        await asyncio.sleep(0)
        await log.close()
        assert await asyncio.gather(*appends) == [*range(1, 1201)]

    asyncio.run(test())


@pytest.mark.parametrize("closes", [True, False])
def test_a_second_event_loop_may_follow_the_first(path: Path, closes: bool) -> None:
    log = SQLiteLog(path)

    async def test(last: int) -> None:
        await log.create("run")
        woken = asyncio.Event()
        await log.watch("run", woken.set)
        assert await log.append("run", [b"a"]) == last
        async with asyncio.timeout(PATIENCE):
            await woken.wait()
        if closes:
            await log.close()

    for last in (1, 2, 3):
        asyncio.run(test(last))
    asyncio.run(log.close())  # of a log that serves no event loop, or one that is gone
    deadline = time.monotonic() + PATIENCE
    while threads() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not threads()


def test_to_close_before_it_has_opened_is_no_error(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        loop: Any = asyncio.get_running_loop()
        before = set(loop._selector.get_map())
        create = asyncio.ensure_future(log.create("run"))
        await asyncio.sleep(0)
        await log.close()
        assert await create
        assert set(loop._selector.get_map()) == before

    asyncio.run(test())


def test_who_is_cancelled_takes_nobody_along(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await log.create("run")
        appends = [asyncio.ensure_future(log.append("run", [b"a"])) for _ in range(10)]
        await asyncio.sleep(0)
        appends[3].cancel()
        results = await asyncio.gather(*appends, return_exceptions=True)
        assert [type(each) for each in results].count(asyncio.CancelledError) == 1
        assert results[-1] in {9, 10}
        closing = asyncio.ensure_future(log.close())
        await asyncio.sleep(0)
        closing.cancel()
        await until(lambda: not threads())

    asyncio.run(test())


def test_what_is_refused_is_refused_alone(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await asyncio.gather(log.create("run"), log.create("run"), log.create("other"))
        results = await asyncio.gather(
            log.append("run", [b"a"]),
            log.append("nowhere", [b"a"]),
            log.append("run", [b"b"], epoch=7),
            log.append("run", [b"c"]),
            return_exceptions=True,
        )
        assert [each if isinstance(each, int) else type(each) for each in results] == [
            *(1, Missing, Fenced, 2)
        ]

    using(log, test=test)


def test_a_mistake_fails_the_calls_beside_it_and_nothing_else(path: Path) -> None:
    log = SQLiteLog(path)
    wrong: Any = [object()]

    async def test() -> None:
        await log.create("run")
        results = await asyncio.gather(
            log.append("run", [b"a"]), log.append("run", wrong), return_exceptions=True
        )
        assert all(isinstance(each, Exception) for each in results)
        assert results[0] is not results[1]
        assert await log.append("run", [b"a"], at=0) == 1

    using(log, test=test)


def test_more_runs_than_are_remembered_are_no_problem(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asgi_agent.logs.sqlite.writing.KNOWN", 3)
    log = SQLiteLog(path)

    async def test() -> None:
        for number in range(10):
            await log.create(f"{number}")
        for last in (1, 2):
            for number in range(10):
                assert await log.append(f"{number}", [b"a"], at=last - 1) == last

    using(log, test=test)
