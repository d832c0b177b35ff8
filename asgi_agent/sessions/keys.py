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
    def meta(self) -> bytes:
        """What the log of the run knows of it."""
        return json.dumps({"session": self.session_id, "body": self.body}).encode()

    def is_same(self, meta: bytes) -> bool:
        """Whether a run with this `meta` was asked the same."""
        return meta == self.meta


def names_of(
    prompt: str,
    history: Sequence[Message] | None,
    session_id: str | None,
    principal: Any,
    key: str | None,
) -> Names:
    """New names without a key, and the same again for the same principal and key.

    Principals are told apart by their JSON.
    """
    if key is None:
        return Names(uuid4().hex, session_id or str(uuid4()), "")
    run = _digest(["run", principal, key])
    body = _digest([prompt, history, session_id or None])
    return Names(run[:32], session_id or str(UUID(run[32:])), body)


def _digest(value: Any) -> str:
    return hashlib.sha256(to_json(value)).hexdigest()
