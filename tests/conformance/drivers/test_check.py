"""The passive driver, against sound servers and against such as would keep it for ever."""

import socket
import threading
import time

import pytest

from sse_conformance.drivers.check import WATCHED, _Visit, check, quiet
from sse_conformance.judge import judge
from sse_conformance.mutants.golden import Golden
from sse_conformance.mutants.robustness import FewAtOnce
from sse_conformance.options import Options
from sse_conformance.transcript import Exchange, Record
from sse_conformance.verdict import Verdict
from sse_conformance.wire.http1 import PIECE
from tests.conformance.wire.servers import (
    CHUNKED,
    CLOSED,
    HEAD,
    Handle,
    request,
    reset,
    saying,
    serving,
    wait,
    waiting,
)

HASTY = Options(fast=True, time_scale=0.2)  # watches for 0.6 s, and takes 1 s
PATIENT = Options(fast=True, time_scale=0.5)  # for what has to be answered in time
FINDINGS = {Verdict.ERROR, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.HOST, Verdict.INFO}


def findings(record: Record) -> dict[str, str]:
    return {
        result.requirement.id: result.evidence
        for result in judge(record)
        if result.verdict in FINDINGS
    }


def only(record: Record, name: str) -> Exchange:
    (item,) = record.all(name)
    assert isinstance(item, Exchange)
    return item


def checked(handle: Handle, options: Options = HASTY) -> tuple[Record, float]:
    with serving(handle) as url:
        began = time.perf_counter()
        record = check(url, options)
        return record, time.perf_counter() - began


@pytest.mark.parametrize("events", [3, None], ids=["finite", "endless"])
def test_a_sound_server_gives_no_finding(events: int | None) -> None:
    options = Options(heartbeat=1.0, origin="https://a.example")
    with Golden(events=events, interval=0.1, heartbeat=0.3).served() as url:
        record = check(f"{url}/stream", options)
    assert findings(record) == {}
    assert only(record, "reconnect").head is not None
    passed = [each.requirement.id for each in judge(record) if each.verdict == Verdict.PASS]
    assert len(passed) >= 30


def test_all_that_the_checks_may_want_is_recorded() -> None:
    told: list[str] = []
    with Golden(events=3, interval=0.02).served() as url:
        record = check(f"{url}/stream", Options(load=True), told.append)
    names = [entry.name for entry in record]
    assert names.count("get") == 1
    assert names.count("get_again") == 2
    assert names.count("kept_alive") == 2
    assert names.count("crowd") == 100
    assert {"head", "options", "put", "reconnect", "after_crowd", "hostile_id"} <= set(names)
    assert only(record, "reconnect").head is not None
    assert any(" exchanges; " in line and line.endswith(" s at most are left") for line in told)
    assert "99 streams are open" in told


def test_it_looks_for_as_long_as_a_heartbeat_may_take() -> None:
    with Golden(interval=0.1).served() as url:
        get = only(check(f"{url}/stream", Options(heartbeat=0.5)), "get")
    assert get.end == "left"
    assert 0.6 <= get.ended_at < 2


def test_what_is_no_url_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="URL"):
        check("stream")


def test_nobody_there_is_told_by_the_only_exchange() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    record = check(f"http://127.0.0.1:{port}/")
    assert [entry.name for entry in record] == ["get"]
    assert only(record, "get").end == "failed"


def reset_when_asked(connection: socket.socket) -> None:
    request(connection)
    reset(connection)


@pytest.mark.parametrize(
    ("handle", "end"),
    [(wait, "timeout"), (reset_when_asked, "reset"), (saying(b"SSH-2.0\r\n\r\n"), "failed")],
)
def test_a_server_that_never_answers_is_left(handle: Handle, end: str) -> None:
    record, seconds = checked(handle)
    assert [entry.name for entry in record] == ["get"]
    assert only(record, "get").end == end
    assert seconds < 2


def endless(connection: socket.socket) -> None:
    saying(CLOSED)(connection)
    while True:
        connection.sendall(b"data: " + b"x" * 65536 + b"\n\n")


def hurried(connection: socket.socket) -> None:
    saying(CLOSED)(connection)
    while True:
        connection.sendall(b"data: x\n\n")


def slow_head(connection: socket.socket) -> None:
    request(connection)
    while True:
        connection.sendall(b"H")
        time.sleep(0.02)


