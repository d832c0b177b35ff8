"""The responses in which AG-UI tells a run."""

from collections.abc import Collection, Iterator, Sequence

from asgi_agent.dialects.ag_ui_run import AgUiRun
from asgi_agent.dialects.exchange import Frame, Place
from asgi_agent.events import AgentEvent, Approval, ClientTool, Entry, Question
from tests.dialects.speech import entries

PLACE = Place("thread", 1, "run")
QUESTIONS = (Question, Approval, ClientTool)


def new_run(*, is_1_0: bool = True) -> AgUiRun:
    return AgUiRun("theirs", "1.0" if is_1_0 else None)


def responses(
    said: Sequence[AgentEvent], cuts: Collection[int], *, is_1_0: bool
) -> Iterator[list[Frame]]:
    """All responses about a run that waits for the client after some of its events."""
    whole = entries(*said)
    ends = [
        seq for seq, event in enumerate(said, 1) if isinstance(event, QUESTIONS) and seq - 1 in cuts
    ]
    for begin, end in zip([0, *ends], [*ends, len(said)], strict=True):
        yield respond(whole[:begin], whole[begin:end], is_1_0=is_1_0)


def respond(before: Sequence[Entry], now: Sequence[Entry], *, is_1_0: bool) -> list[Frame]:
    """One of several responses about a run."""
    run = new_run(is_1_0=is_1_0)
    run.skip(before)
    frames = [*run.begin(PLACE), *run.encode(now)]
    if now[-1].is_terminal:
        return frames
    pause = run.pause()
    assert pause is not None
    return [*frames, *pause.frames]
