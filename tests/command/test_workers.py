"""Several processes that serve one socket, and who keeps them alive."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asgi_agent.command import workers
from asgi_agent.command.workers import Worker
from tests.serving import ROOT

WORKER = Path(__file__).with_name("worker.py")
SUPERVISOR = """
import asyncio, logging, socket, sys
from asgi_agent.command.workers import supervise
logging.basicConfig(format="%(message)s", level=logging.INFO)
bound = socket.create_server(("127.0.0.1", 0))
print(bound.getsockname()[1], flush=True)
sys.exit(asyncio.run(supervise(sys.argv[2:], bound, int(sys.argv[1]))))
"""
PATIENCE = 20  # seconds


class Supervised:
    """A supervisor, and what its workers have told."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        self.process = process
        self.directory = directory
        assert process.stdout is not None
        self.port = process.stdout.readline().strip()

    def told(self) -> dict[int, list[str]]:
        """By process, in the order of the processes' numbers."""
        files = {int(each.name): each for each in self.directory.iterdir()}
        return {pid: files[pid].read_text().split() for pid in sorted(files)}

    def until(self, holds: Callable[[dict[int, list[str]]], bool]) -> dict[int, list[str]]:
        """What was told as soon as that `holds`."""
        end = time.monotonic() + PATIENCE
        while not holds(told := self.told()):
            assert time.monotonic() < end, told
            time.sleep(0.01)
        return told

    def begun(self, count: int) -> list[int]:
        """The processes, as soon as there are so many."""
        return list(self.until(lambda told: len([1 for each in told.values() if each]) == count))

    def ended(self) -> tuple[int, str]:
        """The exit status, and what the supervisor has logged."""
        assert self.process.stderr is not None
        log = self.process.stderr.read()
        return self.process.wait(PATIENCE), log


@contextmanager
def supervised(directory: Path, count: int, action: str = "serve") -> Iterator[Supervised]:
    directory = directory / "told"
    directory.mkdir()
    worker = [sys.executable, str(WORKER), str(directory), action]
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(count), *worker],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Supervised(process, directory)
        finally:
            process.kill()  # its workers notice


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_all_workers_get_the_one_socket(tmp_path: Path) -> None:
    with supervised(tmp_path, 3) as served:
        served.begun(3)
        assert {told[0] for told in served.told().values()} == {served.port}


def test_a_signal_is_handed_on_to_each_worker_and_none_is_started_again(tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        directory = tmp_path / number.name
        directory.mkdir()
        with supervised(directory, 2) as served:
            served.begun(2)
            served.process.send_signal(number)
            status, log = served.ended()
            assert (status, log) == (0, f"{number.name}: stopping the workers\n")
            assert [told[1:] for told in served.told().values()] == [[number.name]] * 2


def test_ctrl_c_reaches_a_worker_once(tmp_path: Path) -> None:
    """A terminal sends the signal to the whole process group of the supervisor."""
    with supervised(tmp_path, 2) as served:
        pids = served.begun(2)
        assert {os.getpgid(pid) for pid in pids} == set(pids)
        served.process.send_signal(signal.SIGINT)
        assert served.ended()[0] == 0


def test_a_worker_that_was_killed_is_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path, 2) as served:
        killed, other = served.begun(2)
        os.kill(killed, signal.SIGKILL)
        served.begun(3)
        assert is_alive(other)
        served.process.send_signal(signal.SIGTERM)
        status, log = served.ended()
        assert status == 0
        assert f"Worker {killed} was ended by SIGKILL: another one is started\n" in log


def test_a_worker_that_ends_by_itself_is_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path, 1, "end") as served:
        served.begun(2)
        served.process.send_signal(signal.SIGTERM)
        status, log = served.ended()
        assert status == 0
        assert "has ended with status 0: another one is started\n" in log


def test_workers_that_do_not_understand_end_the_supervisor_with_their_status(
    tmp_path: Path,
) -> None:
    with supervised(tmp_path, 2, "fail") as served:
        assert served.ended()[0] == 2


DYING = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
SLEEPING = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_worker_that_is_stopped_while_it_begins_ends() -> None:
    async def main() -> None:
        worker = Worker(SLEEPING, ())
        keeping = asyncio.create_task(worker.keep())
        await asyncio.sleep(0)  # the process is being made
        worker.stop(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            assert await keeping == 0

    asyncio.run(main())


def test_a_worker_that_is_stopped_before_it_is_started_again_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        worker = Worker(DYING, ())
        keeping = asyncio.create_task(worker.keep())
        async with asyncio.timeout(PATIENCE):
            while "another one is started" not in caplog.text:  # and then it pauses
                await asyncio.sleep(0.01)
            pid = worker.pid
            worker.stop(signal.SIGTERM)
            assert await keeping == 0
        assert worker.pid == pid

    asyncio.run(main())


FAILING_LATER = """
import pathlib, sys, time
told = pathlib.Path(sys.argv[1])
life = len(told.read_text()) if told.exists() else 0
told.write_text("x" * (life + 1))
time.sleep([1, 0, 60][life])
sys.exit(3)
"""


def test_a_worker_that_has_served_is_started_until_it_can_be_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as while its files are being replaced: the other workers go on meanwhile."""
    monkeypatch.setattr(workers, "START_SECONDS", 0.9)
    monkeypatch.setattr(workers, "PAUSE_SECONDS", 0.1)
    told = tmp_path / "told"

    async def main() -> None:
        worker = Worker([sys.executable, "-c", FAILING_LATER, str(told)], ())
        keeping = asyncio.create_task(worker.keep())
        async with asyncio.timeout(PATIENCE):
            while not told.exists() or len(told.read_text()) < 3:
                await asyncio.sleep(0.01)
            assert not keeping.done()
            worker.stop(signal.SIGTERM)
            assert await keeping == 0

    asyncio.run(main())


def test_a_worker_that_no_process_can_be_made_for_is_started_when_it_can_be_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "START_SECONDS", 0.1)
    monkeypatch.setattr(workers, "PAUSE_SECONDS", 0.1)
    python = tmp_path / "python"
    python.symlink_to(sys.executable)

    async def main() -> None:
        worker = Worker([str(python), *SLEEPING[1:]], ())
        keeping = asyncio.create_task(worker.keep())
        async with asyncio.timeout(PATIENCE):
            await asyncio.sleep(0.5)
            python.rename(tmp_path / "away")
            first = worker.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            while "No worker can be started now" not in caplog.text:
                await asyncio.sleep(0.01)
            (tmp_path / "away").rename(python)
            while worker.pid == first:
                await asyncio.sleep(0.01)
            worker.stop(signal.SIGTERM)
            assert await keeping == 0

    asyncio.run(main())


def test_a_worker_that_could_never_be_started_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(Worker(["/nothing/here"], ()).keep())


def test_a_worker_does_not_outlive_its_supervisor(tmp_path: Path) -> None:
    with supervised(tmp_path, 2) as served:
        served.begun(2)
        served.process.kill()
        served.process.wait(PATIENCE)
        told = served.until(lambda told: all(each[1:] for each in told.values()))
        assert [each[1:] for each in told.values()] == [["orphaned"]] * 2


def test_the_socket_is_free_when_all_have_ended(tmp_path: Path) -> None:
    with supervised(tmp_path, 2) as served:
        served.begun(2)
        served.process.send_signal(signal.SIGTERM)
        served.ended()
        socket.create_server(("127.0.0.1", int(served.port))).close()
