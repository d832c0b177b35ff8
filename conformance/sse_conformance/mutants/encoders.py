"""Producers that encode wrongly: the golden server's encoder, with one defect."""

import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from itertools import count

from ..emission import looks_like_a_line
from .golden import LINE_END, Golden
from .producing import producer
from .script import Op, Script, fault

PORTION = 4096  # bytes
LARGEST = 100_000  # characters


@producer("ENC-04")
class SplitAtSeparators(Golden):
    """Ends lines of data where Unicode could."""

    _line_end = re.compile("\r\n|[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")

    def encode(self, op: Op) -> bytes:
        return super().encode({**op, "data": self._line_end.sub("\n", op["data"])})


@producer("ENC-05")
class DiesOfSurrogates(Golden):
    """Ends where UTF-8 has no bytes for a character."""

    def refusal(self, op: Op) -> str | None:
        return fault(without_surrogates(op))

    async def work(self, script: Script) -> AsyncGenerator[bytes, None]:
        with suppress(UnicodeEncodeError):
            async for block in super().work(script):
                yield block


@producer("ENC-05")
class WritesSurrogates(DiesOfSurrogates):
    """Writes half characters as if they were characters."""

    _line_end = re.compile(b"\r\n|\r|\n")

    def encode(self, op: Op) -> bytes:
        data = op["data"].encode("utf-8", "surrogatepass")
        return with_data(self, op, [b"data: " + line for line in self._line_end.split(data)])


@producer("ENC-06")
class DecodesPortions(Golden):
    """Moves data in portions of bytes, each decoded for itself."""

    def encode(self, op: Op) -> bytes:
        data = op["data"].encode()
        starts = range(0, len(data), PORTION)
        portions = (data[start : start + PORTION].decode("utf-8", "replace") for start in starts)
        return super().encode({**op, "data": "".join(portions)})


@producer("FRM-05")
class SplitsAtLineFeeds(Golden):
    """Ends lines of data at LF only."""

    def encode(self, op: Op) -> bytes:
        return with_data(self, op, [b"data: " + line for line in op["data"].encode().split(b"\n")])


@producer("FRM-06")
class WritesNoSpace(Golden):
    """Writes no space after the colon of data."""

    def encode(self, op: Op) -> bytes:
        lines = LINE_END.split(op["data"])
        return with_data(self, op, [b"data:" + line.encode() for line in lines])


@producer("FRM-06")
class StripsNames(Golden):
    """Takes spaces away at the beginning of names and IDs."""

    def encode(self, op: Op) -> bytes:
        names: Op = {name: op[name].lstrip() for name in ("event", "id") if name in op}
        return super().encode({**op, **names})


@producer("FRM-07")
class StripsData(Golden):
    """Takes away what is white at the end of data."""

    def encode(self, op: Op) -> bytes:
        return super().encode({**op, "data": op["data"].rstrip(" \t\n")})


@producer("FRM-07")
class SkipsBlankLines(Golden):
    """Skips blank lines of data."""

    def encode(self, op: Op) -> bytes:
        lines = [line for line in op["data"].split("\n") if line]
        return super().encode({**op, "data": "\n".join(lines)} if lines else op)


class LetsLineEndsThrough(Golden):
    """Writes names as they are, but for what stands in `taken_out`."""

    field = "event"
    taken_out = ""

    def refusal(self, op: Op) -> str | None:
        return fault(
            {**op, self.field: LINE_END.sub("", op[self.field])} if self.field in op else op
        )

    def encode(self, op: Op) -> bytes:
        if self.field in op:
            op = {
                **op,
                self.field: op[self.field].translate({ord(each): "" for each in self.taken_out}),
            }
        return super().encode(op)


@producer("FRM-08")
class ForgedByEvent(LetsLineEndsThrough):
    """Writes the names of events as they are."""


@producer("FRM-08")
class ForgedById(LetsLineEndsThrough):
    """Writes IDs as they are."""

    field = "id"


@producer("FRM-08")
class ForgedByCarriageReturn(LetsLineEndsThrough):
    """Takes LF out of the names of events, and leaves CR in."""

    taken_out = "\n"


