"""When a client comes, when it comes again, and when it does not: WHATWG HTML 9.2.2 to 9.2.4."""

from collections.abc import Iterable
from itertools import pairwise, zip_longest
from statistics import median
from typing import TypeAlias

from ..options import Options
from ..registry import check
from ..scenes import ENDLESS, FAILING, NAME, OTHER_STATUSES, PROMPT, REDIRECTS, TOLD
from ..transcript import Reading, Scenario, Visit
from ..verdict import Outcome, broken, holds, noted, unknown, unstable

Scenarios: TypeAlias = tuple[Scenario, ...]

STREAM = b"text/event-stream"
EARLY = 0.9  # of a time that was told: a clock is not blamed for the rest
LATE = 0.5  # seconds until an event must have been told of
ON_ITS_WAY = 0.4  # seconds in which a request that was made before may still come
REFUSED = (
    *(f"status-{status}" for status in OTHER_STATUSES),
    *("redirect-nowhere", "type-other", "type-missing"),
)
ACCEPTED = ("type-semicolon", "type-other-charset", "type-in-capitals")
BROKEN_OFF = ("ends-complete", "ends-closed", "ends-reset")


def _named(scenarios: Scenarios, names: Iterable[str], visits: int = 1) -> list[Scenario]:
    """The scenes of these names that came so far."""
    wanted = set(names)
    return [each for each in scenarios if each.name in wanted and len(each.visits) >= visits]


def _heard(scenario: Scenario) -> list[str]:
    """The data of the events."""
    return [str(each["data"]) for each in scenario.heard if "data" in each]


def _sent(visit: Visit, name: str) -> list[bytes]:
    """The values of this field of its request."""
    return [value for field, value in visit.request.fields if field.lower() == name.encode()]


def _gaps(visits: tuple[Visit, ...]) -> list[float]:
    """The seconds from each end to the next begin."""
    return [after.at - before.ended_at for before, after in pairwise(visits)]


def _seconds(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.2f} s" for value in values)


@check("CON-01", "scenario*")
def the_charset_is_not_looked_at(scenarios: Scenarios) -> Outcome:
    """The stream is UTF-8, whatever its Content-Type says."""
    for scenario in _named(scenarios, ["type-other-charset"]):
        for data in _heard(scenario):
            evidence = f"{scenario.name}: charset=windows-1252 and 'data: ok…' give {data!r}"
            return holds(evidence) if data == "ok…" else broken(evidence)
    return unknown("no event of a stream with another charset was heard")


@check("CON-11", "scenario*")
def the_reconnection_time_is_waited_for(scenarios: Scenarios) -> Outcome:
    """It never comes back before the time that the stream has told."""
    for scenario in _named(scenarios, ["reconnection-time"], visits=4):
        gaps = _gaps(scenario.visits[:4])
        evidence = f"{scenario.name}: after retry: {TOLD} it came back after {_seconds(gaps)}"
        early = [gap for gap in gaps if gap < TOLD / 1000 * EARLY]
        if not early:
            return holds(evidence)
        return broken(evidence) if len(early) == len(gaps) else unstable(evidence)
    return unknown("it has not come back so often that the times could be compared")


@check("CON-14", "scenario*")
def what_is_no_stream_ends_it(scenarios: Scenarios) -> Outcome:
    """No event of another response is dispatched, and no other is asked for."""
    seen = _named(scenarios, REFUSED, visits=2)
    for scenario in seen:
        if "unwanted" in _heard(scenario):
            return broken(f"{scenario.name}: an event of the second answer was dispatched")
        _, answered, *later = scenario.visits
        if later:
            after = later[0].at - answered.ended_at
            return broken(f"{scenario.name}: visit 3 came {after:.2f} s after that answer")
    for scenario in _named(scenarios, ACCEPTED):
        if not _heard(scenario):
            return broken(f"{scenario.name}: no event of a good stream was dispatched")
    if not seen:
        return unknown("it has not come back, so no second answer could be refused")
    return holds(f"no visit after {', '.join(each.name for each in seen)}")


@check("CON-15", "scenario*")
def no_content_ends_it(scenarios: Scenarios) -> Outcome:
    """After 204 it does not come back."""
    for scenario in _named(scenarios, ["no-content"], visits=2):
        _, answered, *later = scenario.visits
        if later:
            after = later[0].at - answered.ended_at
            return broken(f"{scenario.name}: visit 3 came {after:.2f} s after status 204")
        watched = scenario.ended_at - answered.ended_at
        return holds(f"{scenario.name}: no visit in {watched:.2f} s after status 204")
    return unknown("it has not come back, so there was no answer 204")


