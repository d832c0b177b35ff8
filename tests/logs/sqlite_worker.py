"""What a process of its own does with an event log in a file: `python -m tests.logs.sqlite_worker`.

It prints a line for each thing that has happened, and ends when its standard input does.
"""

import asyncio
import resource
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

from asgi_agent.errors import Unavailable
from asgi_agent.logs import SQLiteLog
from asgi_agent.logs.sqlite.workers import Workers


def say(*words: object) -> None:
    print(*words, flush=True)


def content(run: str, number: int) -> bytes:
    return f"{run} {number} ".encode() * 20


async def write(log: SQLiteLog, runs: int) -> None:
    """Append to all runs as fast as it goes, and say what is acknowledged."""

    async def fill(run: str) -> None:
        await log.create(run)
        last = (await log.read(run, 0)).last
        while True:
            last = await log.append(run, [content(run, last + 1)], at=last)
            say(run, last)

    await asyncio.gather(*(fill(f"run-{number}") for number in range(runs)))


async def follow(log: SQLiteLog, run: str) -> None:
    """Say what is read. Nothing but a wake makes it read again."""
    changed = asyncio.Event()
    await log.watch(run, changed.set)
    say("watching")
    seen = 0
    while True:
        changed.clear()
        page = await log.read(run, seen)
        for entry in page.entries:
            say(entry.decode())
        seen += len(page.entries)
        if page.is_end:
            return
        if not page.entries:
            await changed.wait()


async def start(log: SQLiteLog, run: str) -> None:
    """Wait for the word, then do everything for the first time."""
    say("ready")
    sys.stdin.readline()
    is_first = await log.create(run)
    say(is_first, await log.append(run, [b"a"]))


async def fill_disk(log: SQLiteLog, size: int) -> None:
    """Append until no file may be larger, and again when it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    await log.create("run")
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    last = 0
    try:
        for last in count():
            assert await log.append("run", [b"%0500d" % (last + 1)], at=last) == last + 1
    except Unavailable as error:
        say("full", last, error)
    entries = (await log.read("run", last - 1)).entries  # what is there can be read
    say(len(entries), int(entries[0]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    say("again", await log.append("run", [b"%0500d" % (last + 1)], at=last))
    seen = 0
    while page := (await log.read("run", seen)).entries:
        assert [int(entry) for entry in page] == [*range(seen + 1, seen + len(page) + 1)]
        seen += len(page)
    say("read", seen)


def hold(path: Path) -> None:
    """Have the turn, and do nothing with it."""
    with Workers(f"{path}-workers", 5).turn():
        say("holding")
        sys.stdin.readline()
    say("done")


def main(path: str, command: str, *arguments: str) -> None:
    log = SQLiteLog(path)
    tasks: dict[str, Callable[..., Awaitable[None]]] = {"follow": follow, "start": start}

    async def work() -> None:
        match command:
            case "write":
                await write(log, int(*arguments))
            case "fill":
                await fill_disk(log, int(*arguments))
            case _:
                await tasks[command](log, *arguments)
        await log.close()

    if command == "hold":
        hold(Path(path).resolve())
    else:
        asyncio.run(work())


if __name__ == "__main__":
    main(*sys.argv[1:])
