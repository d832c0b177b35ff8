"""The event log in a file, between real processes that are killed, frozen and starved."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from asgi_agent.errors import Unavailable
from asgi_agent.logs import SQLiteLog
from asgi_agent.logs.sqlite import file
from tests.logs.sqlite_worker import content

ROOT = Path(__file__).parents[2]


class Worker:
    """Another process, and what it says."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.logs.sqlite_worker", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line that it says; it comes, or the test takes too long."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def lines(self) -> Iterator[str]:
        """All that it says until it ends; without the half of a line that it was killed in."""
        assert self.process.stdout
        return (line.strip() for line in self.process.stdout if line.endswith("\n"))

    def tell(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()

    def end(self) -> int:
        return self.process.wait()


@contextmanager
def worker(*arguments: object) -> Generator[Worker, None, None]:
    started = Worker(*arguments)
    with started.process as process:
        try:
            yield started
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def sockets(path: Path) -> set[str]:
    return {each.name for each in Path(f"{path}-workers").iterdir()} - {"lock"}


async def whole(log: SQLiteLog, run: str) -> list[bytes]:
    entries: list[bytes] = []
    while page := (await log.read(run, len(entries))).entries:
        entries += page
    return entries


def test_a_killed_writer_loses_nothing_that_was_acknowledged(path: Path) -> None:
    async def check(acknowledged: dict[str, int]) -> None:
        log = SQLiteLog(path)
        for run, last in acknowledged.items():
            entries = await whole(log, run)
            assert len(entries) >= last
            assert entries == [content(run, number) for number in range(1, len(entries) + 1)]
        assert len(sockets(path)) == 1  # the dead have left nothing
        await log.close()
        assert not sockets(path)

    acknowledged: dict[str, int] = {}
    for _ in range(3):
        with worker(path, "write", 20) as writer:
            for count, line in enumerate(writer.lines()):
                run, last = line.split()
                acknowledged[run] = int(last)
                if count == 500:
                    writer.kill()  # what it said before is still in the pipe
        asyncio.run(check(acknowledged))
    assert min(acknowledged.values()) > 50
    assert sqlite3.connect(path).execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_follower_in_another_process_is_woken(path: Path) -> None:
    """It has no timer: what it reads after the first page, it reads because it was woken."""

    async def main() -> float:
        log = SQLiteLog(path)
        await log.create("run")
        took: list[float] = []
        with worker(path, "follow", "run") as follower:
            assert follower.line() == "watching"
            for number in range(100):
                began = time.perf_counter()
                await log.append("run", [b"%d" % number])
                assert follower.line() == str(number)
                took.append(time.perf_counter() - began)
            await log.append("run", [], end="done")
            assert follower.end() == 0
        await log.close()
        return sorted(took)[50]

    assert asyncio.run(main()) < 0.5  # a few tenths of a millisecond, on a machine at rest


def test_who_does_not_read_its_hints_holds_up_nobody_and_misses_nothing(path: Path) -> None:
    async def main() -> None:
        log = SQLiteLog(path)
        await log.create("run")
        with worker(path, "follow", "run") as frozen, worker(path, "follow", "run") as healthy:
            assert [frozen.line(), healthy.line()] == ["watching", "watching"]
            frozen.freeze()
            async with asyncio.timeout(10):
                for number in range(1500):  # more than a socket holds, and than commits are kept
                    await log.append("run", [b"%d" % number])
            assert [healthy.line() for _ in range(1500)] == [*map(str, range(1500))]
            frozen.thaw()
            assert [frozen.line() for _ in range(1500)] == [*map(str, range(1500))]
        await log.close()

    asyncio.run(main())


def test_a_full_disk_takes_nothing_away_and_is_no_hindrance_later(path: Path) -> None:
    with worker(path, "fill", 2_000_000) as filler:
        full, last, *error = filler.line().split()
        assert (full, error[0], int(last) > 50) == ("full", f"{path}:", True)
        assert filler.line() == f"1 {last}"
        assert filler.line() == f"again {int(last) + 1}"
        assert filler.line() == f"read {int(last) + 1}"
        assert filler.end() == 0


def test_a_frozen_process_that_has_the_turn_makes_the_log_unavailable_to_write_for_a_while(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "PATIENCE", 0.2)

    async def main() -> None:
        log, late = SQLiteLog(path), SQLiteLog(path)
        await log.create("run")
        await log.append("run", [b"a"], at=0)
        with worker(path, "hold") as holder:
            assert holder.line() == "holding"
            holder.freeze()
            async with asyncio.timeout(5):
                for _ in range(2):
                    with pytest.raises(Unavailable, match="lock"):
                        await log.append("run", [b"b"], at=1)
                assert (await log.read("run", 0)).entries == [b"a"]
                with pytest.raises(Unavailable):
                    await late.create("other")  # who starts now waits no longer
            await late.close()
            holder.thaw()
            holder.tell()
            assert holder.line() == "done"
            assert await log.append("run", [b"b"], at=1) == 2
        await log.close()

    asyncio.run(main())


def test_a_killed_process_that_has_the_turn_gives_it_back(path: Path) -> None:
    async def main() -> None:
        log = SQLiteLog(path)
        await log.create("run")
        with worker(path, "hold") as holder:
            assert holder.line() == "holding"
            holder.kill()
            assert await log.append("run", [b"a"]) == 1
        await log.close()

    asyncio.run(main())


def test_several_processes_may_start_at_once(path: Path) -> None:
    for attempt in range(2):
        own = path.with_name(f"{attempt}.db")
        with ExitStack() as started:
            workers = [started.enter_context(worker(own, "start", "run")) for _ in range(4)]
            assert [each.line() for each in workers] == ["ready"] * 4
            for each in workers:
                each.tell()
            said = sorted(tuple(each.line().split()) for each in workers)
        first = [create for create, _ in said]
        assert first == ["False", "False", "False", "True"]
        assert sorted(last for _, last in said) == ["1", "2", "3", "4"]
