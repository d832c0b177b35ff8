"""The open file, and what its errors mean."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass

from ...errors import Unavailable, UsageError
from .reading import Reading
from .tables import Clock, prepare
from .workers import Workers
from .writing import Writing

PATIENCE = 5.0  # seconds that others may keep the file to themselves
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the log was made with."""

    path: str
    keep_bytes: int
    retain: float
    synchronous: str
    clock: Clock

    @contextmanager
    def errors(self) -> Generator[None, None, None]:
        """Raise what the disk, SQLite and others do as an error of ours."""
        try:
            yield
        except UsageError as error:
            raise UsageError(f"{self.path}: {error}") from error
        except (OSError, sqlite3.OperationalError) as error:
            raise Unavailable(f"{self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
                raise
            raise UsageError(f"{self.path} is damaged, or no event log: {error}") from error


class File:
    """What is open: a connection that writes, one that reads, and the place among the workers."""

    def __init__(self, settings: Settings) -> None:
        path = os.path.realpath(settings.path)  # SQLite names its own files after this one
        with ExitStack() as opened:
            self.workers = Workers(path + "-workers", PATIENCE)
            opened.callback(self.workers.close)
            with self.workers.turn(), ExitStack() as connections:
                # In a turn: where two set the journal mode at once, one of them may fail.
                writer = connections.enter_context(closing(_connect(path)))
                prepare(writer, settings.synchronous, settings.clock)
                reader = connections.enter_context(closing(_connect(path)))
                self.writing = Writing(writer, settings.clock, settings.keep_bytes, settings.retain)
                self.reading = Reading(reader, settings.clock, settings.retain)
                self.workers.join()
                self.known = self.reading.last_commit()
                self._connections = connections.pop_all()
            opened.pop_all()

    def close(self) -> None:
        with ExitStack() as turn:
            with suppress(Unavailable):  # the last one to leave makes a checkpoint
                turn.enter_context(self.workers.turn())
            self._connections.close()
        self.workers.close()


def _connect(path: str) -> sqlite3.Connection:
    # One thread opens the connection of the other one too, and closes both.
    return sqlite3.connect(path, PATIENCE, isolation_level=None, check_same_thread=False)
