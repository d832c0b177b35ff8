"""The driver, on the sound server by hand, on odd ones, and on none."""

import socket
from dataclasses import replace
from time import perf_counter
from typing import ClassVar

import pytest

from sse_conformance import checks
from sse_conformance.drivers.ws import plans, ws
from sse_conformance.drivers.ws_agent import AGENT, programs
from sse_conformance.drivers.ws_bench import Bench
from sse_conformance.judge import judge
from sse_conformance.mutants.serving import in_thread
from sse_conformance.mutants.websocket import OPTIONS, Silent
from sse_conformance.mutants.websocket_server import Peer
from sse_conformance.options import Options
from sse_conformance.transcript import Dialogue, Observation, Record, Subject
from sse_conformance.wire.frames import CLOSE, PING, PONG, TEXT, close_payload
from tests.conformance.findings import findings
from tests.conformance.websocket.scripted import (
    Script,
    frame,
    frames,
    reset,
    scripted,
    until_it_leaves,
)
from tests.serving import free_port

assert checks.__all__
STRANGER = Options(time_scale=0.2)


def dialogues(record: Record, name: str) -> list[Dialogue]:
    return [item for item in record.all(name) if isinstance(item, Dialogue)]


def facts(record: Record, name: str) -> dict[str, float]:
    (item,) = record.all(name)
    assert isinstance(item, Observation)
    return item.facts


class QuickPings(Peer):
    """Pings, and leaves, within the idle plan of these tests."""

    ping_seconds: ClassVar[float] = 0.05


# ── what is looked at ───────────────────────────────────────────────────────────────────────


def test_the_options_say_what_is_looked_at() -> None:
    names = [plan.__name__ for plan in plans(Options())]
    assert names[0] == "handshake"
    assert names[-1] == "flood"
    assert "turns" not in names
    fast = {plan.__name__ for plan in plans(Options(fast=True, profile="agent"))}
    assert {"turns", "cancel", "ping_busy", "close_busy"} <= fast
    assert not {"flood", "programs"} & fast
    slow = {plan.__name__ for plan in plans(Options(slow=True, profile="agent"))}
    assert {"oversize", "idle", "programs"} <= slow


def test_frames_that_break_rules_are_for_ones_own_server() -> None:
    with pytest.raises(ValueError, match="one's own servers only"):
        ws("wss://server.invalid/ws")
    record = ws("ws://server.invalid/ws", replace(STRANGER, own_target=True))
    assert [each.name for each in record] == ["handshake", "handshake_offers"]
    with pytest.raises(ValueError, match="URL"):
        ws("ftp://127.0.0.1/")


def test_the_sound_server_gives_no_finding_and_all_is_judged() -> None:
    lines: list[str] = []
    options = replace(OPTIONS, slow=True)
    every = {plan.__name__ for plan in plans(options)} - {"idle"}
    with in_thread(Peer.connect) as url:
        record = ws(url, options, lines.append, only=every)
    assert findings(record) == {}
    judged = {each.requirement.id for each in judge(record) if each.found == "holds"}
    assert judged == {f"WS-{number:02}" for number in range(1, 18)} - {"WS-14"}
    assert lines[0] == f"1 of {len(every)}: handshake"
    assert lines[-1].endswith("oversize")
    assert len(lines) == len(every)


def test_a_stranger_is_asked_what_the_rfc_says_and_no_more() -> None:
    with in_thread(Peer.connect) as url:
        record = ws(url, replace(STRANGER, fast=True))
    assert findings(record) == {}
    assert record.all("turns") == record.all("ping_busy") == ()
    judged = {each.requirement.id for each in judge(record) if each.found == "holds"}
    assert {"WS-01", "WS-06", "WS-07", "WS-09", "WS-10"} <= judged


def test_the_idle_are_watched_and_answer_nothing() -> None:
    options = Options(slow=True, time_scale=0.01)
    with in_thread(QuickPings.connect) as url:
        record = ws(url, options, only={"handshake", "idle"})
    (idle,) = dialogues(record, "idle")
    assert [each.opcode for each in idle.frames] == [PING]
    assert idle.end in ("closed", "reset")
    assert "WS-14" not in findings(record)


def test_who_never_pings_is_found() -> None:
    options = Options(slow=True, time_scale=0.01)
    with in_thread(Silent.connect) as url:
        record = ws(url, options, only={"handshake", "idle"})
    assert set(findings(record)) == {"WS-14"}


def test_each_request_has_what_the_user_wants_in_it() -> None:
    options = replace(STRANGER, headers=(("X-Token", "a"),), origin="https://a.example")
    with in_thread(Peer.connect) as url:
        record = ws(url, options, only={"handshake", "talk", "origin"})
    fields = dict(dialogues(record, "talk")[0].handshake.request.fields)
    assert (fields[b"X-Token"], fields[b"Origin"]) == (b"a", b"https://a.example")
    fields = dict(dialogues(record, "foreign_origin")[0].handshake.request.fields)
    assert fields[b"Origin"] == b"https://cross-site.invalid"


# ── what others do ──────────────────────────────────────────────────────────────────────────


