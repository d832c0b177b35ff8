"""The emit contract, for adapters in Python: which script was asked for, and how it goes.

An adapter gets operations and hands them to its library; there is no server-sent event in here.
Nothing is imported but the standard library, so this file can be copied beside yours.
"""

import asyncio
import json
import os
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs

if os.environ.get("CONFORMANCE_EMIT") != "1":
    raise SystemExit("This program sends whatever it is told to: set CONFORMANCE_EMIT=1 to run it.")

PORT = int(os.environ.get("PORT", "8000"))
CAPABILITIES = ("comment", "retry", "sleep", "raise", "flood", "stats")
LONGEST = 1 << 24  # bytes of a script
counts = {"open": 0, "runs": 0}


class RefusedError(Exception):
    """What was asked for is answered with status 400, before the stream begins."""


class ScriptError(Exception):
    """The script said `raise`: the source of the events has failed."""


def about(name: str, version: str, data: str = "text", *, without: str = "") -> dict[str, Any]:
    """What a GET without a script is answered with. `data` is "json" if the library encodes it."""
    capabilities = [each for each in CAPABILITIES if each not in without.split()]
    described = {"conformance": 1, "name": name, "version": version, "data": data}
    return {**described, "capabilities": capabilities}


def read(method: str, query: str, body: bytes = b"") -> list[dict[str, Any]] | None:
    """The operations of the script in the body, or in the query; None if there is none."""
    parameters = parse_qs(query)
    if method != "POST" and "script" not in parameters:
        return None
    try:
        if method != "POST":
            text = parameters["script"][0]
            body = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        events = json.loads(body)["events"] if len(body) <= LONGEST else None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RefusedError(f"no script: {error}") from error
    if not isinstance(events, list) or not all(isinstance(each, dict) for each in events):
        raise RefusedError("no script: its events are no list of objects")
    return events


def is_stats(query: str) -> bool:
    """Whether the counters are asked for, and not a stream."""
    return "stats" in parse_qs(query)


async def operations(script: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """The events and comments of the script, each when it is due."""
    with counted():
        for op in script:
            if "sleep" in op:
                await asyncio.sleep(op["sleep"] / 1000)
            else:
                for each in expanded(op):
                    yield each


def operations_sync(script: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same, for a library that knows nothing of asyncio."""
    with counted():
        for op in script:
            if "sleep" in op:
                time.sleep(op["sleep"] / 1000)
            else:
                yield from expanded(op)


def expanded(op: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The operation, or the events of a flood: their number, and when they were made."""
    if "raise" in op:
        raise ScriptError("the script said so")
    if "flood" not in op:
        yield op
        return
    began = time.perf_counter()
    for number in range(op["flood"]["n"]):
        stamp = f"{number} {(time.perf_counter() - began) * 1000:.0f} "
        yield {"data": stamp + "x" * (op["flood"]["size"] - len(stamp))}


class counted:  # noqa: N801 - it is used like a function
    """Counts a producer as begun, and as open until it is closed."""

    def __enter__(self) -> None:
        counts["runs"] += 1
        counts["open"] += 1

    def __exit__(self, *_: object) -> None:
        counts["open"] -= 1
