"""What is measured: the workloads, who is compared in each, and the goals of the product."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from .interleave import Result, Sample, compare, interleave
from .servers import Servers
from .trials import (
    PERIOD,
    Size,
    fanned,
    heartbeats,
    idle_memory,
    paced,
    short,
    socket,
    streamed,
)

STREAMS = ("bare loop", "event stream", "product", "starlette", "sse-starlette")
SHORT = ("bare loop", "one send", "event stream", "product", "starlette", "sse-starlette")
SOCKETS = ("bare socket", "product", "starlette socket")
FANS = ("queues", "product", "starlette queues")


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload: `trial(servers, subject, size)` is one round of one subject."""

    name: str
    subjects: tuple[str, ...]
    trial: Callable[[Servers, str, Size], Sample]
    goals: dict[str, float] = field(default_factory=dict)  # by subject
    unit: str = "us/event"
    goal_is_ratio: bool = True
    is_fresh: bool = False  # each round starts a server of its own

    def measure(self, servers: Servers, size: Size) -> list[Result]:
        trials = {each: partial(self.trial, servers, each, size) for each in self.subjects}
        warm_up = size.warm_up and not self.is_fresh
        samples = interleave(trials, size.rounds, warm_up=warm_up)
        return compare(self.name, self.unit, samples, self.goals, goal_is_ratio=self.goal_is_ratio)


def _workloads() -> Iterator[Workload]:
    yield Workload(
        "W1 burst", STREAMS, partial(streamed, clients=1, count=50_000), {"product": 0.12}
    )
    yield Workload(
        "W1 yielding",
        STREAMS,
        partial(streamed, clients=1, count=20_000, every=1),
        {"product": 1.15},
    )
    yield Workload("W1 bursts of 8", STREAMS, partial(streamed, clients=1, count=40_000, every=8))
    yield Workload(
        "W2 burst", STREAMS, partial(streamed, clients=200, count=250), {"product": 0.25}
    )
    yield Workload(
        "W2 yielding",
        STREAMS,
        partial(streamed, clients=200, count=100, every=1),
        {"product": 1.20},
    )
    kept = {"event stream": 12.0, "product": 12.0}
    yield Workload(
        "W3 idle",
        STREAMS,
        partial(idle_memory, clients=1_000),
        kept,
        "kB/stream",
        goal_is_ratio=False,
        is_fresh=True,
    )
    beaten = {"event stream": 15.0, "product": 15.0}
    yield Workload(
        "W3 heartbeat",
        ("event stream", "product", "sse-starlette"),
        partial(heartbeats, clients=500, seconds=4),
        beaten,
        "us/heartbeat",
        goal_is_ratio=False,
        is_fresh=True,
    )
    for clients in (100, 500):
        yield Workload(
            f"W4 {clients} paced",
            STREAMS,
            partial(paced, clients=clients, count=100),
            {"product": 1.20},
        )
    for clients, goal in ((1, 0.60), (64, 0.45)):
        yield Workload(
            f"W5 short, {clients}",
            SHORT,
            partial(short, clients=clients, requests=2_000),
            {"product": goal},
            "us/request",
        )
    for pace, every in (("burst", 0), ("yielding", 1)):
        yield Workload(
            f"W6 WebSocket {pace}",
            SOCKETS,
            partial(socket, count=20_000, every=every),
            {"product": 1.10},
            "us/message",
        )
    for followers in (200, 1_000):
        yield Workload(
            f"W9 {followers} burst",
            FANS,
            partial(fanned, followers=followers, count=200),
            {"product": 0.15},
            "us/delivery",
        )
        yield Workload(
            f"W9 {followers} paced",
            FANS,
            partial(fanned, followers=followers, count=50, pause=PERIOD),
            {"product": 0.65},
            "us/delivery",
        )


WORKLOADS = tuple(_workloads())
