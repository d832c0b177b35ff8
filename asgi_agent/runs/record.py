"""What a run has said, read back from its log: to go on with it, or to know how it has ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import Missing
from ..events import (
    AgentEvent,
    Approval,
    ClientTool,
    Complete,
    Error,
    Question,
    Terminal,
    Text,
    entry,
)
from ..logs import EventLog

OUTPUT_BYTES = 1 << 20  # of the answer; a longer one is not said again as a whole
PAGE_ENTRIES = 1024

RUN_LOST = Error("The run was lost with the server that executed it.", "run_lost")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run has ended, and what it has said until then."""

    outcome: Terminal
    output: str = ""
    is_whole: bool = True

    @property
    def answer(self) -> str:
        """The whole answer, as far as it is kept."""
        match self.outcome:
            case Complete(data=str(data)) if not self.output:
                return data  # an agent may say its answer only as a whole
            case _:
                return self.output


@dataclass(frozen=True, slots=True)
class Record:
    """What the log has of a run."""

    said: tuple[AgentEvent, ...]
    last: int  # the number of the newest entry
    size: int  # bytes
    is_whole: bool  # nothing is kept no longer
    end: str | None

    @property
    def ending(self) -> Ending | None:
        """How it has ended; None if it has not."""
        if self.end is None:
            return None
        outcome = self.said[-1] if self.said else RUN_LOST
        output, is_whole = output_of(self.said)
        return Ending(
            outcome if isinstance(outcome, Terminal) else RUN_LOST,
            output.decode("utf-8", "ignore"),
            is_whole and self.is_whole,
        )


async def read_record(eventlog: EventLog, run_id: str) -> Record:
    """All that is kept of the run. Raises `Missing`."""
    said: list[AgentEvent] = []
    after = size = 0
    first: int | None = None
    while True:
        page = await eventlog.read(run_id, after, PAGE_ENTRIES)
        first = page.start if first is None else first
        said += (entry(0, kept).event for kept in page.entries)
        size += sum(map(len, page.entries))
        after = page.through
        if not page.entries or after >= page.last:
            return Record(tuple(said), page.last, size, first == 1, page.end)


async def read_ending(eventlog: EventLog, run_id: str) -> Ending | None:
    """How the run has ended; None if it goes on. One that is kept no longer is lost."""
    try:
        return (await read_record(eventlog, run_id)).ending
    except Missing:
        return Ending(RUN_LOST)


def output_of(said: Iterable[AgentEvent]) -> tuple[bytearray, bool]:
    """The text that was said, in UTF-8, as far as it is kept, and whether that is all of it."""
    output = bytearray()
    for event in said:
        if isinstance(event, Text) and not add_output(output, event.content):
            return output, False
    return output, True


def add_output(output: bytearray, content: str) -> bool:
    """Add to the output; False if it is not all that was said any more."""
    output += content.encode()
    if len(output) <= OUTPUT_BYTES:
        return True
    del output[OUTPUT_BYTES:]
    return False


def count(said: Sequence[AgentEvent], question_id: str) -> int:
    """How often this was asked."""
    asked = (event for event in said if isinstance(event, Question | Approval | ClientTool))
    return sum(event.id == question_id for event in asked)
