"""What the tests of the event log in a file have in common."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from asgi_agent.logs import SQLiteLog

T = TypeVar("T")
PATIENCE = 5.0  # seconds


class Clock:
    """One that the test sets."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def using(*logs: SQLiteLog, test: Callable[[], Awaitable[T]]) -> T:
    """Run the test on an event loop, and close the logs on it."""

    async def main() -> T:
        try:
            return await test()
        finally:
            for log in logs:
                await log.close()

    return asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


def count(path: Path, table: str) -> int:
    [number] = query(path, f"select count(*) from {table}")
    return number


def query(path: Path, statement: str) -> Any:
    db = sqlite3.connect(path, 5, isolation_level=None)
    try:
        return db.execute(statement).fetchone()
    finally:
        db.close()
