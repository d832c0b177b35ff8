"""What the checks of timed and stateful scripts make of records, which are written by hand here."""

from dataclasses import replace

from sse_conformance.checks import flow, liveness, reconnection, transport
from sse_conformance.checks import robustness_emit as robustness
from sse_conformance.checks.samples import settled
from sse_conformance.options import Options
from sse_conformance.transcript import Emitted, Exchange, Observation, Operation
from tests.conformance.checks.exchanges import KIND, agrees, answered, emitted, silent, stream

OPTIONS = Options(heartbeat=10.0)
NOBODY = emitted(silent())


def observed(what: str, **facts: float) -> Observation:
    return Observation(what=what, facts=facts)


def events(*data: str, identifiers: str = "") -> bytes:
    fields = [f"id: {each}\n" for each in identifiers] or [""] * len(data)
    return "".join(
        f"{field}data: {text}\n\n" for field, text in zip(fields, data, strict=True)
    ).encode()


def test_samples_settle_it_together() -> None:
    assert settled([True, True, True], "x").found == "broken"
    assert settled([True, True, False], "x").found == "unstable"
    assert settled([True, False, False], "x").found == "holds"


def test_a_stream_that_breaks_at_what_cannot_be_emitted_is_one_finding_only() -> None:
    impossible = emitted(stream(end="closed"), {"data": "\ud800"})
    agrees(transport.emitted_streams_end_well((impossible,)), "unknown")


# ── liveness ────────────────────────────────────────────────────────────────────────────────

SLEEP: tuple[Operation, ...] = (
    {"data": "before", "id": "silent"},
    {"sleep": 22_000},
    {"data": "after"},
)
BEFORE, AFTER = b"id: silent\ndata: before\n\n", b"data: after\n\n"


def slept(*pieces: tuple[float, bytes], until: float = 22.1) -> tuple[Emitted]:
    exchange = stream((0.1, BEFORE), *pieces, (until, AFTER), ended_at=until)
    return (emitted(exchange, *SLEEP),)


def test_liv_01_a_heartbeat_that_is_late_is_another_question() -> None:
    check = liveness.has_heartbeats
    agrees(check(slept((10.1, b":\n"), (20.1, b":\n")), options=OPTIONS), "holds", "10.000 s")
    agrees(check(slept((22.0, b":\n")), options=OPTIONS), "holds", "[1]")
    agrees(check(slept((11.0, b"data: ping\n\n")), options=OPTIONS), "holds")
    agrees(check(slept(), options=OPTIONS), "broken", "22.000 s")
    agrees(check(slept((20.0, b":\n")), options=OPTIONS), "broken", "19.900 s")
    agrees(check((NOBODY,), options=OPTIONS), "unknown", "no answer")


def test_liv_02_the_head_does_not_wait() -> None:
    check = liveness.the_head_comes_before_an_event
    early, late = (emitted(answered(200, KIND, at=at), {"sleep": 2000}) for at in (0.1, 2.0))
    agrees(check((early, early, late), options=OPTIONS), "holds", "2.000 s")
    agrees(check((late, late, early), options=OPTIONS), "unstable")
    agrees(check((late, late, late), options=OPTIONS), "broken", "after 2.000 s, 2.000 s")
    agrees(check((NOBODY,), options=OPTIONS), "unknown")


def paced(*times: float, ended_at: float = 0.4) -> Emitted:
    exchange = stream(*((at, events("a")) for at in times), ended_at=ended_at)
    return emitted(exchange, *([{"data": "a"}, {"sleep": 100}] * len(times)))


def test_liv_03_events_that_were_apart_stay_apart() -> None:
    check = liveness.events_are_flushed
    apart, together = paced(0.0, 0.1, 0.2, 0.3), paced(0.4, 0.4, 0.4, 0.4)
    agrees(check((apart, apart, together), options=OPTIONS), "holds", "100 100 100; 100")
    agrees(check((together,) * 3, options=OPTIONS), "broken", "0 0 0")
    agrees(check((paced(0.0, 0.1),), options=OPTIONS), "unknown")
    hasty = paced(0.0, 0.0, 0.0, 0.0, ended_at=0.01)  # has made no pauses
    agrees(check((hasty,), options=OPTIONS), "unknown")


