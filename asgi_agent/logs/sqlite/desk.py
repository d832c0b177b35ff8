"""What stands between an event loop and the file: one thread that writes, and one that reads."""

import asyncio
import time
from array import array
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from threading import Lock

from ...errors import Closed, Diverged, Fenced, LogError, Missing, UsageError
from ..base import Wake
from .file import File, Settings
from .grouping import GroupingThread
from .reading import Reading
from .workers import Workers
from .writing import Writing

RARELY = 60.0  # seconds between two looks for runs that have expired, if not less
BREATH = 0.005  # seconds for others, while there is much to free
REFUSALS = (Missing, Closed, Fenced, Diverged)  # answers that change nothing


class Desk:
    """What serves one event loop: two threads, the file that they open, and who watches it."""

    def __init__(self, settings: Settings) -> None:
        self.loop = asyncio.get_running_loop()
        self._settings = settings
        self._opening = Lock()
        self._file: File | None = None
        self._watchers: dict[int, dict[object, Wake]] = {}
        self._known = 0  # the newest commit of which is known here what it has changed
        self._is_closing = False
        self._look_at = 0.0  # when something may have expired
        self.reader = GroupingThread(self.loop, self._read, REFUSALS)
        self.writer = GroupingThread(
            self.loop, self._write, REFUSALS, chore=self._free, farewell=self._leave
        )

    def watch(self, run: int, wake: Wake) -> Callable[[], None]:
        key = object()
        self._watchers.setdefault(run, {})[key] = wake

        def unwatch() -> None:
            watchers = self._watchers.get(run, {})
            if watchers.pop(key, None) and not watchers:
                del self._watchers[run]

        return unwatch

    def close(self) -> asyncio.Future[None]:
        """Do what was asked for until now, then let go of everything."""
        self._is_closing = True
        if self._file:
            with suppress(RuntimeError):  # the event loop is closed already
                self.loop.remove_reader(self._file.workers.fileno())
        self.reader.close()
        return self.writer.close()

    # In the two threads

    @contextmanager
    def _read(self) -> Generator[Reading, None, None]:
        with self._settings.errors(), self._open().reading.transaction() as reading:
            yield reading

    @contextmanager
    def _write(self) -> Generator[Writing, None, None]:
        with self._settings.errors():
            file = self._open()
            # The turn is for the checkpoint that a commit may bring: before SQLite 3.51.3, one that
            # meets another may damage the file. And it comes sooner than by SQLite's own retries.
            with file.workers.turn(), file.writing.transaction(file.workers.meet()) as writing:
                yield writing
            commit, changed = writing.commit, writing.changed
            if commit is not None:
                file.workers.hint(array("q", [commit, *changed]).tobytes())
            # Who is not there yet will read what is committed now.
            if changed and (commit is not None or self._watchers):
                self.writer.post(self._committed, commit, changed)

    def _free(self) -> float | None:
        """Free a little of what is kept no longer. In how many seconds there may be more."""
        if self._file is None:
            return None
        pause = min(max(self._settings.retain / 10, 0.05), RARELY)
        if (left := self._look_at - time.monotonic()) > 0:
            return left
        with suppress(LogError, UsageError), self._settings.errors():
            if self._file.writing.has_expired():
                with self._file.workers.turn(), self._file.writing.transaction(False) as writing:
                    writing.free()
                pause = BREATH
        self._look_at = time.monotonic() + pause
        return pause

    def _open(self) -> File:
        with self._opening:
            if self._file is None:
                self._file = File(self._settings)
                self.writer.post(self._listen, self._file)
            return self._file

    def _leave(self) -> None:
        self.reader.join()
        if self._file:
            self._file.close()

    # On the event loop

    def _listen(self, file: File) -> None:
        self._known = file.known
        if not self._is_closing:
            self.loop.add_reader(file.workers.fileno(), self._hinted, file.workers)

    def _committed(self, commit: int | None, changed: Iterable[int]) -> None:
        if commit is not None and commit == self._known + 1:
            self._known = commit
        self._wake(changed)

    def _hinted(self, workers: Workers) -> None:
        hints = workers.hints()
        commit, *changed = array("q", hints[-1])
        if not self._watchers or (len(hints) == 1 and commit == self._known + 1):
            self._known = max(commit, self._known)
            self._wake(changed)
            return
        # Some of several may have been lost, where the socket was full: the file tells.
        known = self._known
        read = self.reader.call(lambda reading: reading.commits_after(known))
        read.add_done_callback(self._caught_up)

    def _caught_up(self, read: asyncio.Future[tuple[int, Iterable[int] | None]]) -> None:
        changed = None
        if not read.exception():
            commit, changed = read.result()
            self._known = max(self._known, commit)
        self._wake([*self._watchers] if changed is None else changed)

    def _wake(self, runs: Iterable[int]) -> None:
        for run in runs:
            for wake in tuple(self._watchers.get(run, {}).values()):
                wake()
