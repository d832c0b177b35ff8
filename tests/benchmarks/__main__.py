"""The benchmarks: `python -m tests.benchmarks [--quick] [--only W1] [--json]`.

Every figure is the processor time of the server process per event, and its ratio to that of a
bare ASGI loop which sends one constant chunk per event, asked in turns in the same run. The ratios
can be compared between machines and days; the times cannot.
"""

import argparse
import json
import signal
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial

from .inside import encoders, null_host
from .interleave import Result
from .servers import Servers, as_client
from .trials import Size
from .workloads import WORKLOADS

FULL = Size(rounds=7)
QUICK = Size(rounds=1, share=0.01, warm_up=False)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    size = QUICK if options.quick else FULL
    if options.rounds:
        size = replace(size, rounds=options.rounds)
    if not options.json:
        print(f"{'workload':<20} {'subject':<17} {'median (range)':<34} {'ratio':>6}  goal")
    for measure in _chosen(options.only):
        for result in measure(size):
            print(json.dumps(_as_json(result)) if options.json else _row(result), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--only", default="", metavar="W1", help="what the names begin with")
    parser.add_argument("--rounds", type=int, help="how often each subject is asked")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


Measure = Callable[[Size], list[Result]]


def _chosen(only: str) -> Iterator[Measure]:
    inside = {"W7 encode": encoders, "null host": null_host}
    for name, measure in inside.items():
        if name.startswith(only):
            yield measure
    with Servers() as servers, as_client():
        for workload in WORKLOADS:
            if workload.name.startswith(only):
                yield partial(workload.measure, servers)


def _row(result: Result) -> str:
    costs = result.costs
    cost = f"{statistics.median(costs):8.2f} ({min(costs):.2f}-{max(costs):.2f}) {result.unit}"
    goal = "" if result.goal is None else f"<= {result.goal:g}{'' if result.is_met else '  MISSED'}"
    others = "  ".join(f"{name} {value:.3g}" for name, value in result.others.items())
    name, subject = result.workload, result.subject
    return f"{name:<20} {subject:<17} {cost:<34} {result.ratio:6.3f}  {goal:<16} {others}".rstrip()


def _as_json(result: Result) -> dict[str, object]:
    return {**asdict(result), "ratio": result.ratio, "measured": result.measured}


def _end(*_: object) -> None:
    raise SystemExit(143)  # through every `with`: the servers end too


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    main()
