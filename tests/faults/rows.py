"""The rows of the fault table: what goes wrong, and what every client has in the end all the same.

Each row is played on real processes, with a lease of one second; the fault comes at a random moment
of the runs. It returns how they ended, and raises where a promise was broken: every entry that was
acknowledged is read exactly once and in order, and every run has one terminal event, its last.
"""

import asyncio
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import libfaketime

from tests.faults.cluster import Cluster, cluster
from tests.faults.reading import Read, ask, read_all, request, settle
from tests.logs.valkey import Server as StoreServer
from tests.serving import ROOT

Outcomes: TypeAlias = dict[str, int]
Row: TypeAlias = Callable[["Stage"], Awaitable[Outcomes]]

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
RUNS = 6
NUMBERS, PAUSE = 20, 0.05  # what a run says, and how many seconds lie between
LEASE = 1.0  # seconds
LOST = {"complete", "run_lost"}
ROWS: dict[str, tuple[Row, tuple[str, ...]]] = {}  # by name, with the stores that have such a fault


def rows_of(kind: str) -> list[str]:
    """The names of the rows that this store has."""
    return [name for name, (_, kinds) in ROWS.items() if kind in kinds]


def play(stage: "Stage", name: str) -> None:
    """Play the row some times, with the fault at another moment each time."""
    for _ in range(ROUNDS):
        asyncio.run(ROWS[name][0](stage))


def row(*kinds: str) -> Callable[[Row], Row]:
    """A row of the table, for these stores; without any, for both."""

    def add(play: Row) -> Row:
        ROWS[play.__name__] = play, kinds or ("sqlite", "redis")
        return play

    return add


class Stage:
    """One store, and the servers that share it, until the stack is unwound."""

    def __init__(self, kind: str, directory: Path, stack: ExitStack) -> None:
        self.kind = kind
        self._clusters: dict[object, Cluster] = {}
        self._stack = stack
        self.file = directory / "log.db"
        self.server: StoreServer | None = None
        if kind == "redis":
            self.server = stack.enter_context(StoreServer("valkey", "--appendfsync", "always"))
        self.url = f"sqlite:///{self.file}" if self.server is None else self.server.url

    @property
    def served(self) -> Cluster:
        """Three workers, for all rows that need no other ones."""
        return self.cluster(3)

    def cluster(self, workers: int, app: str = "app", host: str = "uvicorn", **env: str) -> Cluster:
        """Such servers; the same ones every time."""
        options = (workers, app, host, *env.items())
        if options not in self._clusters:
            served = cluster(self.url, workers, host=host, app=app, environment=env)
            self._clusters[options] = self._stack.enter_context(served)
        return self._clusters[options]


async def moment() -> None:
    """Wait for some time of a run."""
    await asyncio.sleep(random.uniform(0, NUMBERS * PAUSE))


async def begin(
    port: int, runs: int = RUNS, numbers: int = NUMBERS, pause: float = PAUSE
) -> list[str]:
    asked = (ask(port, numbers, pause, uuid.uuid4().hex) for _ in range(runs))
    return list(await asyncio.gather(*asked))


@asynccontextmanager
async def reading(ports: Sequence[int], sessions: Sequence[str]) -> AsyncIterator[list[Read]]:
    """Two clients read each session while the block lasts, to its end; then both have the same."""
    read: list[Read] = []
    tasks = [asyncio.create_task(read_all(ports, each)) for each in (*sessions, *sessions)]
    try:
        yield read
        read += await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    half = len(sessions)
    for one, other in zip(read[:half], read[half:], strict=True):
        assert one.told == other.told, (one.told, other.told)
    del read[half:]


def checked(read: Sequence[Read], among: set[str]) -> Outcomes:
    outcomes = settle(read)
    assert set(outcomes) <= among, outcomes
    return outcomes


@row()
async def the_client_drops_in_the_middle_of_an_event(stage: Stage) -> Outcomes:
    port = stage.served.port
    sessions = await begin(port)
    read = await asyncio.gather(*(read_all([port], each, cuts=8) for each in sessions))
    return checked(read, {"complete"})


@row()
async def a_worker_is_killed(stage: Stage) -> Outcomes:
    port = stage.served.port
    async with reading([port], await begin(port)) as read:
        await moment()
        os.kill(random.choice(stage.served.workers()), signal.SIGKILL)
    return checked(read, LOST)


@row()
async def a_worker_of_resumable_runs_is_killed(stage: Stage) -> Outcomes:
    served = stage.cluster(2, "resumable")
    async with reading([served.port], await begin(served.port)) as read:
        await moment()
        os.kill(random.choice(served.workers()), signal.SIGKILL)
    assert all(each.numbers == list(range(NUMBERS)) for each in read)
    return checked(read, {"complete"})


@row()
async def a_worker_is_frozen_past_its_lease_and_thawed(stage: Stage) -> Outcomes:
    port = stage.served.port
    async with reading([port], await begin(port)) as read:
        await moment()
        frozen = random.choice(stage.served.workers())
        os.kill(frozen, signal.SIGSTOP)
        await asyncio.sleep(2.5 * LEASE)
        os.kill(frozen, signal.SIGCONT)
    return checked(read, LOST)


