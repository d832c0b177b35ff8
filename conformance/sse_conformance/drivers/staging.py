"""The scenes, and the corpus as scenes, played to a client that opens streams where it is told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeAlias

from ..corpus import SHORT, Case, corpus, pieces
from ..options import Options
from ..scenes import SCENES, SLOW_SCENES, Answer, Scene
from ..transcript import Operation, Reading, Record, Scenario
from ..wire.playing import Run
from ..wire.stage import Stage
from .check import Progress

SENTINEL = "that was all"  # the data of the event that tells us so
STREAM_END = 5.0  # seconds for a client to tell all, and to come back, after a stream's end
CONNECTING = 0.1  # seconds that a client waits for the head of an answer, before it is closed

Work: TypeAlias = Callable[[], Awaitable[Scenario | Reading | None]]


class Client(Protocol):
    """Where a client is told what to do."""

    at_once: int  # so many streams
    grace: float  # seconds in which it may tell events of a stream after telling of its end

    async def open(self, run: Run, types: Sequence[str]) -> str:
        """Open the scene's stream, and tell which; raises `OSError` if that cannot be.

        `types` are the types of the events that may come.
        """
        ...

    async def close(self, stream: str) -> None:
        """Close it, for ever; raises `OSError`."""
        ...


async def play_all(
    stage: Stage, client: Client, options: Options, record: Record, progress: Progress
) -> None:
    """Record all scenes, and what the client makes of the corpus."""
    scenes = (*SCENES, *(SLOW_SCENES if options.slow else ()))
    scale = options.time_scale
    works: list[tuple[str, Work]] = [
        *(("scenario", partial(play_scene, stage, client, scene, scale)) for scene in scenes),
        *(("reading", partial(read_case, stage, client, *each, scale)) for each in _sized()),
    ]
    places = asyncio.Semaphore(client.at_once)
    done = 0

    async def play(name: str, work: Work) -> None:
        nonlocal done
        async with places:
            item = await work()
        if item is not None:
            record.add(name, item)
        done += 1
        progress(f"{done} of {len(works)} streams have been read")

    async with asyncio.TaskGroup() as group:
        for name, work in works:
            group.create_task(play(name, work))


def _sized() -> Iterator[tuple[Case, int | None]]:
    """Each case, whole and byte by byte. The network may cut it otherwise."""
    for case in corpus().values():
        yield case, None
        if 1 < len(case.stream) <= SHORT:
            yield case, 1


async def play_scene(stage: Stage, client: Client, scene: Scene, scale: float) -> Scenario:
    """Play one scene until what is awaited has come, or all patience is lost."""
    run = stage.play(scene)
    note = ""
    stream = None
    try:
        stream = await client.open(run, ["message", "lost"])
        run.may_begin.set()
        await _watch(run, client, stream, scale)
    except OSError as error:
        note = f"the client could not be told what to do: {error}"
    if stream is not None and run.closed_at is None:
        note = note or await _closed(client, stream)
    await stage.end(run)
    return run.scenario(note)


async def _watch(run: Run, client: Client, stream: str, scale: float) -> None:
    scene = run.scene
    patience = scene.patience * scale
    if scene.close == "connecting":
        await run.until(lambda: run.begun > 0, patience)
        await asyncio.sleep(CONNECTING)
    elif scene.close != "never":
        await run.until(lambda: len(run.events) > 0, patience)
    if scene.close == "ended":
        await run.until(lambda: len(run.visits) > 0, patience)
    if scene.close != "never":
        await client.close(stream)
        run.closed_at = run.now
    begun = -1
    while begun < run.begun < scene.visits:  # each visit has its own patience: machines are busy
        begun = run.begun
        await run.until(partial(_has_come_again, run, begun), patience)
    await run.until(
        lambda: (
            run.begun >= scene.visits
            and len(run.visits) >= scene.ended
            and len(run.events) >= scene.events
        ),
        patience,
    )
    await asyncio.sleep(scene.quiet * scale)


def _has_come_again(run: Run, begun: int) -> bool:
    return run.begun > begun


async def _closed(client: Client, stream: str) -> str:
    try:
        await client.close(stream)
    except OSError as error:
        return f"the client could not be told to close: {error}"
    return ""


async def read_case(
    stage: Stage, client: Client, case: Case, size: int | None, scale: float
) -> Reading | None:
    """What the client makes of one case; None if it has not even asked for the stream.

    A client comes back after the end of a stream: then it is told that this was all. Where it does
    not, it has told of an error, or some time has passed.
    """
    chunks = (case.stream,) if size is None else pieces(case.stream, size)
    answer = Answer(pieces=tuple((0.0, chunk) for chunk in chunks if chunk))
    sentinel = Answer(pieces=((0.0, f"data: {SENTINEL}\n\n".encode()),), end="held")
    run = stage.play(Scene(name=case.id, answers=(answer, sentinel), visits=2, events=0))
    types = sorted({str(each["event"]) for each in case.expected} | {"message"})
    try:
        stream = await client.open(run, types)
        run.may_begin.set()
        if await run.until(lambda: _is_sentinel(run) or _has_failed(run), STREAM_END * scale):
            await run.until(lambda: _is_sentinel(run), client.grace * scale)
        await _closed(client, stream)
    except OSError:
        pass  # it is not recorded
    await stage.end(run)
    if not run.visits:
        return None
    observed = [_told(each) for each in run.events if each["data"] != SENTINEL]
    return Reading(
        case=case.id,
        cut="whole" if size is None else f"every {size}",
        expected=case.expected,
        observed=tuple(observed),
    )


def _told(heard: Operation) -> Operation:
    return {name: value for name, value in heard.items() if name != "at"}


def _is_sentinel(run: Run) -> bool:
    return run.is_gapless and any(each["data"] == SENTINEL for each in run.events)


def _has_failed(run: Run) -> bool:
    return any("error" in each for each in run.heard)