def test_liv_03_heaps_are_noted_where_nobody_knows_why() -> None:
    check = liveness.events_do_not_come_in_heaps
    agrees(check(stream((0.0, events(*"abcd")))), "noted", "4 of 4")
    agrees(check(stream(*((number / 10, events("a")) for number in range(4)))), "holds", "1 of 4")
    agrees(check(stream((0.0, events("a")))), "unknown", "1 events")
    agrees(check(answered(404)), "unknown", "404")


def test_liv_05_a_heartbeat_changes_nothing() -> None:
    check = liveness.heartbeats_change_nothing
    agrees(check(slept((9.0, b":\n"))), "holds")
    agrees(check(slept((9.0, b"data: ping\n\n"))), "broken", "'message' 'ping', at byte 25")
    agrees(check(slept((9.0, b"event: ping\ndata:\n\n"))), "noted", "'ping' ''")
    agrees(check(slept((9.0, b"id: 7\n\n"))), "broken", "['silent', '7']")
    agrees(check((NOBODY,)), "unknown")


def test_liv_05_data_may_be_written_as_json() -> None:
    body = b'id: silent\ndata: "before"\n\ndata: "after"\n\n'
    agrees(liveness.heartbeats_change_nothing((emitted(stream((0.1, body)), *SLEEP),)), "holds")


def test_liv_06_the_producer_may_be_busy() -> None:
    check = liveness.heartbeats_do_not_wait_for_the_producer
    agrees(check(slept((10.1, b":\n"), (20.1, b":\n")), options=OPTIONS), "holds")
    agrees(check(slept((22.0, b":\n")), options=OPTIONS), "broken", "22.0 s")
    agrees(check(slept((20.0, b":\n")), options=OPTIONS), "holds", "19.900 s")  # seldom, but then
    agrees(check(slept(until=1.0), options=OPTIONS), "unknown", "has not slept")


def test_liv_07_all_begin_at_once() -> None:
    check = liveness.many_streams_begin_at_once
    prompt = emitted(stream((0.1, events("a"))))
    never = emitted(stream(ended_at=9.0))
    agrees(check((prompt,) * 60, options=OPTIONS), "holds", "0.100 s")
    agrees(check((NOBODY,) * 60, options=OPTIONS), "unknown", "no answer")
    agrees(check((never, never, *(prompt,) * 18) * 3, options=OPTIONS), "broken", "9.000 s")


# ── flow ────────────────────────────────────────────────────────────────────────────────────


def flooded(*made: tuple[int, int], end: str = "complete") -> Emitted:
    """A flood of these numbers, made at these milliseconds."""
    body = events(*(f"{number} {at} x" for number, at in made))
    exchange = stream((0.1, body))
    return emitted(replace(exchange, end="closed") if end == "closed" else exchange)


