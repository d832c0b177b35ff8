"""Each mutant is found by the check of what it breaks, and by no other."""

import asyncio
import socket
from pathlib import Path

import pytest

from sse_conformance import checks, mutants
from sse_conformance.catalogue import catalogue
from sse_conformance.drivers.ws import ws
from sse_conformance.judge import CHECKS, judge
from sse_conformance.mutants import Mutant
from sse_conformance.mutants.http import Wire
from sse_conformance.mutants.serving import cancelled, in_thread
from sse_conformance.mutants.websocket import OPTIONS, recorded, sound
from sse_conformance.mutants.websocket_server import Peer
from sse_conformance.transcript import load
from tests.conformance.findings import findings
from tests.serving import free_port

assert checks.__all__
MUTANTS = [each for each in mutants.MUTANTS if each.requirement.startswith("WS-")]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: f"{each.requirement} {each.defect}")
def test_a_mutant_is_killed_by_its_own_check_and_by_no_other(mutant: Mutant) -> None:
    assert set(findings(mutant.record())) == {mutant.requirement}


def test_the_sound_server_is_killed_by_none() -> None:
    assert findings(sound()) == {}


@pytest.mark.thorough
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: f"{each.requirement} {each.defect}")
def test_nor_by_another_where_all_is_looked_at(mutant: Mutant) -> None:
    peer = getattr(mutant.serve, "__self__", None)
    assert isinstance(peer, type)
    assert issubclass(peer, Peer)
    more = ("turns", "cancel", "programs", "flood", "oversize")
    assert set(findings(recorded(peer, *more))) <= {mutant.requirement}


def test_every_requirement_has_a_check_a_mutant_and_an_explanation() -> None:
    known = {each for each in catalogue() if each.startswith("WS-")}
    assert known == {f"WS-{number:02}" for number in range(1, 18)}
    assert {each.requirement for each in MUTANTS} == known
    assert {each.requirement for each in CHECKS if each.requirement in known} == known
    assert all(catalogue()[each].explain.strip() for each in known)


def test_each_mutant_can_be_served() -> None:
    assert all(mutant.serve is not None for mutant in MUTANTS)


def test_what_was_recorded_is_judged_the_same_from_a_file(tmp_path: Path) -> None:
    record = sound()
    record.save(tmp_path / "record.jsonl")
    loaded = load(tmp_path / "record.jsonl")
    assert loaded.subject.options == record.subject.options
    before, after = judge(record), judge(loaded)
    assert [(each.found, each.evidence) for each in before] == [
        (each.found, each.evidence) for each in after
    ]


# ── the sound server, where no plan looks ───────────────────────────────────────────────────


def said_to(url: str, head: str) -> str:
    """What is answered to this request."""
    address = url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), 5) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(4096):
            answer += data
    return answer.decode("latin-1")


def test_the_sound_server_refuses_what_is_no_handshake() -> None:
    with in_thread(Peer.connect) as url:
        assert said_to(url, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").startswith("HTTP/1.1 426 ")
        assert said_to(url, "nonsense\r\n\r\n").startswith("HTTP/1.1 400 ")
        assert said_to(url, "") == ""


def test_the_sound_server_bears_a_client_that_leaves_in_the_midst() -> None:
    head = (
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with in_thread(Peer.connect) as url:
        for rest in ("", "\x01", "\x01~", "\x01\x7e\x01", "\x01\x7f"):
            assert said_to(url, head + rest).startswith("HTTP/1.1 101 ")


class Written(Wire):
    """Keeps what is written."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    async def write(self, data: bytes) -> None:
        self.data.append(data)


def test_the_sound_server_closes_once() -> None:
    wire = Written()

    async def close_twice() -> None:
        peer = Peer(wire)
        await peer.close(b"")
        await peer.close(b"")

    asyncio.run(close_twice())
    assert wire.data == [b"\x88\x00"]


def test_the_sound_server_can_be_served_until_it_is_ended() -> None:
    port = free_port()

    async def serve_for_a_while() -> set[str]:
        serving = asyncio.create_task(Peer.serve_forever("127.0.0.1", port))
        while not serving.done():
            await asyncio.sleep(0.01)
            record = await asyncio.to_thread(ws, f"ws://127.0.0.1:{port}/", OPTIONS, only={"ping"})
            if record.all("ping_between"):
                break
        await cancelled(serving)
        return {each.name for each in record}

    assert asyncio.run(serve_for_a_while()) == {"ping", "ping_between"}
