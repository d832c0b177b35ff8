"""Clients that read one thing otherwise: the decoders, each with one defect."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from ..checks.consumer import BROWSER
from ..corpus import Case, Chunks, corpus, cuts
from ..options import Options
from ..transcript import Operation, Reading, Record, Subject
from .attendance import sound_scenarios
from .registry import mutant

BOM = "\ufeff"
CUTS = ("whole", "every 1")
Read: TypeAlias = Callable[[Chunks], "Decoder"]


class Decoder:
    """A sound decoder of whole streams. What a mutant does otherwise is a method."""

    def __init__(self) -> None:
        self.events: list[Operation] = []
        self.retry: int | None = None
        self._data: list[str] = []
        self._type = ""
        self._id = ""

    def read(self, stream: bytes) -> None:
        *lines, _ = self.lines(self.text(stream))
        for line in lines:
            if line:
                self.process(*self.field(line))
            else:
                self.dispatch()

    def text(self, stream: bytes) -> str:
        return stream.decode("utf-8", "replace").removeprefix(BOM)

    def lines(self, text: str) -> Sequence[str]:
        """The lines; the last one is the unfinished one."""
        return re.split("\r\n|\n|\r", text)

    def field(self, line: str) -> tuple[str, str]:
        """The name, which a comment has none of, and the value."""
        name, _, value = line.partition(":")
        return name, self.value(value)

    def value(self, value: str) -> str:
        return value.removeprefix(" ")

    def process(self, name: str, value: str) -> None:
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._type = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry":
                self.set_retry(value)
            case _:
                pass

    def set_retry(self, value: str) -> None:
        if re.fullmatch("[0-9]+", value):
            self.retry = int(value.lstrip("0")[:18] or "0")

    def dispatch(self) -> None:
        if self.has_event():
            data = self.joined(self._data)
            self.events.append({"event": self._type or "message", "data": data, "id": self._id})
        self.forget()

    def has_event(self) -> bool:
        return bool(self._data)

    def joined(self, data: Sequence[str]) -> str:
        return "\n".join(data)

    def forget(self) -> None:
        """Get ready for the next block."""
        self._data = []
        self._type = ""


def decoded(decoder: type[Decoder], chunks: Iterable[bytes]) -> Decoder:
    """The decoder when it has read the stream."""
    made = decoder()
    made.read(b"".join(chunks))
    return made


def recorded(read: Read, options: Options | None = None) -> Record:
    """What such a client makes of the corpus; it connects as it should."""
    subject = Subject(target="a decoder", mode="client", options=options or Options())
    record = Record(subject)
    for case in corpus().values():
        for cut, chunks in cuts(case.stream):
            if cut in CUTS:
                record.add("reading", _reading(case, cut, read(chunks)))
    for scenario in sound_scenarios():
        record.add("scenario", scenario)
    return record


def _reading(case: Case, cut: str, decoder: Decoder) -> Reading:
    return Reading(
        case=case.id,
        cut=cut,
        expected=case.expected,
        observed=tuple(decoder.events),
        retry=decoder.retry,
        tells_retry=True,
    )


def sound() -> Record:
    """A client without a defect."""
    return recorded(partial(decoded, Decoder))


def _with(
    requirement: str, defect: str, options: Options | None = None
) -> Callable[[type[Decoder]], type[Decoder]]:
    """Register the decoder as a mutant."""

    def register(decoder: type[Decoder]) -> type[Decoder]:
        mutant(requirement, defect)(partial(recorded, partial(decoded, decoder), options))
        return decoder

    return register


@_with("CON-01", "drops two byte order marks")
class _TwoMarks(Decoder):
    def text(self, stream: bytes) -> str:
        return super().text(stream).removeprefix(BOM)


@_with("CON-01", "stops at bytes that are no UTF-8")
class _Strict(Decoder):
    def text(self, stream: bytes) -> str:
        with suppress(UnicodeDecodeError):
            return stream.decode().removeprefix(BOM)
        return ""


@_with("CON-02", "ends lines where str.splitlines does")
class _Splitlines(Decoder):
    def lines(self, text: str) -> Sequence[str]:
        lines = text.splitlines()
        return [*lines, ""] if text.endswith(("\n", "\r")) else lines or [""]


@mutant("CON-03", "reads each piece by itself")
def _piece_by_piece() -> Record:
    return recorded(_in_pieces)


def _in_pieces(chunks: Chunks) -> Decoder:
    made = Decoder()
    for chunk in chunks:
        made.read(chunk)
    return made


@_with("CON-04", "strips white space from values")
class _Strip(Decoder):
    def value(self, value: str) -> str:
        return value.strip()


@_with("CON-05", "compares names without regard to case")
class _AnyCase(Decoder):
    def process(self, name: str, value: str) -> None:
        super().process(name.lower(), value)


@_with("CON-06", "drops all line ends at the end of the data")
class _Rstrip(Decoder):
    def joined(self, data: Sequence[str]) -> str:
        return super().joined(data).rstrip("\n")


@_with(
    "CON-07", "dispatches blocks without data, as a browser", Options(claims=frozenset({BROWSER}))
)
class _Always(Decoder):
    def has_event(self) -> bool:
        return True


@_with("CON-07", "keeps the type of a block without data")
class _TypeKept(Decoder):
    def forget(self) -> None:
        kept = "" if self._data else self._type
        super().forget()
        self._type = kept


@_with("CON-08", "dispatches no empty data")
class _Truthy(Decoder):
    def has_event(self) -> bool:
        return any(self._data) or len(self._data) > 1


@_with("CON-09", "keeps the type of the event before")
class _Sticky(Decoder):
    def forget(self) -> None:
        kept = self._type if self._data else ""
        super().forget()
        self._type = kept


@_with("CON-10", "forgets the ID after each event")
class _IdPerEvent(Decoder):
    def forget(self) -> None:
        super().forget()
        self._id = ""


@_with("CON-11", "takes for a time what int() takes for a number")
class _Int(Decoder):
    def set_retry(self, value: str) -> None:
        with suppress(ValueError):
            self.retry = int(value)


@_with("CON-12", "reads comments as fields")
class _NoComments(Decoder):
    def field(self, line: str) -> tuple[str, str]:
        return super().field(line[1:].removeprefix(" ") if line.startswith(":") else line)


@_with("CON-13", "dispatches what is unfinished at the end")
class _Flush(Decoder):
    def read(self, stream: bytes) -> None:
        super().read(stream)
        for line in self.lines(self.text(stream))[-1:]:
            if line:
                self.process(*self.field(line))
        self.dispatch()