def streams_to_all(connection: socket.socket) -> None:
    saying(CHUNKED)(connection)
    while True:
        connection.sendall(b"9\r\ndata: a\n\n\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize("handle", [endless, slow_head, streams_to_all])
def test_what_would_go_on_for_ever_ends_in_time(handle: Handle) -> None:
    record, seconds = checked(handle)
    assert len(record.all("get")) == 1
    assert seconds < 4


def test_the_smallest_events_are_judged_in_time_too() -> None:
    record, _ = checked(hurried)
    began = time.process_time()  # what others do meanwhile takes none of it
    assert [each for each in judge(record) if each.verdict == Verdict.ERROR] == []
    assert len(only(record, "get").content) < WATCHED + PIECE
    assert time.process_time() - began < 20


def test_a_server_for_one_at_a_time_is_not_blamed_for_the_others() -> None:
    busy = threading.Lock()

    def one_at_a_time(connection: socket.socket) -> None:
        with busy:
            streams_to_all(connection)

    record, seconds = checked(one_at_a_time, PATIENT)
    assert only(record, "get").head is not None
    silent = {
        entry.name
        for entry in record
        if isinstance(entry.item, Exchange) and entry.item.head is None
    }
    assert silent == set()
    assert seconds < 4


def test_only_what_is_never_answered_is_a_hang() -> None:
    asked: list[bytes] = []

    def answers_second_time(connection: socket.socket) -> None:
        head = request(connection)
        asked.append(head)
        if (
            head.startswith(b"HEAD") and sum(each.startswith(b"HEAD") for each in asked) == 1
        ) or head.startswith(b"OPTIONS"):
            wait(connection)
        else:
            connection.sendall(CHUNKED + b"9\r\ndata: a\n\n\r\n0\r\n\r\n")

    record, _ = checked(answers_second_time, PATIENT)
    assert only(record, "head").head is not None
    assert [item.head for item in record.all("options") if isinstance(item, Exchange)] == [None] * 2


def test_what_is_asked_again_is_told_and_nothing_else() -> None:
    told: list[str] = []

    def answers_get_only(connection: socket.socket) -> None:
        if request(connection).startswith(b"GET"):
            connection.sendall(CHUNKED + b"9\r\ndata: a\n\n\r\n0\r\n\r\n")
        else:
            wait(connection)

    with serving(answers_get_only) as url:
        record = check(url, PATIENT, told.append)
    silent = [
        entry.name
        for entry in record
        if isinstance(entry.item, Exchange) and entry.item.head is None
    ]
    again = [line.rpartition(" ")[2] for line in told if line.startswith("asking again")]
    assert again[0] == "head"
    assert silent == [name for name in again for _ in range(2)]  # there is no time for all


class LastWorker:
    """A server that has one worker left once it was asked for a HEAD, which takes a stream."""

    def __init__(self, *, has_one: bool) -> None:
        self._asked_at = float("inf")
        self._is_free = has_one
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        is_head = request(connection).startswith(b"HEAD")
        with self._lock:
            is_late = time.perf_counter() > self._asked_at + 0.4  # nobody has given up before
            is_first = is_head and self._asked_at == float("inf")
            if is_first:
                self._asked_at = time.perf_counter()
            is_served = self._is_free if is_late else not is_first
            if is_late and not is_head:
                self._is_free = False
        if is_served:
            connection.sendall(CHUNKED if is_head else CHUNKED + b"0\r\n\r\n")
        wait(connection)


@pytest.mark.parametrize("has_one", [True, False])
def test_a_server_without_a_worker_for_us_and_the_stream_is_not_blamed(has_one: bool) -> None:
    record, _ = checked(LastWorker(has_one=has_one), PATIENT)
    assert only(record, "get").head is not None
    assert all(item.head for item in record.all("head") if isinstance(item, Exchange))


def test_redirects_are_followed_to_the_stream() -> None:
    def handle(connection: socket.socket) -> None:
        if request(connection).startswith(b"GET /stream "):
            head = b"HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: /other?x\r\n\r\n"
            connection.sendall(head)
        else:
            connection.sendall(CHUNKED + b"0\r\n\r\n")

    record, _ = checked(handle)
    assert only(record, "redirect").head is not None
    assert only(record, "get").request.target == "/other?x"


@pytest.mark.parametrize(
    "location",
    [
        *(b"", b"Location: ftp://a.example/\r\n", b"Location: ws:x\r\n"),
        *(b"Location: http://[\r\n", b"Location: http://a:b/\r\n"),
    ],
)
def test_a_redirect_to_nowhere_is_the_answer(location: bytes) -> None:
    record, _ = checked(saying(b"HTTP/1.1 302 x\r\nContent-Length: 0\r\n" + location + b"\r\n"))
    assert record.all("redirect") == ()
    head = only(record, "get").head
    assert head is not None
    assert head.status == 302


def test_redirects_in_a_circle_come_to_an_end() -> None:
    count = iter(range(1000))

    def handle(connection: socket.socket) -> None:
        request(connection)
        head = b"HTTP/1.1 301 x\r\nContent-Length: 0\r\nLocation: /%d\r\n\r\n"
        connection.sendall(head % next(count))

    record, _ = checked(handle)
    assert len(record.all("redirect")) == 20
    assert len(record.all("get")) == 1


def test_redirects_that_take_their_time_leave_some_for_the_stream() -> None:
    count = iter(range(1000))

    def handle(connection: socket.socket) -> None:
        request(connection)
        time.sleep(0.3)
        head = b"HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: /%d\r\n\r\n"
        connection.sendall(head % next(count))

    record, seconds = checked(handle)
    assert record.all("redirect")
    assert only(record, "get").head is not None
    assert seconds < 1.5


def test_what_answers_late_is_not_watched_beyond_the_end() -> None:
    def handle(connection: socket.socket) -> None:
        time.sleep(0.7)
        streams_to_all(connection)

    record, seconds = checked(handle, Options(heartbeat=1.0, time_scale=0.2))
    assert only(record, "get").end == "left"
    assert seconds < 1.8  # 1.2 s to watch, and 0.4 s besides


def test_a_stream_that_is_answered_once_is_what_was_seen() -> None:
    answered = threading.Event()

    def handle(connection: socket.socket) -> None:
        if not answered.is_set():
            answered.set()
            saying(CLOSED, b"data: a\n\n")(connection)
        wait(connection)

    record, _ = checked(handle)
    assert only(record, "get").head is not None


def test_a_client_that_comes_back_and_is_not_answered_has_seen_nothing() -> None:
    def handle(connection: socket.socket) -> None:
        if b"last-event-id" not in request(connection).lower():
            connection.sendall(CLOSED + b"id: 1\ndata: a\n\n")
        wait(connection)

    record, _ = checked(handle)
    assert only(record, "get").stream.last_event_id == "1"
    assert list(record.all("reconnect")) == []


def test_a_connection_that_is_not_kept_is_tried_once() -> None:
    record, _ = checked(saying(CHUNKED + b"0\r\n\r\n"))
    first, then = (each for each in record.all("kept_alive") if isinstance(each, Exchange))
    assert first.end == "complete"
    assert then.head is None


def test_a_stream_that_ends_otherwise_is_asked_for_once_only() -> None:
    with serving(saying(CHUNKED)) as url:
        visit = _Visit(url, HASTY, quiet)
        visit._keep_alive(0.2)
    assert only(visit.record, "kept_alive").end == "closed"


def dead() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def test_a_server_that_is_gone_by_then_is_asked_nothing_more() -> None:
    visit = _Visit(dead(), HASTY, quiet)
    visit._keep_alive(0.2)
    assert list(visit.record) == []


def test_a_crowd_is_no_larger_than_the_room() -> None:
    visit = _Visit(dead(), HASTY, quiet)
    visit._crowd()
    assert [entry.name for entry in visit.record] == ["crowd", "after_crowd"]
    with FewAtOnce(interval=0.1).served() as url:
        visit = _Visit(f"{url}/stream", HASTY, quiet)
        visit._crowd()
    assert len(visit.record.all("crowd")) == 21


def test_the_users_fields_are_sent() -> None:
    seen: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        seen.append(request(connection))
        connection.sendall(HEAD + b"Content-Length: 0\r\n\r\n")

    checked(handle, Options(fast=True, time_scale=0.2, headers=(("Authorization", "Bearer x"),)))
    assert seen
    assert all(b"\r\nAuthorization: Bearer x\r\n" in head for head in seen)


def test_a_silent_stream_is_left_in_time() -> None:
    record, seconds = checked(waiting(CHUNKED))
    assert only(record, "get").end == "left"
    assert seconds < 4