@check("CON-16", "scenario*")
def it_comes_back_with_nothing_left_over(scenarios: Scenarios) -> Outcome:
    """Whatever has ended the stream, it opens another, and nothing of the old one is in it."""
    seen = _named(scenarios, BROKEN_OFF)
    if not seen:
        return unknown("it has not come at all")
    for scenario in seen:
        first, *others = scenario.visits
        if not others:
            watched = scenario.ended_at - first.ended_at
            return broken(f"{scenario.name}: it has not come back in {watched:.2f} s")
        left_over = _left_over(scenario)
        if left_over:
            return broken(
                f"{scenario.name}: {left_over} of the new stream has something of the old"
            )
    return holds(f"it came back after {', '.join(each.name for each in seen)}")


def _left_over(scenario: Scenario) -> str:
    """The event of the second stream, if it is not as it was sent."""
    if any(data.startswith("half") and "second" not in data for data in _heard(scenario)):
        return ""  # it dispatches what is unfinished: that is CON-13, and changes the ID as well
    for place, heard in enumerate(scenario.heard):
        told = (heard.get("event"), heard.get("data"), heard.get("id"))
        if "second" in str(heard.get("data")) and told != ("message", "second", ""):
            return f"event {place}, {heard!r},"
    return ""


@check("CON-17", "scenario*")
def the_last_event_id_is_sent(scenarios: Scenarios) -> Outcome:
    """It is sent where there is one, and only there."""
    notes: list[str] = []
    for scenario in _named(scenarios, ["last-event-id"], visits=2):
        sent = [_sent(visit, "last-event-id") for visit in scenario.visits]
        told = f"{scenario.name}: the visits sent {sent}"
        if sent[0]:
            return broken(f"{told}: the first one has no ID to send")
        if sent[1] != [b"1-a"]:
            return broken(f"{told}: the second one should send 1-a")
        # By the letter, the buffer of the new stream is empty, and its events clear the ID.
        if len(sent) > 2 and sent[2] not in ([b"1-a"], []):
            return broken(f"{told}: the third one should send 1-a")
        if len(sent) > 2 and not sent[2]:
            notes.append(f"{told}: an ID of an earlier stream is not kept")
        if len(sent) > 3 and sent[3]:
            return broken(f"{told}: the fourth one has no ID to send, it was cleared")
        notes += _beyond_ascii(scenarios)
        return noted("; ".join(notes)) if notes else holds(told)
    return unknown("it has not come back, so no ID could be sent")


def _beyond_ascii(scenarios: Scenarios) -> list[str]:
    """How to send such an ID is disputed: whatwg/html#7363."""
    for scenario in _named(scenarios, ["last-event-id-beyond-ascii"]):
        _, *later = scenario.visits
        if not later:
            return [f"{scenario.name}: after id: {NAME} it has not come back"]
        sent = _sent(later[0], "last-event-id")
        if sent != [NAME.encode()]:
            return [f"{scenario.name}: after id: {NAME} it sent {sent}, which is not its UTF-8"]
    return []


@check("CON-18", "scenario*")
def a_network_error_is_not_the_end(scenarios: Scenarios) -> Outcome:
    """It comes back where a connection was reset before there was an answer."""
    for scenario in _named(scenarios, ["refused"], visits=2):
        _, reset, *later = scenario.visits
        if not later:
            watched = scenario.ended_at - reset.ended_at
            return broken(f"{scenario.name}: no visit in {watched:.2f} s after visit 2 was reset")
        after = later[0].at - reset.ended_at
        return holds(f"{scenario.name}: visit 3 came {after:.2f} s after visit 2 was reset")
    return unknown("it has not come back, so no second connection could be reset")


@check("CON-19", "scenario*")
def an_event_stream_is_asked_for(scenarios: Scenarios) -> Outcome:
    """It says that it wants one, and takes none from a cache."""
    for scenario in scenarios:
        accept = b", ".join(_sent(scenario.visits[0], "accept")) if scenario.visits else STREAM
        if STREAM not in accept.lower():
            evidence = f"{scenario.name}: visit 1 sent Accept: {accept.decode('latin-1')}"
            return noted(evidence) if b"*/*" in accept else broken(evidence)
    comes_back = _named(scenarios, BROKEN_OFF, visits=2)
    for scenario in _named(scenarios, ["cacheable"]):
        if len(scenario.visits) == 1 and comes_back:
            return broken(f"{scenario.name}: there was no second request for it, as elsewhere")
        return holds(f"{scenario.name}: text/event-stream is accepted, and nothing was cached")
    return unknown("it has not come at all")


