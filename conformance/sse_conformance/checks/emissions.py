"""Checks of what producers emit: each judges one emission, and is asked about all of them.

So the same function tells a generator whether to look for a smaller script, and a report, or a
replayed record, how the requirement stands.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar

from ..emission import Emission
from ..registry import check
from ..reproducer import reproducer
from ..script import capabilities_of, text_of
from ..transcript import Emitted, Exchange
from ..verdict import Outcome, broken, holds, unknown, unstable

Judge: TypeAlias = Callable[[Emission], Outcome]
J = TypeVar("J", bound=Judge)

PER_EMISSION: dict[str, Judge] = {}
NOT_ASKED = unknown("no script has put this to the test")
SHOWN = 400  # characters of a script, in evidence


def per_emission(requirement: str) -> Callable[[J], J]:
    """Register a judge of single emissions as the check over all that were recorded.

    A judge says `NOT_ASKED` where the script does not put its requirement, or not it alone, to
    the test.
    """

    def register(judge: J) -> J:
        PER_EMISSION[requirement] = judge

        def over_all(capabilities: Exchange, emitted: tuple[Emitted, ...]) -> Outcome:
            return outcome_of(requirement, judge, emissions(capabilities, emitted))

        check(requirement, "capabilities", "emitted*")(over_all)
        return judge

    return register


def emissions(capabilities: Exchange, emitted: Iterable[Emitted]) -> list[Emission]:
    """What was recorded, as judges see it."""
    about = capabilities_of(capabilities)
    is_json = about is not None and about.data == "json"
    return [Emission(each, is_json) for each in emitted]


def outcome_of(requirement: str, judge: Judge, judged: Iterable[Emission]) -> Outcome:
    """What a judge's opinions of all these amount to, told of the smallest script."""
    opinions = [
        (text_of(emission.script), emission, outcome)
        for emission in judged
        if (outcome := judge(emission)) is not NOT_ASKED
    ]
    opinions.sort(key=lambda opinion: len(opinion[0]))
    for text, emission, outcome in opinions:
        if outcome.found == "broken":
            samples = [other for same, _, other in opinions if same == text]
            wrong = sum(other.found == "broken" for other in samples)
            evidence = f"{outcome.evidence}; for {shown(text)}"
            if wrong < len(samples):
                return unstable(f"{wrong} of {len(samples)} times: {evidence}")
            return broken(evidence, reproducer(requirement, text, emission.exchange.request))
    return _calm_outcome([(text, outcome) for text, _, outcome in opinions])


def _calm_outcome(opinions: Sequence[tuple[str, Outcome]]) -> Outcome:
    """The same where nothing is broken: what is noted, or how often it holds, or why not."""
    for _, outcome in opinions:
        if outcome.found == "noted":
            return outcome
    sound = {text: outcome for text, outcome in opinions if outcome.found == "holds"}
    if sound:
        text, outcome = next(iter(sound.items()))
        return holds(f"{len(sound)} scripts, as {shown(text)}: {outcome.evidence}")
    return opinions[0][1] if opinions else NOT_ASKED


def shown(text: str) -> str:
    """The beginning of a script's JSON."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"
