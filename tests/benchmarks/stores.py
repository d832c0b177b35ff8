"""The benchmark of the event logs: `python -m tests.benchmarks.stores [--quick] [URL ...]`.

Each figure stands beside that of a prototype, which was measured once, on another day, on a small
machine at rest: the ratio is above 1 where we are better, and says how busy this machine is as much
as how good we are. A URL may be `sqlite:` with options, for a file that is removed afterwards, or
`redis:`, for a server that ends with the benchmark.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from asgi_agent.logs import EventLog, open_log
from tests.logs.valkey import Server

ROOT = Path(__file__).parents[2]
SIZE = 200  # bytes of an event
RUNS = (1, 100, 1000)
URLS = ("memory:", "sqlite:", "sqlite:?synchronous=full", "redis:")


class Figures(NamedTuple):
    """What was measured: milliseconds, and shares of one processor."""

    rate: float | None = None  # events a second
    p50: float | None = None
    p99: float | None = None
    cpu: float | None = None  # of the process that follows


PROTOTYPE: dict[tuple[str, str], Figures] = {
    ("memory:", "append, 1"): Figures(1_380_000, 0.001, 0.002),
    ("memory:", "append, 100"): Figures(1_370_000),
    ("memory:", "append, 1000"): Figures(1_330_000),
    ("sqlite:", "append, 1"): Figures(7_500, 0.12, 0.43),
    ("sqlite:", "append, 100"): Figures(50_000, 1.3, 9.3),
    ("sqlite:", "append, 1000"): Figures(62_000, 12.9, 42),
    ("sqlite:?synchronous=full", "append, 1"): Figures(3_200, 0.26, 1.0),
    ("sqlite:?synchronous=full", "append, 100"): Figures(28_000, 1.9, 12.7),
    ("sqlite:?synchronous=full", "append, 1000"): Figures(62_000, 14.7, 37),
    ("redis:", "append, 1"): Figures(4_800, 0.17, 0.67),
    ("redis:", "append, 100"): Figures(33_000, 3.0, 5.3),
    ("redis:", "append, 1000"): Figures(27_000, 35, 59),
    ("memory:", "follow, 1 at 500/s"): Figures(None, 0.018, 0.035),
    ("sqlite:", "follow, 1 at 500/s"): Figures(None, 0.25, 2.8),
    ("redis:", "follow, 1 at 500/s"): Figures(None, 0.38, 2.7),
    ("sqlite:", "fan out to 100"): Figures(None, 1.4, 3.9, 0.05),
    ("redis:", "fan out to 100"): Figures(None, 1.9, 4.3, 0.05),
    ("sqlite:", "follow, 1 at 2000/s"): Figures(None, 0.27, 3.9, 0.11),
    ("sqlite:", "follow, 100 at 2000/s"): Figures(None, 0.31, 4.3, 0.12),
    ("sqlite:", "follow, 1000 at 2000/s"): Figures(None, 0.29, 3.5, 0.12),
    ("redis:", "follow, 1 at 2000/s"): Figures(None, 0.35, 1.1, 0.09),
    ("redis:", "follow, 100 at 2000/s"): Figures(None, 0.49, 3.7, 0.11),
    ("redis:", "follow, 1000 at 2000/s"): Figures(None, 0.42, 2.0, 0.12),
}


def percentiles(times: Iterable[float]) -> tuple[float, float]:
    """The 50th and the 99th, of seconds, in milliseconds."""
    ordered = sorted(times)
    return 1e3 * ordered[len(ordered) // 2], 1e3 * ordered[len(ordered) * 99 // 100]


async def append(log: EventLog, runs: int, seconds: float) -> Figures:
    """Each run appends an event when it has the acknowledgement of the one before."""
    names = await _create(log, runs)
    entries, took = [b"x" * SIZE], []
    began = time.perf_counter()

    async def fill(run: str) -> None:
        epoch, last = await log.claim(run, 60), 0
        while (begin := time.perf_counter()) < began + seconds:
            last = await log.append(run, entries, at=last, epoch=epoch, ttl=60)
            took.append(time.perf_counter() - begin)

    await asyncio.gather(*map(fill, names))
    rate = len(took) / (time.perf_counter() - began)
    for name in names:
        await log.append(name, [], end="deleted")
    return Figures(rate, *percentiles(took))


@dataclass
class Heard:
    """When events were said, and when the last of their followers had them."""

    followers: int
    took: list[float] = field(default_factory=list[float])
    _counts: Counter[bytes] = field(default_factory=Counter[bytes])

    async def follow(self, log: EventLog, run: str, ready: Callable[[], None]) -> None:
        changed, seen = asyncio.Event(), 0
        unwatch = await log.watch(run, changed.set)
        ready()
        while True:
            changed.clear()
            page = await log.read(run, seen)
            for entry in page.entries:
                self._hear(entry)
            seen += len(page.entries)
            if page.is_end:
                return await unwatch()
            if not page.entries:
                await changed.wait()

    def _hear(self, entry: bytes) -> None:
        self._counts[entry] += 1
        if self._counts[entry] == self.followers:
            del self._counts[entry]
            self.took.append((time.monotonic_ns() - int(entry.split()[0])) / 1e9)


async def hear(
    log: EventLog, runs: Sequence[str], followers: int, ready: Callable[[], None]
) -> Figures:
    """Follow all runs to their ends."""
    heard = Heard(followers)
    waiting = len(runs) * followers

    def one_more() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            ready()

    follow = [heard.follow(log, run, one_more) for run in runs for _ in range(followers)]
    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*follow)
    share = (time.process_time() - used) / (time.perf_counter() - began)
    return Figures(None, *percentiles(heard.took), share)


async def say(log: EventLog, runs: Sequence[str], rate: int, seconds: float) -> None:
    """Say `rate` events a second, to one run after the other, and end them all."""
    turns, loop = cycle(runs), asyncio.get_running_loop()
    began, said = loop.time(), 0
    while (now := loop.time() - began) < seconds:
        due = int(now * rate) - said
        said += due
        await asyncio.gather(*(log.append(run, [_stamp()]) for run in islice(turns, due)))
        await asyncio.sleep(1 / rate)
    await asyncio.gather(*(log.append(run, [], end="done") for run in runs))


async def follow(
    url: str, log: EventLog, *, runs: int, followers: int = 1, rate: int, seconds: float
) -> Figures:
    """Say, and hear it in another process; in the same one, if the log is not shared."""
    names = await _create(log, runs)
    if not log.is_shared:
        everybody = asyncio.Event()
        heard = asyncio.create_task(hear(log, names, followers, everybody.set))
        await everybody.wait()
        await say(log, names, rate, seconds)
        return await heard
    with _listener(url, names, followers) as listener:
        await say(log, names, rate, seconds)
        return Figures(*json.loads(await asyncio.to_thread(listener.readline)))


@contextmanager
def _listener(url: str, runs: Sequence[str], followers: int) -> Generator[Any, None, None]:
    command = [sys.executable, "-m", __spec__.name, "--hear", str(followers), url]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            print(*runs, sep="\n", file=process.stdin)
            process.stdin.close()
            assert process.stdout.readline() == "ready\n"
            yield process.stdout
        finally:
            process.kill()


async def _listen(url: str, followers: int) -> None:
    log = open_log(url)
    runs = sys.stdin.read().split()
    figures = await hear(log, runs, followers, partial(print, "ready", flush=True))
    print(json.dumps(figures), flush=True)
    await log.close()


async def _create(log: EventLog, runs: int) -> list[str]:
    names = [uuid4().hex for _ in range(runs)]
    await asyncio.gather(*map(log.create, names))
    return names


def _stamp() -> bytes:
    return f"{time.monotonic_ns()} ".encode().ljust(SIZE, b"x")


def measure(url: str, seconds: float) -> Iterator[tuple[str, Figures]]:
    """Every workload, on an event loop and in a log of its own.

    In one log the runs of a workload would be freed while the next one is measured.
    """

    def on(test: Callable[[str, EventLog], Any]) -> Figures:
        async def main(place: str) -> Figures:
            log = open_log(place)
            try:
                return await test(place, log)
            finally:
                await log.close()

        with _at(url) as place:
            return asyncio.run(main(place))

    for runs in RUNS:
        yield f"append, {runs}", on(lambda _, log, n=runs: append(log, n, seconds))
    one = partial(follow, runs=1, rate=500, seconds=seconds)
    yield "follow, 1 at 500/s", on(one)
    many = partial(follow, runs=1, followers=100, rate=50, seconds=seconds)
    yield "fan out to 100", on(many)
    for runs in RUNS:
        each = partial(follow, runs=runs, rate=2000, seconds=seconds)
        yield f"follow, {runs} at 2000/s", on(each)


@contextmanager
def _at(url: str) -> Generator[str, None, None]:
    """`url`, where it names a place; a file or a server for a while, where it names none."""
    match urlsplit(url):
        case ("sqlite", _, "", query, _):
            with TemporaryDirectory() as folder:
                yield f"sqlite:///{folder}/log.db?{query}"
        case ("redis", "", "", _, _):
            with Server("valkey", "--appendfsync", "everysec") as server:
                yield server.url
        case _:
            yield url


def _rows(url: str, workload: str, figures: Figures) -> Iterator[dict[str, Any]]:
    kind = url if url in URLS else urlsplit(url).scheme + ":"
    before = PROTOTYPE.get((kind, workload), Figures())
    for name, value, old in zip(Figures._fields, figures, before, strict=True):
        if value is not None:
            ratio = old and (value / old if name == "rate" else old / value)
            row = {"store": kind, "workload": workload, "figure": name, "value": value}
            yield {**row, "prototype": old, "ratio": ratio}


def _as_text(row: dict[str, Any]) -> str:
    unit = {"rate": "events/s", "cpu": "of a processor"}.get(row["figure"], "ms")
    value = f"{row['figure']} {row['value']:,.6g}"
    old = f"{row['prototype']:>12,g} {row['ratio']:>6.2f}" if row["prototype"] else ""
    return f"{row['store']:<25}{row['workload']:<24}{value:<18}{unit:<15}{old}".rstrip()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.stores")
    parser.add_argument("urls", nargs="*", default=URLS, metavar="URL")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--hear", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.hear:
        return asyncio.run(_listen(*options.urls, options.hear))
    if not options.json:
        print(f"{'store':<25}{'workload':<24}{'':<33}{'prototype':>12}  ratio")
    for url in options.urls:
        for workload, figures in measure(url, 0.1 if options.quick else 5):
            for row in _rows(url, workload, figures):
                print(json.dumps(row) if options.json else _as_text(row), flush=True)
    return None


if __name__ == "__main__":
    main()
