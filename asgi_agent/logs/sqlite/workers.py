"""The processes of one machine that share a file: whose turn it is, and how one wakes the others.

Both live in a directory beside the file, which has a lock, and a socket for each worker. When a
process dies, however it dies, the kernel gives back its lock, and its socket refuses what is sent
to it: nothing that is left behind means anything, and who meets it removes it.
"""

import errno
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from ...errors import Unavailable, UsageError

fcntl = import_module("fcntl") if find_spec("fcntl") else None

LONGEST = 100  # bytes of the address of a socket: Linux has room for 107, others for 103
LARGEST = 65536  # bytes of a hint
PAUSE = 0.0005  # seconds between two attempts to get a turn
SETTLED = 10**8  # nanoseconds: older than that, a directory's time tells two changes apart

numbers = count()  # of the workers of this process


class Workers:
    """One worker, and all others that it can wake."""

    def __init__(self, folder: str, patience: float) -> None:
        if fcntl is None:
            raise UsageError("processes share a file by a lock that this system does not have")
        self._fcntl = fcntl
        self._folder = Path(folder)
        self._patience = patience  # seconds that the turn of another one may take
        self._folder.mkdir(exist_ok=True)
        self._directory = os.open(folder, os.O_RDONLY)
        self._lock = os.open(f"{folder}/lock", os.O_RDWR | os.O_CREAT, 0o666)
        self._name = ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._others: dict[str, socket.socket] = {}
        self._listed: int | None = None  # the directory's time when it was listed

    def close(self) -> None:
        """Leave, and give back a turn if there is one."""
        if self._name:
            with suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._directory)
        for each in (self._socket, *self._others.values()):
            each.close()
        os.close(self._lock)
        os.close(self._directory)

    @contextmanager
    def turn(self) -> Generator[None, None, None]:
        """Be the only one of all workers inside. Raises `Unavailable` if that takes too long."""
        self._wait_for_turn()
        try:
            yield
        finally:
            self._fcntl.flock(self._lock, self._fcntl.LOCK_UN)

    def _wait_for_turn(self) -> None:
        patient_until = time.monotonic() + self._patience
        while True:
            try:
                self._fcntl.flock(self._lock, self._fcntl.LOCK_EX | self._fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > patient_until:
                    raise Unavailable(
                        f"another process keeps {self._folder}/lock for over {self._patience} s"
                    ) from None
                time.sleep(PAUSE)
            else:
                return

    # What follows up to `hint` is done in a turn

    def join(self) -> None:
        """Let the others find this worker, from their next turn on."""
        self.meet()  # which removes what the dead have left
        while not self._name:
            name = f"{os.getpid()}-{next(numbers)}"  # one process, or PID, may have several
            try:
                self._socket.bind(self._address(name))
                self._name = name
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise

    def meet(self) -> bool:
        """Get to know who has come, and forget who has left. Whether there is anybody."""
        changed = self._folder.stat().st_mtime_ns
        if changed != self._listed:
            self._list()
            is_settled = time.time_ns() - changed > SETTLED
            self._listed = changed if is_settled else None
        return bool(self._others)

    def _list(self) -> None:
        names = {path.name for path in self._folder.glob("[0-9]*-*")} - {self._name}
        for name in self._others.keys() - names:
            self._others.pop(name).close()
        for name in names - self._others.keys():
            self._connect(name)

    def _connect(self, name: str) -> None:
        # A socket for each of them: what one of them does not read takes no room from the others.
        other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        other.setblocking(False)
        try:
            other.connect(self._address(name))
            self._others[name] = other
        except OSError as error:
            other.close()
            if error.errno == errno.ECONNREFUSED:  # it has died; else it is just leaving
                os.unlink(name, dir_fd=self._directory)

    def _address(self, name: str) -> str:
        path = f"{self._folder}/{name}"
        is_short = len(os.fsencode(path)) <= LONGEST
        return path if is_short else f"/proc/self/fd/{self._directory}/{name}"

    # To wake and to be woken

    def hint(self, hint: bytes) -> None:
        """Send it to all others. It never waits: who has many hints to read gets no more."""
        for name, other in [*self._others.items()]:
            try:
                other.send(hint)
            except BlockingIOError:
                pass
            except OSError:  # it has left, or died
                self._others.pop(name).close()
                self._listed = None

    def fileno(self) -> int:
        """What becomes readable with a hint."""
        return self._socket.fileno()

    def hints(self) -> list[bytes]:
        """Take all that have come. If there are several, some before the last may be missing."""
        hints: list[bytes] = []
        with suppress(BlockingIOError):
            while True:
                hints.append(self._socket.recv(LARGEST))
        return hints