@producer("FRM-09")
class ForgedByComment(Golden):
    """Writes comments as they are."""

    def comment(self, text: str) -> bytes:
        return b": " + text.encode() + b"\n\n"


@producer("FRM-10")
class LetsFieldsThrough(Golden):
    """Writes lines of data that look like fields as they are."""

    def encode(self, op: Op) -> bytes:
        if "\r" in op["data"]:
            return super().encode(op)
        lines = op["data"].split("\n")
        written = [line if looks_like_a_line(line) else f"data: {line}" for line in lines]
        return with_data(self, op, [line.encode() for line in written])


@producer("FRM-11")
class BeatsInside(Golden):
    """Writes a heartbeat between the lines of an event."""

    def encode(self, op: Op) -> bytes:
        block = super().encode(op)
        if not op.get("id"):
            return block
        first, rest = block.split(b"\n", 1)
        return first + b"\n" + self.heartbeat_block + rest


@producer("FRM-12")
class DropsLargeEvents(Golden):
    """Drops events that are too large for it."""

    def encode(self, op: Op) -> bytes:
        return super().encode(op) if len(op["data"]) <= LARGEST else b""


@producer("FLD-04")
class LetsNulThrough(Golden):
    """Writes IDs that have a NUL."""

    def refusal(self, op: Op) -> str | None:
        return fault({**op, "id": op["id"].replace("\0", "")} if "id" in op else op)


@producer("FLD-09")
class PrintsValues(Golden):
    """Writes what the language makes of a value."""

    def refusal(self, op: Op) -> str | None:
        return fault({**op, "data": str(op["data"])} if "data" in op else op)

    def encode(self, op: Op) -> bytes:
        return super().encode({**op, "data": str(op["data"])})


@producer("DSP-01")
class Overtakes(Golden):
    """Lets every second block overtake the one before."""

    async def work(self, script: Script) -> AsyncGenerator[bytes, None]:
        held = b""
        async for block in super().work(script):
            if held:
                yield block
                yield held
                held = b""
            else:
                held = block
        yield held


@producer("DSP-01")
class ForgetsTheLast(Golden):
    """Never sends the last of three events or more."""

    async def work(self, script: Script) -> AsyncGenerator[bytes, None]:
        number = 0
        async for block in super().work(script):
            number += 1
            if number < max(3, len(script.operations)):
                yield block


@producer("DSP-02")
class DropsEmptyData(Golden):
    """Writes no data field where data are empty."""

    def encode(self, op: Op) -> bytes:
        return super().encode(op) if op["data"] else with_data(self, op, [])


@producer("DSP-04")
class KeepsTheType(Golden):
    """Gives an event without a type that of the one before."""

    async def work(self, script: Script) -> AsyncGenerator[bytes, None]:
        kept: Op = {}
        for op in script.operations:
            kept = {"event": op["event"]} if op.get("event") else kept
            async for block in super().work(Script((kept | op if "data" in op else op,))):
                yield block


@producer("DSP-05")
class OmitsEmptyIds(Golden):
    """Writes no id field where the ID is empty."""

    def encode(self, op: Op) -> bytes:
        given = {name: value for name, value in op.items() if name != "id" or value}
        return super().encode(given)


@producer("DSP-05")
class MakesIdsUp(Golden):
    """Gives an ID to events that shall have none."""

    _numbers = count()

    def encode(self, op: Op) -> bytes:
        return super().encode({"id": f"made-up-{next(self._numbers)}", **op})


def with_data(server: Golden, op: Op, lines: list[bytes]) -> bytes:
    """The event's block, with these lines for its data."""
    rest = {name: value for name, value in op.items() if name != "data"}
    return b"\n".join([Golden.encode(server, rest)[:-2], *lines, b"", b""]).lstrip(b"\n")


def without_surrogates(op: Op) -> Op:
    """The operation, with ? in the place of each half character."""
    texts = {name: value for name, value in op.items() if isinstance(value, str)}
    return {
        **op,
        **{name: text.encode("utf-8", "replace").decode() for name, text in texts.items()},
    }
