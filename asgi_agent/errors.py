"""Every exception of the library, in one tree; each says whose fault it is.

AsgiAgentError
├── InvalidField            you: a field that an event stream cannot carry
├── InvalidMessage          you: an ASGI message that is not allowed now
├── UsageError              you: a wrong argument, setting or command
├── EventTooLarge           the server you read from: an event over the bound
├── BadRequest              the client: what it sent is not understood
│   ├── InvalidInput            400, or 422 where the dialect has it so
│   ├── BodyTooLarge            413
│   ├── UnsupportedMediaType    415
│   │   └── UnsupportedContentCoding    415
│   ├── UnknownSession          404
│   ├── SessionBusy             409
│   │   └── BeingBegun              409
│   ├── KeyReused               422
│   ├── UnknownQuestion         404
│   └── AlreadyAnswered         409
├── TooManyRuns             nobody: the server is full, try again later (503)
├── ClientDisconnected      nobody: the client has left
│   └── WebSocketDisconnected   or either side has closed the WebSocket
├── SlowClient              the client: it did not read for longer than our patience
├── AgentError              the agent: a failure whose message may be shown
└── LogError                the event log
    ├── Missing                 the run never was, or is kept no longer
    ├── Closed                  the run has ended
    ├── Fenced                  another worker owns the run
    ├── Diverged                the store lost what it had acknowledged
    └── Unavailable             the store cannot be reached now
"""

from collections.abc import Mapping, Sequence
from typing import Any


class AsgiAgentError(Exception):
    """The root: whatever this library raises on purpose."""


class InvalidField(AsgiAgentError, ValueError):
    """A field of an event or comment that an event stream cannot carry."""


class InvalidMessage(AsgiAgentError, RuntimeError):
    """An ASGI message that is not allowed in the state the connection is in."""


class UsageError(AsgiAgentError, ValueError):
    """A wrong argument, setting or command."""


class EventTooLarge(AsgiAgentError):
    """An event longer than the reader is willing to hold."""


class BadRequest(AsgiAgentError):
    """A request that is not understood. Its message is safe to show to the client."""

    status = 400


class InvalidInput(BadRequest):
    """The input does not fit its model; `problems` has one item per field at fault."""

    def __init__(self, problems: Sequence[Mapping[str, Any]]) -> None:
        self.problems = [dict(problem) for problem in problems]
        super().__init__("Invalid request: " + "; ".join(map(_explain, self.problems[:5])))


def _explain(problem: Mapping[str, Any]) -> str:
    path = ".".join(map(str, problem["loc"]))
    return f"{path}: {problem['msg']}" if path else str(problem["msg"])


class BodyTooLarge(BadRequest):
    """RFC 9110, 15.5.14: the content is larger than the server is willing to process."""

    status = 413


class UnsupportedMediaType(BadRequest):
    """RFC 9110, 15.5.16: the content is in a format that the resource does not take."""

    status = 415


class UnsupportedContentCoding(UnsupportedMediaType):
    """The same, where the format is that of a compressed body: only `identity` is taken."""


class UnknownSession(BadRequest):
    """The session never was, or it has expired."""

    status = 404


class SessionBusy(BadRequest):
    """The session is in a state that conflicts with the request."""

    status = 409


class BeingBegun(SessionBusy):
    """Another request is about to begin a turn, perhaps the same one; soon it has."""


class KeyReused(BadRequest):
    """The Idempotency-Key came with another request before."""

    status = 422


class UnknownQuestion(BadRequest):
    """Nobody asked what the client answers."""

    status = 404


class AlreadyAnswered(BadRequest):
    """The question has its answer; the first one counts."""

    status = 409


class TooManyRuns(AsgiAgentError):
    """The server is full, or is shutting down; a later attempt may succeed."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # RFC 9110, 10.2.3: seconds


class ClientDisconnected(AsgiAgentError):
    """The client has left; there is nobody to answer."""


class WebSocketDisconnected(ClientDisconnected):
    """The WebSocket is over: the client closed it, it broke, or we closed it ourselves."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the WebSocket is closed: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class SlowClient(AsgiAgentError):
    """The client did not accept a message in time. It can resume: nothing is lost."""


class AgentError(AsgiAgentError):
    """Raise it in an agent to end the run with a message that the client may see."""

    def __init__(self, message: str, code: str = "agent_error") -> None:
        super().__init__(message)
        self.code = code


class LogError(AsgiAgentError):
    """An event log could not do what it was asked."""


class Missing(LogError):
    """The run never was, or it is kept no longer."""


class Closed(LogError):
    """The run has ended; nothing can be appended to it."""


class Fenced(LogError):
    """Another worker has claimed the run since."""


class Diverged(LogError):
    """The log is not as long as its owner knows it to be: acknowledged entries were lost."""


class Unavailable(LogError):
    """The store cannot be reached now."""