@check("CON-20", "scenario*")
def events_are_told_at_once(scenarios: Scenarios, *, options: Options) -> Outcome:
    """An event is told of as soon as its blank line is there; by the median of three."""
    for scenario in _named(scenarios, ["prompt"]):
        sent = scenario.visits[0].sent
        if len(sent) <= PROMPT[-1]:
            return unknown(f"{scenario.name}: it left after {len(sent)} pieces of the stream")
        told = [float(str(each["at"])) for each in scenario.heard if "data" in each]
        times = zip_longest(PROMPT, told[: len(PROMPT)], fillvalue=scenario.ended_at)
        delays = [after - sent[int(place)] for place, after in times]
        evidence = f"{scenario.name}: the events were told of after {_seconds(delays)}"
        late = [delay for delay in delays if delay > LATE * options.time_scale]
        if median(delays) <= LATE * options.time_scale:
            return unstable(evidence) if late else holds(evidence)
        return broken(evidence) if len(late) == len(delays) else unstable(evidence)
    return unknown("it has not come at all")


@check("CON-21", "scenario*")
def a_line_without_end_is_left(scenarios: Scenarios) -> Outcome:
    """It leaves before it has taken all of it, or takes no more."""
    for scenario in _named(scenarios, ["endless-line"]):
        visit = scenario.visits[0]
        taken = (
            f"{scenario.name}: {len(visit.sent)} pieces of a line were sent, the end: {visit.end}"
        )
        return holds(taken) if len(visit.sent) <= ENDLESS // 2**20 else broken(taken)
    return unknown("it takes a while, and so it is only done where slow checks are wanted")


@check("CON-21", "endless")
def a_line_without_end_is_refused(reading: Reading) -> Outcome:
    """The program says that it gives up."""
    evidence = f"{reading.case}, read {reading.cut}: {reading.note or 'nothing was said of it'}"
    return holds(evidence) if reading.note else broken(evidence)


@check("CON-22", "scenario*")
def it_waits_longer_and_longer(scenarios: Scenarios) -> Outcome:
    """It does not hammer at a server that fails."""
    for scenario in _named(scenarios, ["backoff"], visits=4):
        gaps = _gaps(scenario.visits[1:])
        evidence = f"{scenario.name}: after failures it came back after {_seconds(gaps[:8])}"
        # Some HTTP clients make each attempt twice by themselves, so the longer gaps are looked at.
        if sorted(gaps)[len(gaps) * 3 // 4] < FAILING / 1000 / 2:
            return broken(f"{evidence}; {FAILING} ms were told")
        if max(gaps[-2:]) > 1.5 * gaps[0]:
            return holds(evidence)
        return noted(f"{evidence}: the times do not grow")
    return unknown("it has not come back so often that the times could be compared")


@check("CON-23", "scenario*")
def redirects_are_followed(scenarios: Scenarios) -> Outcome:
    """It goes where it is sent."""
    seen = _named(scenarios, [f"redirect-{status}" for status in REDIRECTS])
    for scenario in seen:
        _, *later = scenario.visits
        if not later:
            return broken(f"{scenario.name}: the Location was not asked for")
        target = later[0].request.target
        if not target.endswith("/elsewhere"):
            return broken(f"{scenario.name}: visit 2 was to {target}, not to the Location")
        if not _heard(scenario):
            return broken(f"{scenario.name}: no event of the stream at the Location was dispatched")
    if not seen:
        return unknown("it has not come at all")
    return holds(f"followed: {', '.join(each.name for each in seen)}")


@check("CON-24", "scenario*")
def closed_is_closed(scenarios: Scenarios) -> Outcome:
    """Once it is closed, nothing is told of, and nothing asked for."""
    seen = [each for each in scenarios if each.closed_at is not None and each.visits]
    for scenario in seen:
        closed_at = scenario.closed_at or 0.0
        sent = [at for visit in scenario.visits for at in visit.sent if at > closed_at]
        for place, heard in enumerate(scenario.heard):
            at = float(str(heard["at"]))
            if "data" in heard and sent and at > sent[0]:  # what was sent before may be on its way
                after = at - closed_at
                return broken(
                    f"{scenario.name}: event {place} was told {after:.2f} s after closing"
                )
        for place, visit in enumerate(scenario.visits):
            after = visit.at - closed_at
            if after > ON_ITS_WAY:
                return broken(
                    f"{scenario.name}: visit {place + 1} came {after:.2f} s after closing"
                )
    if not seen:
        return unknown("it could not be told to close")
    return holds(f"nothing came after closing: {', '.join(each.name for each in seen)}")
