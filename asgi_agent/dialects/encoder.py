"""What the encoders of responses have in common: they tell the parts of a run."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..errors import BadRequest
from ..events import Entry
from .exchange import Frame, Pause, Place
from .parts import Part, Parts


class PartsEncoder(ABC):
    """An `Encoder` that tells the parts of a run. A dialect says how, part by part, in `tell`."""

    headers: Sequence[tuple[bytes, bytes]] = ()
    is_whole = False

    def __init__(self) -> None:
        self.parts = Parts()
        self._refused: list[str] = []  # the approvals that `tell` has met, and has no word for
        self._waiting: Collection[str] | None = None  # what has no answer; None: all

    def begin(self, place: Place) -> list[Frame]:
        """Nothing, unless the dialect has it otherwise."""
        return []

    def skip(self, entries: Sequence[Entry]) -> None:
        """Know what was told, without telling it."""
        for entry in entries:
            for part in self.parts.feed(entry):
                self.skipped(part)
        for part in self.parts.close():
            self.skipped(part)

    def waiting(self, ids: Collection[str]) -> None:
        """Know it, for a dialect that is read again: see `asks`."""
        self._waiting = ids

    def asks(self, id: str) -> bool:
        """Whether to ask this: who reads it again is not asked what has its answer."""
        return self._waiting is None or id in self._waiting

    def encode(self, entries: Sequence[Entry]) -> list[Frame]:
        """The frames of all parts."""
        return self.tell_all(part for entry in entries for part in self.parts.feed(entry))

    def tell_all(self, parts: Iterable[Part]) -> list[Frame]:
        """The frames of these parts, each of them told before the next is asked for."""
        return [frame for part in parts for frame in self.tell(part)]

    @abstractmethod
    def tell(self, part: Part) -> list[Frame]:
        """The frames of one part."""

    def skipped(self, part: Part) -> None:  # noqa: B027 - most have no use for it
        """An earlier response has told this part."""

    def whole(self) -> tuple[int, Any]:
        """Nothing, in a dialect that is always streamed."""
        return 204, None

    def refuse(self, error: BadRequest) -> Any:
        """Errors have nothing of what was asked, as a rule."""
        return None

    def refused(self) -> list[str]:
        """What `tell` has noted: nothing, in a dialect that has a word for approvals."""
        refused, self._refused = self._refused, []
        return refused

    def pause(self) -> Pause | None:
        """Go on: a dialect whose client acts in a request of its own ends the response."""
        return None
