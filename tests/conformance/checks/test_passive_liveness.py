"""What is found in when a stream speaks."""

from dataclasses import replace
from time import process_time

from sse_conformance.checks import liveness
from sse_conformance.checks import passive_liveness as checks
from sse_conformance.options import Options
from sse_conformance.transcript import Exchange
from tests.conformance.checks.exchanges import KIND, agrees, answered, silent, stream

EVENT = b"data: a\n\n"
OPTIONS = Options(heartbeat=10.0)


def watched(*times: float, until: float) -> Exchange:
    return stream(*((at, EVENT) for at in times), end="left", ended_at=until)


def test_liv_01_a_stream_is_not_silent_for_long() -> None:
    check = checks.is_never_silent_for_long
    alive, dead = watched(1.0, 10.9, 11.5, until=12.0), watched(0.5, until=12.0)
    agrees(check(alive, (alive,), options=OPTIONS), "holds", "9.9 s, 9.9 s")
    agrees(check(dead, (dead, silent()), options=OPTIONS), "broken", "11.5 s, 11.5 s")
    agrees(check(alive, (dead,), options=OPTIONS), "unstable", "9.9 s, 11.5 s")
    agrees(check(silent(), (), options=OPTIONS), "unknown", "no answer")


def test_liv_01_a_silence_before_the_first_event_counts() -> None:
    late = watched(11.5, 11.9, until=12.0)
    agrees(checks.is_never_silent_for_long(late, (), options=OPTIONS), "broken", "11.5 s")


def test_liv_01_a_short_look_says_nothing() -> None:
    short = watched(0.5, until=11.0)
    agrees(checks.is_never_silent_for_long(short, (), options=OPTIONS), "unknown", "11.0 s only")


def test_liv_01_in_virtual_time_only_a_heartbeat_is_taken_for_an_answer() -> None:
    check, check_real = checks.is_never_silent_for_long, checks.nor_where_time_is_real
    dead = watched(0.5, until=12.0)
    virtual = replace(dead, clock="virtual")
    alive = replace(watched(1.0, 10.9, 11.5, until=12.0), clock="virtual")
    agrees(check(virtual, (virtual,), options=OPTIONS), "unknown", "in virtual time")
    agrees(check(alive, (alive,), options=OPTIONS), "holds")
    agrees(check_real((dead, dead), options=OPTIONS), "broken", "in 12.0 s: 11.5 s, 11.5 s; 10 s")
    agrees(check_real((silent(),), options=OPTIONS), "unknown")


def headed(at: float) -> Exchange:
    return answered(200, KIND, at=at)


def test_liv_02_the_head_comes_at_once() -> None:
    check = checks.the_head_comes_at_once
    soon, late = headed(0.2), headed(1.5)
    agrees(check(soon, (soon,), options=Options()), "holds", "0.200 s, 0.200 s")
    agrees(check(late, (late, silent()), options=Options()), "broken", "1.500 s, 1.500 s")
    agrees(check(late, (soon, soon), options=Options()), "holds")
    agrees(check(soon, (late, late), options=Options()), "unstable")
    agrees(check(late, (), options=Options(time_scale=2.0)), "holds")
    agrees(check(answered(404), (), options=Options()), "unknown", "404")


def flushed(*delays: float, until: float = 9.0) -> Exchange:
    pieces: list[tuple[float, bytes]] = []
    for index, delay in enumerate(delays):
        pieces += [(index, b"data: a\n"), (index + delay, b"\n")]
    return stream(*pieces, end="left", ended_at=until)


def test_liv_04_a_block_is_flushed_whole() -> None:
    check = checks.a_block_is_flushed_whole
    whole, torn = flushed(0.0, 0.01, 0.0, 0.3, 0.0), flushed(0.3, 0.2, 0.25, 0.01)
    agrees(check(whole, (), options=Options()), "holds", "median of 5")
    agrees(check(torn, (), options=Options()), "broken", "0.300 s after block 0")
    agrees(check(flushed(0.3, 0.3, 0.0, 0.0), (), options=Options()), "unstable")
    agrees(check(torn, (), options=Options(time_scale=4.0)), "holds")
    agrees(check(flushed(0.3, 0.3), (silent(),), options=Options()), "unknown", "2 blocks in 1")


def test_liv_04_a_block_that_never_ends_is_one_too_late() -> None:
    check = checks.a_block_is_flushed_whole
    unended = stream((1.0, b"data: a"), end="left", ended_at=2.0)
    agrees(check(unended, (unended, unended), options=Options()), "broken", "1.000 s")
    broken_off = replace(unended, end="closed")
    agrees(check(broken_off, (broken_off,) * 2, options=Options()), "unknown", "0 blocks")


def test_liv_04_comments_wait_for_nobody() -> None:
    beats = stream((1.0, b":\n"), (2.0, b"\n"), (3.0, b":\n"), (4.0, b"\n"), (5.0, b":\n"))
    agrees(checks.a_block_is_flushed_whole(beats, (), options=Options()), "unknown")


def test_liv_08_padding_is_seen() -> None:
    padding = b":" + b" " * 2047 + b"\n\n"
    agrees(checks.has_no_padding(stream((0.1, padding))), "broken", "2048 bytes")
    agrees(checks.has_no_padding(stream((0.1, EVENT + padding))), "holds", "0 bytes")
    agrees(checks.has_no_padding(stream()), "unknown", "0 bytes of body")
    agrees(checks.has_no_padding(silent()), "unknown")


def test_as_many_pieces_as_events_are_no_work_for_minutes() -> None:
    busy = watched(*(number / 1000 for number in range(60_000)), until=60.0)
    began = process_time()
    agrees(liveness.events_do_not_come_in_heaps(busy), "holds", "1 of 60000 events")
    agrees(checks.a_block_is_flushed_whole(busy, (), options=OPTIONS), "holds", "of 60000")
    assert process_time() - began < 15
