"""Conversations that nobody thought of: what they find, and how short that is."""

import pytest

from sse_conformance.conversation import PROFILES, fault_of, messages
from sse_conformance.drivers.ws_bench import Bench
from sse_conformance.machines import converse
from sse_conformance.mutants.serving import in_thread
from sse_conformance.mutants.websocket import OPTIONS, TwoEnds
from sse_conformance.mutants.websocket_server import Peer
from sse_conformance.transcript import Dialogue, Record, Subject

AGENT = PROFILES["agent"]


def held_with(peer: type[Peer], seconds: float) -> list[Dialogue]:
    with in_thread(peer.connect) as url:
        bench = Bench(url, OPTIONS, Record(Subject(target=url, mode="ws", options=OPTIONS)))
        return converse(bench, AGENT, seconds)


def test_conversations_with_the_sound_agent_have_no_fault() -> None:
    held = held_with(Peer, 10.0)
    assert len(held) > 5
    assert {fault_of(AGENT, each) for each in held} == {""}
    ours = [said for each in held for said in messages(each.frames) if said.sent]
    assert any(AGENT.is_cancellation(said) for said in ours)
    assert any(not each.fin for dialogue in held for each in dialogue.frames)


def test_of_those_that_fail_the_shortest_is_kept() -> None:
    (shortest,) = held_with(TwoEnds, 10.0)
    assert "after 'cancelled'" in fault_of(AGENT, shortest)
    ours = [said.data for said in messages(shortest.frames) if said.sent]
    assert AGENT.cancellation in ours
    assert len(ours) <= 4  # two would do, where the time is right


class Moody(Peer):
    """Ends a turn twice in the first conversation, and never again."""

    moods: list[bool]

    async def end(self, how: str) -> None:
        await super().end(how)
        if not self.moods:
            self.moods.append(True)
            await super().end(how)


def test_what_fails_only_once_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Moody, "moods", [], raising=False)
    (failed,) = held_with(Moody, 10.0)
    assert fault_of(AGENT, failed)


def test_without_time_nothing_is_begun() -> None:
    assert held_with(Peer, 0.0) == []