def test_without_a_server_nothing_else_is_tried() -> None:
    record = ws(f"ws://127.0.0.1:{free_port()}/ws", STRANGER)
    assert [each.name for each in record] == ["handshake", "handshake_offers"]
    assert {each.found for each in judge(record)} == {"unknown"}


def test_only_named_plans_need_no_handshake_before_them() -> None:
    with in_thread(Peer.connect) as url:
        record = ws(url, STRANGER, only={"ping"})
    assert {each.name for each in record} == {"ping", "ping_between"}


def test_what_is_awaited_in_vain_is_awaited_three_times() -> None:
    with scripted(until_it_leaves) as url:
        record = ws(url, Options(time_scale=0.03), only={"ping", "unmasked", "broken_fragments"})
    assert [each.end for each in dialogues(record, "ping")] == ["timeout"] * 3
    assert len(dialogues(record, "unmasked")) == 6
    assert set(findings(record)) == {"WS-06"}


def test_a_server_that_answers_nothing_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sse_conformance.drivers.ws.LONGEST", 2.0)
    began = perf_counter()
    with scripted(until_it_leaves) as url:
        record = ws(url, Options(time_scale=0.1))
    assert perf_counter() - began < 5
    assert dialogues(record, "talk")
    assert not dialogues(record, "illegal_close")


def test_an_unknown_profile_is_none() -> None:
    assert plans(Options(profile="agent-of-mine")) == plans(Options())
    with scripted(until_it_leaves) as url:
        record = Record(Subject(target=url, mode="ws"))
        for plan in (*AGENT, programs):
            plan(Bench(url, Options(), record))
    assert not any(item.frames[:-1] for each in record if isinstance(item := each.item, Dialogue))


def hang_up(connection: socket.socket) -> None:
    """Reset the connection as soon as the client speaks."""
    connection.recv(1)
    reset(connection)


@pytest.mark.parametrize("script", [hang_up, lambda connection: None], ids=["reset", "close"])
def test_a_server_that_leaves_ends_every_plan(script: Script) -> None:
    options = Options(time_scale=0.05, profile="agent", slow=True, budget=0.5, derandomize=True)
    with scripted(script) as url:
        record = ws(url, options)
    ends = {item.end for each in record if isinstance(item := each.item, Dialogue)}
    assert ends <= {"closed", "left", "reset"}
    assert facts(record, "flood")["is_open"] == 0.0
    assert facts(record, "oversize")["is_open"] == 0.0


def test_a_close_in_place_of_a_pong_ends_the_pinging() -> None:
    def script(connection: socket.socket) -> None:
        frames(connection, 1)
        connection.sendall(frame(CLOSE, close_payload(1008)))
        until_it_leaves(connection)

    with scripted(script) as url:
        record = ws(url, Options(time_scale=0.05), only={"ping", "binary"})
    assert [each.opcode for each in dialogues(record, "ping")[0].frames] == [PING, CLOSE, CLOSE]
    assert [each.opcode for each in dialogues(record, "binary")[0].frames][1:] == [CLOSE, CLOSE]


def test_a_pong_that_comes_between_no_fragments_is_late() -> None:
    def script(connection: socket.socket) -> None:
        heard = frames(connection, 2)
        if heard[-1].opcode == PING and len(heard) == 2:
            frames(connection, 1)
        connection.sendall(frame(PONG, heard[-1].payload))
        until_it_leaves(connection)

    with scripted(script) as url:
        record = ws(url, Options(time_scale=0.05), only={"ping"})
    (between,) = dialogues(record, "ping_between")
    assert [each.opcode for each in between.frames if not each.sent] == [PONG]


def test_an_answer_that_does_not_come_again_is_awaited_in_vain() -> None:
    heard: list[bool] = []

    def script(connection: socket.socket) -> None:
        (first, *_) = frames(connection, 1)
        heard.append(first.fin)
        if len(heard) < 3:  # the two that are whole
            connection.sendall(frame(TEXT, b"hello"))
        until_it_leaves(connection)

    with scripted(script) as url:
        record = ws(url, Options(time_scale=0.04), only={"fragmented"})
    ends = [each.end for each in dialogues(record, "fragmented")]
    assert ends == ["timeout"] * 12
    assert "WS-07" in findings(record)


def test_a_turn_without_end_is_heard_for_so_long_only() -> None:
    def script(connection: socket.socket) -> None:
        if frames(connection, 1):
            connection.sendall(frame(TEXT, b'{"t": "text"}'))
        until_it_leaves(connection)

    options = Options(time_scale=0.02, profile="agent")
    with scripted(script) as url:
        turns = ws(url, options, only={"turns", "ping_busy"})
        cancel = ws(url, options, only={"cancel"})
    assert {each.end for each in dialogues(turns, "turns")} == {"timeout"}
    assert [each.end for each in dialogues(turns, "ping_busy")] == ["timeout"] * 3
    assert set(findings(turns)) == {"WS-06"}
    assert set(findings(cancel)) == {"WS-15"}


def test_a_flood_into_a_slow_sink_is_left_in_time() -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(1)
        until_it_leaves(connection)

    with scripted(script) as url:
        record = ws(url, STRANGER, only={"flood"})
    assert facts(record, "flood")["answered"] == 0.0
    assert {each.found for each in judge(record, {"WS-16"})} == {"unknown"}
