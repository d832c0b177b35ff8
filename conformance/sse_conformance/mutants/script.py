"""Scripts of the emit contract, as a producer reads them, and the runs that they are."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from .http import Refused

Op: TypeAlias = dict[str, Any]  # one operation of a script

TEXTS = ("data", "event", "id")
EVENT = {*TEXTS, "retry"}


class ScriptError(Exception):
    """The script said `raise`."""


class Abrupt(Exception):
    """The script said `close`."""


@dataclass(frozen=True, slots=True)
class Script:
    """What is to be emitted, and the name of the run that it is, if it has one."""

    operations: tuple[Op, ...]
    run: str | None = None


def read_script(content: bytes, refusal: Callable[[Op], str | None]) -> Script:
    """The script that the JSON says. `Refused` if it is none, or if `refusal` tells why."""
    try:
        value: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "no JSON") from error
    script = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    operations, run = script.get("events"), script.get("run")
    if script.get("v") != 1 or not isinstance(operations, list):
        raise Refused(400, 'no {"v": 1, "events": [...]}')
    if not (run is None or isinstance(run, str)):
        raise Refused(400, "a run's name is text")
    script_operations = tuple(map(_operation, cast("list[object]", operations)))
    for reason in filter(None, map(refusal, script_operations)):
        raise Refused(400, reason)
    return Script(script_operations, run)


def _operation(value: object) -> Op:
    if not isinstance(value, dict):
        raise Refused(400, "an operation is an object")
    return cast("Op", value)


def fault(op: Op) -> str | None:
    """Why this is no operation, or cannot be emitted; None if it can."""
    match op:
        case {"comment": str(text), **rest} if not rest:
            return None if is_unicode(text) else "a lone surrogate"
        case {"sleep": int() | float() as time, **rest} if not rest:
            return None if 0 <= time <= 600_000 else "a sleep of more than ten minutes"
        case {"flood": {"n": int(n), "size": int(size)}, **rest} if not rest:
            return None if 0 <= n * size <= 1 << 28 else "a flood of more than 256 MiB"
        case {"raise": True, **rest} | {"close": "abrupt", **rest} if not rest:
            return None
        case {"overload": True, **rest} if not rest:
            return None
        case _:
            return event_fault(op)


def event_fault(op: Op) -> str | None:
    """Why this is no event, or one that the wire cannot carry."""
    if not op or not op.keys() <= EVENT:
        return f"an unknown operation: {sorted(op)}"
    for name in TEXTS:
        value = op.get(name, "")
        if not isinstance(value, str):
            return f"{name} is not text"
        if not is_unicode(value):
            return f"a lone surrogate in {name}"
        if name != "data" and ("\r" in value or "\n" in value):
            return f"a line end in {name}"
    if "\0" in op.get("id", ""):
        return "NUL in id"
    retry = op.get("retry", 0)
    is_time = isinstance(retry, int) and not isinstance(retry, bool) and retry >= 0
    return None if is_time else "retry is not a whole number"


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can carry it."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


class Run:
    """What a run has emitted, for all who read it. It goes on without readers, and is run once."""

    def __init__(self, blocks: AsyncIterable[tuple[str | None, bytes]], known: int) -> None:
        self._blocks: list[tuple[str | None, bytes]] = []
        self._known = known  # as many of the last IDs can be asked for
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self.is_ended = False
        self.task = asyncio.create_task(self._work(blocks))

    @property
    def end(self) -> int:
        """The place behind the last block."""
        return len(self._blocks)

    def after(self, identifier: str) -> int | None:
        """The place behind the block of this ID; None if it is not known, or no longer."""
        for place in range(self.end, max(0, self.end - self._known), -1):
            if self._blocks[place - 1][0] == identifier:
                return place
        return None

    async def follow(self, place: int) -> AsyncGenerator[bytes, None]:
        """All blocks from this place on, to the run's end. Raises what ended it."""
        while True:
            changed = self._changed
            while place < self.end:
                yield self._blocks[place][1]
                place += 1
            if self.is_ended:
                break
            await changed.wait()
        if self._error is not None:
            raise self._error

    async def _work(self, blocks: AsyncIterable[tuple[str | None, bytes]]) -> None:
        try:
            async for block in blocks:
                self._blocks.append(block)
                self._tell()
        except (ScriptError, Abrupt) as error:
            self._error = error
        finally:
            self.is_ended = True
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
