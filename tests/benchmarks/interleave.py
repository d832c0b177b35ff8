"""A B A B: every round asks all subjects, so that the machine's moods hit all alike."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Sample: TypeAlias = dict[str, float]  # the cost of one event first, then what else was seen
Trial: TypeAlias = Callable[[], Sample]


@dataclass(frozen=True, slots=True)
class Result:
    """What one subject took in all rounds, and how that compares with the first subject."""

    workload: str
    subject: str
    unit: str
    samples: tuple[Sample, ...]
    ratios: tuple[float, ...]  # round by round
    goal: float | None
    goal_is_ratio: bool

    @property
    def costs(self) -> list[float]:
        return [next(iter(sample.values())) for sample in self.samples]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def measured(self) -> float:
        """What the goal is about."""
        return self.ratio if self.goal_is_ratio else statistics.median(self.costs)

    @property
    def is_met(self) -> bool:
        return self.goal is None or self.measured <= self.goal

    @property
    def others(self) -> Sample:
        """The medians of what was seen besides the cost."""
        names = list(self.samples[0])[1:]
        return {name: statistics.median(each[name] for each in self.samples) for name in names}


def interleave(
    trials: Mapping[str, Trial], rounds: int, *, warm_up: bool = True
) -> dict[str, list[Sample]]:
    """The samples of each trial, in rounds; one that warms up does not count."""
    samples: dict[str, list[Sample]] = {name: [] for name in trials}
    if warm_up:
        for trial in trials.values():
            trial()
    for number in range(rounds):
        names = list(trials) if number % 2 == 0 else list(trials)[::-1]
        for name in names:
            samples[name].append(trials[name]())
    return samples


def compare(
    workload: str,
    unit: str,
    samples: Mapping[str, list[Sample]],
    goals: Mapping[str, float],
    *,
    goal_is_ratio: bool = True,
) -> list[Result]:
    """The results, each compared with the first subject of the same round."""
    costs = {name: [next(iter(each.values())) for each in all_] for name, all_ in samples.items()}
    base = next(iter(costs.values()))
    return [
        Result(
            *(workload, subject, unit, tuple(samples[subject])),
            ratios=tuple(
                cost / divisor for cost, divisor in zip(costs[subject], base, strict=True)
            ),
            goal=goals.get(subject),
            goal_is_ratio=goal_is_ratio,
        )
        for subject in samples
    ]
