"""What a resume of a dialect costs: `python -m tests.benchmarks.resume`.

The client of a response of 10,000 entries comes back for its last ten events. The response is told
again from its beginning, or from the state of an encoder that was kept after 9,990 entries.
"""

import pickle
import statistics
import time
from collections.abc import Callable

from asgi_agent.dialects.exchange import Place
from asgi_agent.dialects.openai_responses_stream import ResponseStream
from asgi_agent.events import AgentEvent, Complete, Text, Thinking, ToolExec, ToolResult
from tests.dialects.speech import entries

ENTRIES = 10_000
ROUNDS = 15
PLACE = Place("00000000-0000-4000-8000-000000000000", 1, "run")


def speech() -> list[AgentEvent]:
    """Twenty times: some reasoning, a tool, and an answer of 400 words."""
    once: list[AgentEvent] = [
        *[Thinking("hmm, so ")] * 98,
        ToolExec("1", "search", {"q": "x"}),
        ToolResult("1", "search", "found it"),
        *[Text("token ")] * 400,
    ]
    return [*(once * (ENTRIES // len(once)))[: ENTRIES - 1], Complete(None)]


def milliseconds(work: Callable[[], object]) -> float:
    """The median processor time."""
    times: list[float] = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times) * 1e3


def main() -> None:
    said = entries(*speech())

    def told(count: int, starting_after: int = -1) -> ResponseStream:
        encoder = ResponseStream(1, starting_after=starting_after)
        encoder.begin(PLACE)
        encoder.encode(said[:count])
        return encoder

    encoder = told(ENTRIES - 10)
    state = pickle.dumps(encoder)
    last = 10_271  # events: of the others there are ten
    figures = {
        "tell all of it": lambda: told(ENTRIES),
        "replay it, and tell the last ten": lambda: told(ENTRIES, last),
        "keep the state": lambda: pickle.dumps(encoder),
        "go on from the state": lambda: pickle.loads(state).encode(said[-10:]),
    }
    for name, work in figures.items():
        print(f"{name:<35} {milliseconds(work):8.2f} ms")
    print(f"{'the state':<35} {len(state):8} bytes")


if __name__ == "__main__":
    main()
