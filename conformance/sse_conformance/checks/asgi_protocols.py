"""What an ASGI application does in the two other protocols: lifespan and WebSocket.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html
https://asgi.readthedocs.io/en/latest/specs/www.html#websocket
"""

from ..registry import check
from ..transcript import Call, Message
from ..verdict import Outcome, broken, holds, noted, unknown
from .calls import Calls, by, faults, outcome_of

ANSWERS = {
    "lifespan.startup": ("lifespan.startup.complete", "lifespan.startup.failed"),
    "lifespan.shutdown": ("lifespan.shutdown.complete", "lifespan.shutdown.failed"),
}
UNWINDING = 1.0  # seconds, in which those who send to a client that has left hear of it

# What may be sent, and what it leads to; "receive" stands for a disconnect that was received.
TRANSITIONS = {
    ("connecting", "websocket.accept"): "open",
    ("connecting", "websocket.close"): "closed",  # the host answers 403
    ("open", "websocket.send"): "open",
    ("open", "websocket.close"): "closed",
}


@check("ASG-13", "call*")
def the_lifespan_is_answered(calls: Calls) -> Outcome:
    lifespans = by(calls, "lifespan")
    if not lifespans:
        return unknown("there is no call with a lifespan")
    call = lifespans[0]
    sent = [message.type for message in call.messages if message.what == "send"]
    received = [message.type for message in call.messages if message.what == "receive"]
    shown = f"received {', '.join(received) or 'nothing'}; sent {', '.join(sent) or 'nothing'}"
    if not sent and call.outcome == "raised":
        # "the server must continue but not send any lifespan events"
        return holds(f"{outcome_of(call)}: it has no lifespan, and says so")
    if not sent and call.outcome == "returned":
        return noted(f"{shown}, and returned; what has no lifespan should raise")
    if fault := _fault_of_lifespan(call) or _unanswered(call, sent, received):
        return broken(f"{fault}; {shown}")
    if call.outcome == "raised":
        return noted(f"{shown}; then {outcome_of(call)}")
    return holds(shown)


def _fault_of_lifespan(call: Call) -> str:
    """What is sent without being asked for, or twice."""
    allowed: tuple[str, ...] = ()
    for message in call.messages:
        if message.what == "receive":
            allowed = ANSWERS.get(message.type, ())
        elif message.what == "send":
            if message.type not in allowed:
                return f"{message.type} at {message.at:.3f} s is no answer, or a second one"
            allowed = ()
    return ""


def _unanswered(call: Call, sent: list[str], received: list[str]) -> str:
    for kind, answers in ANSWERS.items():
        if kind in received and not any(answer in sent for answer in answers):
            if call.outcome == "raised":
                return ""  # that is an answer too
            return f"{kind} is never answered"
    return f"{call.outcome} at its start" if not sent and call.outcome == "hung" else ""


@check("ASG-14", "call*")
def a_websocket_is_accepted_used_and_closed(calls: Calls) -> Outcome:
    websockets = [each for each in calls if each.scope == "websocket"]
    if not websockets:
        return unknown("there is no call with a WebSocket")
    if found := list(faults(websockets, *_KEYS)):
        return broken("; ".join(found[:3]))
    for call in websockets:
        if fault := _fault_of_websocket(call):
            return broken(f"{call.plan}: {fault}")
    sent = [
        f"{call.plan}: "
        + (", ".join(message.type for message in call.messages if message.what == "send") or "-")
        for call in websockets
    ]
    return holds("; ".join(sent))


_KEYS = ("type", "subprotocol", "headers", "payload", "text", "bytes", "code", "reason")


def _fault_of_websocket(call: Call) -> str:
    state = "connecting"
    gone_at: float | None = None
    for message in call.messages:
        if message.what == "receive" and message.type == "websocket.disconnect":
            gone_at = message.at
        elif message.what == "send" and gone_at is None:
            after = TRANSITIONS.get((state, message.type))
            if after is None:
                return f"{message.type} at {message.at:.3f} s, while the WebSocket is {state}"
            state = after
        elif _is_too_late(message, gone_at):
            return f"{message.type} at {message.at:.3f} s, after the disconnect at {gone_at:.3f} s"
    return ""


def _is_too_late(message: Message, gone_at: float | None) -> bool:
    # "Once you have received this event, you should expect future calls to send() to raise an
    # exception": those that were under way are no fault, and neither is a close.
    return (
        message.what == "send"
        and message.type != "websocket.close"
        and gone_at is not None
        and message.at > gone_at + UNWINDING
    )