@row("redis")
async def the_store_is_killed_and_started_again(stage: Stage) -> Outcomes:
    assert stage.server is not None
    port = stage.served.port
    async with reading([port], await begin(port)) as read:
        await moment()
        stage.server.kill()
        stage.server.start()
    return checked(read, {"complete"})


@row()
async def the_store_cannot_be_reached_for_five_seconds(stage: Stage) -> Outcomes:
    port = stage.served.port
    async with reading([port], await begin(port)) as read:
        await moment()
        async with unreachable(stage):
            await asyncio.sleep(5)
    return checked(read, LOST | {"store_unavailable"})


@asynccontextmanager
async def unreachable(stage: Stage) -> AsyncIterator[None]:
    if stage.server is not None:
        stage.server.freeze()
        yield
        stage.server.thaw()
        return
    locking = sqlite3.connect(stage.file, isolation_level=None, timeout=5)
    locking.execute("begin immediate")
    yield
    locking.execute("rollback")
    locking.close()


@row()
async def a_follower_does_not_read(stage: Stage) -> Outcomes:
    """It is cut off, comes back, and has lost nothing. (Its run goes on all the while.)."""
    served = stage.cluster(1, PATIENCE="0.5", LEAD_BYTES="65536", PADDING="65536")
    [session] = await begin(served.port, 1, 100, 0.01)
    stalled = await read_all([served.port], session, stall=3)
    assert stalled.connections > 1, "it was never cut off"
    other = await read_all([served.port], session)
    assert other.told == stalled.told
    return checked([stalled], {"complete"})


@row()
async def a_post_is_sent_again_and_again(stage: Stage) -> Outcomes:
    port = stage.served.port
    keys = [uuid.uuid4().hex for _ in range(RUNS)]
    asked = await asyncio.gather(*(ask(port, 3, PAUSE, key) for key in keys * 5))
    sessions = asked[:RUNS]
    assert asked == sessions * 5
    async with reading([port], sessions) as read:
        pass
    for each in sessions:
        status, shown = await request(port, f"GET /sessions/{each} HTTP/1.0\r\n\r\n")
        assert (status, len(json.loads(shown)["history"])) == (200, 2)  # asked once, answered once
    return checked(read, {"complete"})


@row()
async def several_processes_claim_one_run(stage: Stage) -> Outcomes:
    script = """
import asyncio, sys, time
from asgi_agent.logs import open_log

async def main(url, run, at):
    log = open_log(url)
    await asyncio.gather(*(log.create(f"{run}-{number}") for number in range(100)))
    await asyncio.sleep(at - time.time())
    claims = await asyncio.gather(*(log.claim(f"{run}-{number}", 60) for number in range(100)))
    print(*(0 if epoch is None else 1 for epoch in claims))
    await log.close()

asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
"""
    now = float(subprocess.check_output([sys.executable, "-c", "import time; print(time.time())"]))
    arguments = (script, stage.url, uuid.uuid4().hex, str(now + 1))
    claiming = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", *arguments, stdout=subprocess.PIPE, cwd=ROOT
        )
        for _ in range(4)
    ]
    told = [(await each.communicate())[0].split() for each in claiming]
    assert [sum(map(int, claims)) for claims in zip(*told, strict=True)] == [1] * 100
    return {"one owner": 100}


@row()
async def the_clocks_of_two_machines_differ_by_an_hour(stage: Stage) -> Outcomes:
    str(next(Path(libfaketime.__file__).parent.rglob("libfaketime.so.1")))
    late = stage.cluster(1, **ahead(stage))
    here = stage.served
    sessions = [*await begin(late.port, 3), *await begin(here.port, 3)]
    async with reading([late.port, here.port], sessions) as read:
        pass
    checked(read, {"complete"})
    async with reading([here.port], await begin(late.port, 3, numbers=400)) as read:
        await moment()
        late.kill()
    late.start()
    return checked(read, {"run_lost"})


def ahead(stage: Stage) -> dict[str, str]:
    """What puts a server's clock an hour forward.

    Under libfaketime the threads of a Python process starve each other for seconds. So the workers
    of a file, which have threads, have only Python's `time.time` put forward.
    """
    if stage.server is None:
        return {"CLOCK_AHEAD": "3600"}
    preload = str(next(Path(libfaketime.__file__).parent.rglob("libfaketime.so.1")))
    return {"LD_PRELOAD": preload, "FAKETIME": "+3600", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@row()
async def the_disk_is_full(stage: Stage) -> Outcomes:
    port = stage.served.port
    async with reading([port], await begin(port)) as read:
        await moment()
        async with full(stage):
            await asyncio.sleep(random.uniform(0.1, 2 * LEASE))
    return checked(read, LOST | {"store_unavailable"})


@asynccontextmanager
async def full(stage: Stage) -> AsyncIterator[None]:
    if stage.server is not None:
        stage.server.admin.config_set("maxmemory", "1")
        yield
        stage.server.admin.config_set("maxmemory", "0")
        return
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in stage.served.workers()}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    yield
    for pid, before in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@row()
async def every_process_is_killed(stage: Stage) -> Outcomes:
    served = stage.cluster(2, "resumable")
    async with reading([served.port], await begin(served.port, 100)) as read:
        await moment()
        served.kill()
        if stage.server is not None:
            stage.server.kill()
            stage.server.start()
        served.start()
    assert all(each.numbers == list(range(NUMBERS)) for each in read)
    return checked(read, {"complete"})
