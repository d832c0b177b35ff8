"""What the reader looks at besides reading: that all has come, and when."""

import re
import statistics
import time

STAMP = re.compile(rb'"content": "(\d{10,})"')


class Received:
    """How many events have come: what is left out costs nothing either."""

    def __init__(self, mark: bytes = b'"content": "') -> None:
        self._mark = mark
        self._events = 0

    def __call__(self, data: memoryview) -> None:
        self._events += bytes(data).count(self._mark)

    def check(self, events: int) -> None:
        """Raise unless there were so many, but for those that the ends of reads cut in two."""
        if self._events < 0.98 * events:
            raise RuntimeError(f"{self._events} of {events} events have come")


class Latencies(Received):
    """How long ago the tokens were made that say so."""

    def __init__(self) -> None:
        super().__init__()
        self._nanoseconds: list[int] = []

    def __call__(self, data: memoryview) -> None:
        now = time.monotonic_ns()
        super().__call__(data)
        self._nanoseconds += [now - int(made) for made in STAMP.findall(data)]

    def percentile(self, number: int) -> float:
        """In microseconds."""
        return statistics.quantiles(self._nanoseconds, n=100)[number - 1] / 1000
