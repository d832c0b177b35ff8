"""Programs of steps that nobody thought of, run against a server and a model of it side by side.

Hypothesis makes them, and makes a failing one as short as it can. Each has a connection of its own.
"""

from itertools import pairwise
from time import perf_counter
from typing import ClassVar

from hypothesis import HealthCheck, Phase, Verbosity, assume, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from .conversation import Profile, fault_of
from .drivers.ws_bench import TURN, Bench, Chat
from .transcript import Dialogue
from .wire.frames import PING, RawFrame, fragments

MOST_PROMPTS = 3
PROGRAMS = 12
STEPS = 8
QUESTIONS = ("What is 2 + 2?", "hello", "é, €, 😀")
NONSENSE = (b"no JSON", b"[]", b'{"type": "sse-conformance-unknown"}', b"{}")
PLACES = st.lists(st.integers(0, 30), max_size=4).map(sorted)


class Disagreement(Exception):
    """Of the server with the model."""


class WsAgentMachine(RuleBasedStateMachine):
    """One conversation: prompts, whole or in fragments, pings, nonsense, cancels and silence.

    The model is the chat's account. The class attributes are a subclass's: see `programs`.
    """

    bench: ClassVar[Bench]
    profile: ClassVar[Profile]
    dialogues: ClassVar[list[Dialogue]]  # all that were held
    until: ClassVar[float]  # after that none is begun

    def __init__(self) -> None:
        super().__init__()
        assume(perf_counter() < self.until)
        self.chat = Chat(self.bench.talk(), self.profile)

    @initialize(question=st.sampled_from(QUESTIONS))
    def begin(self, question: str) -> None:
        self.chat.prompt(question)

    @precondition(lambda self: self.chat.account.asked < MOST_PROMPTS)
    @rule(question=st.sampled_from(QUESTIONS))
    def ask(self, question: str) -> None:
        self.chat.prompt(question)

    @precondition(lambda self: self.chat.account.asked < MOST_PROMPTS)
    @rule(question=st.sampled_from(QUESTIONS), places=PLACES)
    def ask_in_fragments(self, question: str, places: list[int]) -> None:
        message = self.profile.prompt(question)
        cuts = [0, *(min(place, len(message)) for place in places), len(message)]
        parts = [message[start:stop] for start, stop in pairwise(cuts)]
        self.chat.send(*fragments(*parts))

    @rule(payload=st.binary(max_size=125))
    def ping(self, payload: bytes) -> None:
        self.chat.talk.send(RawFrame(opcode=PING, payload=payload))

    @rule(text=st.sampled_from(NONSENSE))
    def talk_nonsense(self, text: bytes) -> None:
        self.chat.say(text)

    @rule()
    def cancel(self) -> None:
        self.chat.cancel()

    @rule()
    def listen(self) -> None:
        self.chat.wait_for_words(self.bench.quiet)

    def teardown(self) -> None:
        """Hear it to its end, and see whether server and model agree."""
        self.chat.settle(self.bench.seconds(TURN), self.bench.quiet)
        dialogue = self.chat.talk.leave()
        self.dialogues.append(dialogue)
        if fault := fault_of(self.profile, dialogue):
            raise Disagreement(fault)


def converse(bench: Bench, profile: Profile, seconds: float) -> list[Dialogue]:
    """The conversations of generated programs; if one fails, the shortest that does."""
    held: list[Dialogue] = []

    class Machine(WsAgentMachine):
        pass

    Machine.bench, Machine.profile, Machine.dialogues = bench, profile, held
    Machine.until = perf_counter() + seconds
    try:
        run_state_machine_as_test(Machine, settings=_settings(bench))
    except (Disagreement, HypothesisException):
        # Which may also be that it fails sometimes only, or that there was no time for any.
        failed = [each for each in held if fault_of(profile, each)]
        return [min(failed, key=lambda each: len(each.frames))] if failed else held
    return held


def _settings(bench: Bench) -> settings:
    return settings(
        max_examples=PROGRAMS,
        stateful_step_count=STEPS,
        derandomize=bench.options.derandomize,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much),
    )
