"""Requests that are safe to repeat: the run's ID follows from who asks, and the client's key."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from ..agents import Message
from ..events import to_json


@dataclass(frozen=True, slots=True)
class Names:
    """How a turn that is asked for is called, and what it was asked."""

    run_id: str
    session_id: str
    body: str  # a digest of the request; "" without a key

    @property
    def has_key(self) -> bool:
        """Whether the same names are made again for the same request."""
        return self.body != ""

    @property
    def meta(self) -> bytes:
        """What the log of the run knows of it."""
        return json.dumps({"session": self.session_id, "body": self.body}).encode()

    def session_of(self, meta: bytes) -> str | None:
        """The session of a run with this `meta`; None if that was asked something else.

        The digest has the session that was asked for. Which one that has become is told by `meta`.
        """
        told: dict[str, str] = json.loads(meta)
        return told["session"] if told["body"] == self.body else None


def names_of(
    prompt: str,
    history: Sequence[Message] | None,
    session_id: str | None,
    principal: Any,
    key: str | None,
    *,
    request: Any = None,
) -> Names:
    """New names without a key, and the same again for the same principal and key.

    Principals are told apart by their JSON. A `request` is what the client has asked for, where the
    other arguments also follow from what has happened since.
    """
    if key is None:
        return Names(uuid4().hex, session_id or str(uuid4()), "")
    run = _digest(["run", principal, key])
    body = _digest([prompt, history, session_id or None] if request is None else request)
    return Names(run[:32], session_id or str(UUID(run[32:])), body)


def _digest(value: Any) -> str:
    return hashlib.sha256(to_json(value)).hexdigest()