def running(until: int, per_millisecond: int = 4) -> list[tuple[int, int]]:
    return [(number, number // per_millisecond) for number in range(until)]


def test_flo_01_a_pause_of_the_reader_is_one_of_the_producer() -> None:
    check = flow.production_stops_with_reading
    pausing = flooded(*[(number, 1 if number < 500 else 1450) for number in range(4000)])
    eager = flooded(*running(4000))
    agrees(check((pausing,), options=OPTIONS), "holds", "1.449 s")
    agrees(check((eager,) * 3, options=OPTIONS), "broken", "made 30.5 MiB meanwhile")
    agrees(check((eager, eager, pausing), options=OPTIONS), "unstable")


def test_flo_01_a_slow_producer_is_not_accused() -> None:
    slow = flooded(*((number, number * 20) for number in range(400)))
    agrees(flow.production_stops_with_reading((slow,), options=OPTIONS), "unknown", "too slow")
    nothing = flow.production_stops_with_reading((NOBODY,), options=OPTIONS)
    agrees(nothing, "unknown", "no flood")


def test_flo_02_nothing_is_lost() -> None:
    check = flow.nothing_is_lost_to_a_slow_reader
    agrees(check((flooded(*running(4000)),)), "holds", "4000 of 4000")
    agrees(check((flooded((0, 1), (2, 1)),)), "broken", "event 2 of the flood came after 0")
    agrees(check((flooded((1, 1)),)), "broken", "event 1 of the flood came after nothing")
    agrees(check((flooded(*running(9)),)), "broken", "as if that were all")
    agrees(check((flooded(*running(9), end="closed"),)), "holds", "closed")
    agrees(check((emitted(stream()), NOBODY)), "unknown")


def test_flo_03_neighbours_keep_their_pace() -> None:
    check = flow.neighbours_are_not_slowed
    steady, slowed = paced(0.1, 0.2, 0.3), paced(0.1, 1.5, 1.6, ended_at=1.7)
    agrees(check((steady,) * 3, (steady,) * 3, options=OPTIONS), "holds", "0.100 s")
    agrees(check((slowed,) * 3, (steady,) * 3, options=OPTIONS), "broken", "1.400 s")
    agrees(check((NOBODY,), (steady,), options=OPTIONS), "unknown")


def test_flo_04_nobody_is_held_for_ever() -> None:
    check = flow.nobody_is_waited_for_for_ever
    agrees(check(flooded(*running(9)), options=OPTIONS), "broken", "9 of 4000")
    agrees(check(flooded(*running(9), end="closed"), options=OPTIONS), "holds", "closed")
    agrees(check(NOBODY, options=OPTIONS), "unknown")


def test_flo_05_memory_has_a_bound() -> None:
    check = flow.memory_is_bounded
    agrees(check(observed("memory", before=1e6, during=3e6)), "holds", "+1.9 MiB")
    agrees(check(observed("memory", before=1e6, during=3e7)), "broken", "+27.7 MiB")


# ── reconnection ────────────────────────────────────────────────────────────────────────────


def test_rec_01_the_first_event_has_an_id_too() -> None:
    check = reconnection.events_have_ids
    agrees(check(emitted(stream((0.0, events("a", "b", identifiers="12"))))), "holds", "'1'")
    agrees(check(emitted(stream((0.0, events("a"))))), "broken", "event 0, at byte 0")
    agrees(check(NOBODY), "unknown")


def test_rec_01_not_every_stream_has_to_be_resumable() -> None:
    check = reconnection.a_stream_can_be_resumed
    agrees(check(stream((0.0, events("a", identifiers="1")))), "holds", "'1'")
    agrees(check(stream((0.0, events("a")))), "noted", "''")
    agrees(check(answered(404)), "unknown")


WHOLE = emitted(stream((0.0, events("a", "b", "c", identifiers="123"))))
FIRST = emitted(stream((0.0, events("a", identifiers="1")), end="left"))


def resumed(exchange: Exchange) -> str:
    outcome = reconnection.nothing_is_lost_or_repeated(WHOLE, (FIRST,), (emitted(exchange),))
    assert outcome.evidence
    return outcome.found


def test_rec_02_what_follows_is_all_and_once() -> None:
    assert resumed(stream((0.0, events("b", "c", identifiers="23")))) == "holds"
    assert resumed(stream((0.0, events("c", identifiers="3")))) == "broken"
    assert resumed(stream((0.0, events("a", "b", "c", identifiers="123")))) == "broken"
    assert resumed(stream((0.0, events("b", "c", identifiers="29")))) == "broken"
    assert resumed(answered(410)) == "broken"
    assert resumed(silent()) == "broken"


def test_rec_02_after_the_last_event_nothing_follows() -> None:
    check = reconnection.nothing_is_lost_or_repeated
    agrees(check(WHOLE, (WHOLE,), (emitted(answered(204)),)), "holds", "1 cuts of 3 events")


def test_rec_02_what_cannot_be_compared_is_not_judged() -> None:
    check = reconnection.nothing_is_lost_or_repeated
    other = emitted(stream((0.0, events("z", identifiers="1"))))
    agrees(check(WHOLE, (other,), (other,)), "unknown", "[1, 2, 3]")
    agrees(check(NOBODY, (FIRST,), (FIRST,)), "unknown")
    broken_off = emitted(replace(WHOLE.exchange, end="closed"))
    agrees(check(broken_off, (FIRST,), (FIRST,)), "unknown", "closed")


def test_rec_03_an_id_is_text() -> None:
    script: tuple[Operation, ...] = ({"data": "before", "id": "x" * 50}, {"data": "after"})
    check = reconnection.an_id_means_nothing
    agrees(check((emitted(stream((0.0, events("after"))), *script),)), "holds", "1 odd")
    agrees(check((emitted(stream((0.0, events('"after"'))), *script),)), "holds")
    agrees(check((emitted(answered(400), *script),)), "broken", "(50 characters): 400")
    both = stream((0.0, events("before", "after")))
    agrees(check((emitted(both, *script),)), "broken", "['before', 'after']")


def test_rec_05_a_gap_is_told() -> None:
    script: tuple[Operation, ...] = tuple({"data": str(number)} for number in range(1, 10))

    def outcome(exchange: Exchange) -> str:
        return reconnection.a_gap_is_told(emitted(exchange, *script)).found

    assert outcome(answered(410)) == "holds"
    assert outcome(stream((0.0, events("2", "3")))) == "holds"
    assert outcome(stream((0.0, events("1", "2")))) == "holds"
    assert outcome(stream((0.0, events("lost", "7")))) == "holds"
    assert outcome(stream((0.0, b": lost\n\n" + events("7")))) == "holds"
    assert outcome(stream((0.0, b":\n\n" + events("7")))) == "broken"
    assert outcome(stream()) == "unknown"


def test_rec_06_all_was_delivered() -> None:
    check = reconnection.a_finished_run_is_204
    agrees(check(emitted(answered(204))), "holds", "204")
    agrees(check(emitted(stream())), "broken", "0 events")
    agrees(check(emitted(answered(410))), "noted", "410")
    agrees(check(emitted(answered(302))), "unknown", "302")
    agrees(check(NOBODY), "unknown")


def test_rec_07_a_run_is_counted_once() -> None:
    check = reconnection.a_run_is_run_once
    agrees(check(observed("runs", before=1, between=2, after=2)), "holds", "1, then 2")
    agrees(check(observed("runs", before=1, between=2, after=3)), "broken", ": 3")
    agrees(check(observed("runs", before=1, between=1, after=1)), "unknown", "not counted")


def test_rec_09_too_much_to_do_is_an_error() -> None:
    check = reconnection.too_much_to_do_is_an_error
    agrees(check(emitted(answered(503, ("Retry-After", "5")))), "holds", "retry-after: 5")
    agrees(check(emitted(stream())), "broken", "comes back at once")
    agrees(check(NOBODY), "unknown")


def test_rec_09_streams_are_not_empty_again_and_again() -> None:
    check = reconnection.streams_are_not_empty
    empty, full = stream(), stream((0.0, events("a")))
    agrees(check(empty, (empty, empty)), "broken", "3 of 3")
    agrees(check(empty, (empty, full)), "holds", "2 of 3")
    agrees(check(empty, (empty,)), "holds", "2 of 2")
    agrees(check(answered(404), (answered(404),)), "unknown", "404")


def test_rec_10_a_stranger_gets_nothing() -> None:
    check = reconnection.a_run_belongs_to_its_caller
    agrees(check(emitted(answered(403))), "holds", "403")
    agrees(check(emitted(stream((0.0, events("secret 2"))))), "broken", "at byte 0")


def test_rec_11_each_reader_gets_all_or_is_refused() -> None:
    script: tuple[Operation, ...] = (
        {"data": "a", "id": "1"},
        {"sleep": 1},
        {"data": "b", "id": "2"},
    )
    all_of_it, half, refused = (
        emitted(each, *script)
        for each in (
            stream((0.0, events("a", "b", identifiers="12"))),
            stream((0.0, events("a", identifiers="1"))),
            answered(409),
        )
    )
    check = reconnection.each_reader_gets_all
    agrees(check((all_of_it, all_of_it)), "holds", "[1, 2]")
    agrees(check((all_of_it, refused)), "holds", "409")
    agrees(check((all_of_it, half)), "broken", "[1]")
    agrees(check((refused, refused)), "unknown")


# ── robustness ──────────────────────────────────────────────────────────────────────────────


def test_rob_08_a_client_that_has_left_is_noticed() -> None:
    def outcome(*left: tuple[float, float, float]) -> str:
        seen = [observed("idle", before=a, during=b, after=c, seconds=0.1) for a, b, c in left]
        return robustness.a_client_that_leaves_is_noticed(tuple(seen)).found

    assert outcome((0, 1, 0), (3, 4, 2)) == "holds"
    assert outcome((0, 1, 0), (0, 1, 1)) == "broken"
    assert outcome((-1, -1, -1)) == "unknown"
    assert outcome((0, 0, 0)) == "unknown"


def test_rob_10_nonsense_is_refused_in_time() -> None:
    check = robustness.nonsense_is_refused
    agrees(check((answered(400), answered(413), silent("reset"))), "holds", "3 requests")
    agrees(check((answered(400), answered(500))), "broken", "500")
    agrees(check((answered(200),)), "broken", "200")
    agrees(check((silent("timeout"),)), "broken", "no answer")
    agrees(check((silent("failed"),)), "unknown", "no answer")


CHUNKED = ("Transfer-Encoding", "chunked")
RAISE: tuple[Operation, ...] = ({"data": "before"}, {"raise": True})


def test_rob_11_a_failure_does_not_look_like_an_end() -> None:
    check = robustness.a_failure_is_no_end
    clean = stream((0.0, events("before")))
    told = stream((0.0, events("before") + b"event: failed\ndata: {}\n\n"))
    cut = replace(answered(200, KIND, CHUNKED, end="closed"), body=clean.body)
    endless = replace(clean, end="closed")  # its end is that of the connection
    agrees(check((emitted(told, *RAISE),)), "holds", "'failed'")
    agrees(check((emitted(cut, *RAISE),)), "holds", "closed")
    agrees(check((emitted(clean, *RAISE),)), "broken", "complete, and no word")
    agrees(check((emitted(endless, *RAISE),)), "broken", "closed, and no word")
    agrees(check((emitted(answered(500), *RAISE),)), "unknown", "500")


def test_rob_12_a_failure_tells_no_secrets() -> None:
    check = robustness.a_failure_tells_no_secrets
    for secret in (
        "Traceback (most recent call last):",
        '  File "/srv/app.py", line 3',
        "    at run (file:///srv/app/index.mjs:61:32)",
        "at com.example.Main.run(Main.java:7)",
        "goroutine 1 [running]:",
        "cannot open /home/somebody/app/settings.py",
        r"C:\Users\me\app.js",
    ):
        body = stream((0.0, events(secret)))
        agrees(check((emitted(body, *RAISE),)), "broken", "in what the client gets")
    for harmless in ("The stream failed.", "at noon (12:30:15)", "/api/items.json", "see page 3:4"):
        agrees(check((emitted(stream((0.0, events(harmless))), *RAISE),)), "holds")


def test_rob_16_a_shutdown_is_clean() -> None:
    check = robustness.a_server_ends_its_streams
    clean = emitted(stream((0.0, events("a"))))
    agrees(check((clean, clean)), "holds", "complete after 1.0 s")
    agrees(check((emitted(stream()),)), "holds")
    agrees(
        check((clean, emitted(stream((0.0, events("a")), end="timeout")))), "broken", "still open"
    )
    half = emitted(stream((0.0, b"data: a\n\ndata: b"), end="closed"))
    agrees(check((half,)), "broken", "the block at byte 9")
    agrees(check((NOBODY,)), "unknown")
