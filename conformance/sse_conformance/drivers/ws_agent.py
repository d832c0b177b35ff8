"""Conversations with an agent, of which the profile says how it is asked and how it answers."""

from collections.abc import Callable, Sequence

from ..conversation import SAMPLES
from ..machines import converse
from ..wire.frames import CLOSE, PING, RawFrame, close_payload
from ..wire.websocket import Talk
from .ws_bench import TURN, Bench, Chat, Plan, is_pong

BUSY = b"while you are busy"
SHARE = 0.5  # of the budget for generated examples


def ping_busy(bench: Bench) -> None:
    """RFC 6455, 5.5.2, while the agent speaks."""

    def plan(chat: Chat) -> None:
        chat.prompt(chat.profile.long)
        chat.wait_for_words(bench.seconds(TURN))
        chat.send(RawFrame(opcode=PING, payload=BUSY))
        chat.wait(lambda: _has_pong(chat) or chat.account.is_settled, bench.seconds(TURN))
        if not chat.wait(lambda: _has_pong(chat), bench.patience):
            chat.talk.give_up()

    bench.sample("ping_busy", chatting(bench, plan))


def close_busy(bench: Bench) -> None:
    """RFC 6455, 5.5.1, while the agent speaks."""

    def plan(chat: Chat) -> None:
        chat.prompt(chat.profile.long)
        chat.wait_for_words(bench.seconds(TURN))
        chat.send(RawFrame(opcode=CLOSE, payload=close_payload(1000)))
        chat.talk.wait_for_end()

    bench.sample("close_busy", chatting(bench, plan))


def turns(bench: Bench) -> None:
    """One prompt; one and then another; two at once; and one that is cancelled at once."""

    def one(chat: Chat) -> None:
        chat.prompt(chat.profile.short)
        chat.settle(bench.seconds(TURN), bench.quiet)

    def another(chat: Chat) -> None:
        one(chat)
        one(chat)

    def two(chat: Chat) -> None:
        prompt = chat.profile.prompt(chat.profile.short)
        chat.say(prompt, prompt)
        chat.settle(bench.seconds(TURN), bench.quiet)

    def none(chat: Chat) -> None:
        chat.say(chat.profile.prompt(chat.profile.long), chat.profile.cancellation)
        chat.settle(bench.seconds(TURN), bench.quiet)

    for plan in (one, another, two, none):
        bench.keep("turns", chatting(bench, plan))


def cancel(bench: Bench) -> None:
    """Cancel as soon as the agent speaks; three times, for how soon it is silent is to be told."""

    def plan(chat: Chat) -> None:
        chat.prompt(chat.profile.long)
        chat.wait_for_words(bench.seconds(TURN))
        chat.cancel()
        chat.settle(bench.seconds(TURN), bench.quiet)

    for _ in range(SAMPLES):
        bench.keep("cancel", chatting(bench, plan))


def programs(bench: Bench) -> None:
    """Conversations that nobody thought of: see `WsAgentMachine`."""
    if bench.profile is not None:
        for dialogue in converse(bench, bench.profile, bench.options.budget * SHARE):
            bench.record.add("programs", dialogue)


AGENT: Sequence[Plan] = (turns, cancel, ping_busy, close_busy)


def chatting(bench: Bench, plan: Callable[[Chat], None]) -> Callable[[Talk], None]:
    """A plan for a conversation, as one for a connection."""

    def on(talk: Talk) -> None:
        if bench.profile is not None:
            plan(Chat(talk, bench.profile))

    return on


def _has_pong(chat: Chat) -> bool:
    return any(is_pong(frame, BUSY) for frame in chat.talk.frames if not frame.sent)
