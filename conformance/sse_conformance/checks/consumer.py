"""Whether a client reads the streams of the corpus as WHATWG HTML 9.2.6 has it.

Each case of the corpus is about one requirement. Where others must hold besides, it accuses only
if the cases that are about those alone are read well: one defect is one finding. What the
specification leaves open is noted, and no finding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, TypeAlias

from ..corpus import Case, corpus
from ..options import Options
from ..registry import Check, check
from ..sse import lines_of
from ..transcript import Operation, Reading
from ..verdict import Outcome, broken, holds, noted, unknown

Readings: TypeAlias = tuple[Reading, ...]
# "excused" is another reading, but allowed; "more" has events for blocks without data.
How: TypeAlias = Literal["same", "excused", "more", "other"]
ABOUT_STREAMS = (
    *("CON-01", "CON-02", "CON-04", "CON-05", "CON-06", "CON-07"),
    *("CON-08", "CON-09", "CON-10", "CON-11", "CON-12", "CON-13"),
)
BROWSER = "browser"  # among the claims of a subject
SHOWN = 160  # characters of evidence


@dataclass(frozen=True, slots=True)
class Sight:
    """How one reading compares with what was expected."""

    case: Case
    reading: Reading
    how: How
    what: str  # where they differ

    @property
    def evidence(self) -> str:
        return f"{self.case.id} ({self.case.clause}), read {self.reading.cut}: {self.what}"

    @property
    def reproducer(self) -> str:
        return f"{_short(self.case.stream)}, cut {self.reading.cut}"


def _about(requirement: str) -> Check:
    def streams_are_read_well(readings: Readings, *, options: Options) -> Outcome:
        return _outcome(requirement, list(_sights(readings)), BROWSER in options.claims)

    return streams_are_read_well


for _requirement in ABOUT_STREAMS:
    check(_requirement, "reading*")(_about(_requirement))


def _sights(readings: Readings) -> Iterator[Sight]:
    """Those of the streams that were read whole, in the order of the corpus."""
    whole = {reading.case: reading for reading in readings if reading.cut == "whole"}
    for case in corpus().values():
        if reading := whole.get(case.id):
            yield _compared(case, reading)


def _outcome(requirement: str, sights: list[Sight], is_browser: bool) -> Outcome:
    failed = [sight for sight in sights if sight.how == "other"]
    mine = [sight for sight in sights if sight.case.requirement == requirement]
    found = [sight for sight in _accusing(failed) if sight in mine]
    if found:
        return _broken(found)
    more = [sight for sight in sights if sight.how == "more"] if requirement == "CON-07" else []
    if more and is_browser:
        return _broken(more)
    open_points = [*more, *(sight for sight in mine if sight.how == "excused")]
    if open_points:
        return noted("; ".join(sight.evidence for sight in open_points[:3]))
    good = [sight for sight in mine if sight not in failed]
    if not good:
        return unknown("no stream was read from which this could be seen")
    return holds(f"{_number(len(good), 'stream')} read as expected, {good[0].case.id} first")


def _accusing(failed: list[Sight]) -> list[Sight]:
    """Those that no other fault explains; what rests on the least is believed first."""
    at_fault: set[str] = set()
    accusing: list[Sight] = []
    for sight in sorted(failed, key=lambda each: len(each.case.also)):
        if at_fault.isdisjoint(sight.case.also):
            at_fault.add(sight.case.requirement)
            accusing.append(sight)
    return accusing


def _broken(sights: Sequence[Sight]) -> Outcome:
    first, *others = sights
    evidence = first.evidence
    if others:
        evidence += f" (and {', '.join(sight.case.id for sight in others)})"
    return broken(evidence, first.reproducer)


def _compared(case: Case, reading: Reading) -> Sight:
    if _are_same(reading.observed, case.expected):
        what = _other_retry(case, reading)
        ended = f"as expected, and then {reading.note!r}" if reading.note else ""
        how: How = "other" if what else "excused" if ended else "same"
        return Sight(case, reading, how, what or ended)
    what = _difference(reading.observed, case.expected)
    how, why = _weighed(case, reading)
    return Sight(case, reading, how, f"{what}; {why}" if why else what)


def _weighed(case: Case, reading: Reading) -> tuple[How, str]:
    """What another reading than the expected one is worth, and why."""
    if reading.note:
        return "other", repr(reading.note)
    if case.excused is not None and _are_same(reading.observed, case.excused):
        return "excused", case.excuse
    if _has_only_more(case, reading.observed):
        return "more", "a client that is no browser may tell of blocks without data"
    return "other", ""


def _are_same(observed: Sequence[Operation], expected: Sequence[Operation]) -> bool:
    pairs = zip_longest(observed, expected)
    return all(heard and told and _is_same(heard, told) for heard, told in pairs)


def _is_same(heard: Operation, told: Operation) -> bool:
    """Whether an event is what it should be, in all that the client tells of it."""
    return all(heard[name] == value for name, value in told.items() if name in heard)


def _other_retry(case: Case, reading: Reading) -> str:
    if case.requirement != "CON-11" or not reading.tells_retry or case.retry == "any":
        return ""
    if reading.retry == case.retry:
        return ""
    return f"the reconnection time is {reading.retry}, not {case.retry}"


def _difference(observed: Sequence[Operation], expected: Sequence[Operation]) -> str:
    """The first one; there is one."""
    pairs = enumerate(zip_longest(observed, expected))
    place, heard, told = next(
        (place, heard, told)
        for place, (heard, told) in pairs
        if heard is None or told is None or not _is_same(heard, told)
    )
    if heard is None:
        return f"event {place} is missing: {_short(told)}"
    if told is None:
        return f"event {place} is not in the stream: {_short(heard)}"
    return f"event {place} is {_short(heard)}, not {_short(told)}"


def _has_only_more(case: Case, observed: Sequence[Operation]) -> bool:
    """Whether all is there, with more events, without data, where blank lines end nothing.

    WHATWG HTML 9.2.6: "For other user agents, the appropriate steps to dispatch the event are
    implementation dependent", where "the data buffer is an empty string".
    """
    expected = iter(case.expected)
    heard = list(observed)
    has_data = False
    for line in lines_of(case.stream):
        if not line.is_blank:
            has_data = has_data or line.name == b"data"
            continue
        if has_data and not (heard and _is_same(heard.pop(0), next(expected))):
            return False
        if not has_data and heard and heard[0]["data"] == "":
            heard.pop(0)
        has_data = False
    return not heard


@check("CON-03", "reading*")
def cuts_make_no_difference(readings: Readings) -> Outcome:
    """What is read well as a whole is read so in all other cuts."""
    whole = {sight.case.id: sight for sight in _sights(readings)}
    sound = {id for id, sight in whole.items() if sight.how != "other" and not sight.reading.note}
    others = [each for each in readings if each.cut != "whole" and each.case in sound]
    found: list[Sight] = []
    for reading in others:
        sight = _compared(whole[reading.case].case, reading)
        if sight.how == "other":
            found.append(sight)
    if found:
        first = found[0]
        cases = list(dict.fromkeys(sight.case.id for sight in found))
        more = f" ({_number(len(found), 'cut')} of {', '.join(cases)})"
        return broken(first.evidence + more, first.reproducer)
    if not others:
        return unknown("no stream was read in more than one piece")
    return holds(
        f"{_number(len(others), 'cut')} of {_number(len(sound), 'stream')} make no difference"
    )


def _number(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
