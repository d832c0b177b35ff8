"""Runs that were recorded: their entries, and the bytes of each response that tells them."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from asgi_agent.events import AgentEvent, fields_of

GOLDEN = Path(__file__).parent / "golden"


def check(dialect: str, name: str, run: Sequence[AgentEvent], streams: Mapping[str, bytes]) -> None:
    """Compare with the record; with WRITE_GOLDEN in the environment, write it first."""
    record = {
        "entries": [{"type": each.type, **fields_of(each)} for each in run],
        "streams": {key: stream.decode().splitlines() for key, stream in streams.items()},
    }
    path = GOLDEN / dialect / f"{name}.json"
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    assert record == json.loads(path.read_text())


def names(dialect: str) -> list[str]:
    """Of all records there are."""
    return sorted(path.stem for path in (GOLDEN / dialect).glob("*.json"))
