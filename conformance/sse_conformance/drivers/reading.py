"""The corpus for a program that reads event streams, line by line: the contract of adapters.

A line of ours is `{"id": "...", "chunks": ["base64", ...]}`: a new stream, in the reads in which
it comes; after the last one it ends. The program answers with a line `{"events": [{"event": "...",
"data": "...", "id": "..."}, ...]}`, where `id` is what the client holds for the last event ID
then; with `"retry": 3000` or null it tells the reconnection time that the stream has set, and with
`"error": "..."` that it has given up. What a client does not tell is left out.
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from ..corpus import Case, Chunks, corpus, cuts
from ..options import Options
from ..transcript import Operation, Reading, Record
from ..wire.lines import Program
from .check import Progress

ANSWER = 5.0  # seconds for one answer
FIRST_ANSWER = 20.0  # with what it takes to start
MOST_STARTS = 20  # of a program that ends, or hangs, again and again
MEGABYTE = b"x" * 2**20
ENDLESS = 64  # of them


class ContractError(ValueError):
    """The adapter answers with something that is not of the contract."""


async def read_corpus(
    command: Sequence[str], options: Options, record: Record, progress: Progress
) -> None:
    """Record what the program makes of each case in each cut.

    Raises `OSError` if it cannot be started, and `ContractError` if it misunderstands. If it never
    answers, nothing is recorded.
    """
    async with Program(command) as program:
        reader = _Reader(program, options)
        for number, case in enumerate(corpus().values()):
            progress(f"{number} of {len(corpus())} streams have been read")
            await reader.read(case, record)
            if reader.has_given_up:
                return
        if options.slow:
            line = (b"data: ", *[MEGABYTE] * ENDLESS)
            record.add("endless", await reader.ask("endless", "every 1048576", line))


class _Reader:
    def __init__(self, program: Program, options: Options) -> None:
        self._program = program
        self._scale = options.time_scale
        self._has_answered = False

    @property
    def has_given_up(self) -> bool:
        """Whether it is of no use to ask on."""
        return self._program.starts >= MOST_STARTS or not self._has_answered

    async def read(self, case: Case, record: Record) -> None:
        """Record the readings of one case, up to a cut that the program fails at."""
        for cut, chunks in cuts(case.stream):
            reading = await self.ask(case.id, cut, chunks, case.expected)
            if self._has_answered:
                record.add("reading", reading)
            if reading.note or self.has_given_up:
                break

    async def ask(
        self, case: str, cut: str, chunks: Chunks, expected: tuple[Operation, ...] = ()
    ) -> Reading:
        coded = [b64encode(chunk).decode() for chunk in chunks]
        question = json.dumps({"id": f"{case}, {cut}", "chunks": coded}).encode()
        seconds = (ANSWER if self._has_answered else FIRST_ANSWER) * self._scale
        said = await self._program.ask(question, seconds)
        if said.line is None:
            return Reading(case=case, cut=cut, expected=expected, observed=(), note=said.why_not)
        self._has_answered = True
        return reading_of(case, cut, expected, said.line)


def reading_of(case: str, cut: str, expected: tuple[Operation, ...], line: bytes) -> Reading:
    """What an adapter has answered. Raises `ContractError`."""
    answer = _understood(line)
    return Reading(
        case=case,
        cut=cut,
        expected=expected,
        observed=tuple(_event(each) for each in answer["events"]),
        retry=answer.get("retry"),
        tells_retry="retry" in answer,
        note=str(answer.get("error", "")).encode("utf-8", "replace").decode(),  # half a character
    )


def _understood(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    match answer:
        case {"events": [*events]} if all(map(_is_event, events)) and _is_retry(answer):
            return dict(answer)
        case {"error": error}:
            return {"events": [], "error": error}
        case _:
            raise ContractError(f"this is no answer to the streams that were asked: {line[:200]!r}")


def _is_event(told: Any) -> bool:
    match told:
        case {**fields}:
            names = ("event", "data", "id")
            return all(isinstance(fields.get(name), str | None) for name in names)
        case _:
            return False


def _is_retry(answer: dict[str, Any]) -> bool:
    retry = answer.get("retry")
    return retry is None or (isinstance(retry, int | float) and not isinstance(retry, bool))


def _event(told: dict[str, Any]) -> Operation:
    """The event; its names for nothing are those of the corpus."""
    event: Operation = {"event": told.get("event") or "message", "data": told.get("data") or ""}
    if "id" in told:
        event["id"] = told["id"] or ""
    return event
