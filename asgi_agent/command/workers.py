"""Several processes that serve one socket, and the supervisor that keeps them alive.

Each is a whole server of its own; they share the listening socket and the event log, nothing else.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Sequence

from .hosts import stop_signals

log = logging.getLogger("asgi_agent")

START_SECONDS = 5.0  # a first worker that fails before has not understood, and would fail again
PAUSE_SECONDS = 1.0  # before a worker that died young is started again


class Worker:
    """One process, started again when it dies."""

    def __init__(self, command: Sequence[str], files: Sequence[int]) -> None:
        self._command = command
        self._files = files
        self._process: asyncio.subprocess.Process | None = None
        self._is_stopping = False
        self._has_served = False  # so that the command is right, whatever happens later

    @property
    def pid(self) -> int | None:
        """The number of the process, which may have ended."""
        return None if self._process is None else self._process.pid

    async def keep(self) -> int:
        """Keep it alive until it is stopped; 0, or the status with which it failed to start."""
        loop = asyncio.get_running_loop()
        while not self._is_stopping:
            began = loop.time()
            if (process := await self._start()) is None:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if self._is_stopping:
                process.terminate()  # it was stopped while it began
            status = await process.wait()
            is_young = loop.time() - began < START_SECONDS
            if self._is_stopping:
                break
            self._has_served |= not is_young
            if status > 0 and not self._has_served:
                return status  # it has said why
            log.warning("Worker %d %s", process.pid, _ending(status))
            if is_young:
                await asyncio.sleep(PAUSE_SECONDS)
        return 0

    async def _start(self) -> asyncio.subprocess.Process | None:
        """A new process; None if there can be none now, though there could before."""
        try:
            # In a process group of its own: Ctrl-C is for the supervisor, which hands it on once.
            self._process = await asyncio.create_subprocess_exec(
                *self._command, pass_fds=self._files, process_group=0
            )
        except OSError as error:
            if not self._has_served:
                raise
            log.warning("No worker can be started now: %s", error)
            return None
        return self._process

    def stop(self, received: signal.Signals) -> None:
        """Hand the signal on; do not start it again."""
        self._is_stopping = True
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(received)


async def supervise(command: Sequence[str], bound: socket.socket, count: int) -> int:
    """Keep `count` workers serving the socket until a signal. The exit status.

    `command` is what starts one; it gets two arguments more, the numbers of two open files: the
    socket, and a pipe that becomes readable when this process has ended, however it ended.
    """
    parent, lifeline = os.pipe()
    files = (bound.fileno(), parent)
    with bound, stop_signals() as signals:
        workers = [Worker([*command, *map(str, files)], files) for _ in range(count)]
        keeping = [asyncio.create_task(worker.keep()) for worker in workers]
        handing = asyncio.create_task(_hand_on(signals, workers))
        try:
            status = 0
            for each in asyncio.as_completed(keeping):
                status = status or await each
                for worker in workers if status else ():
                    worker.stop(signal.SIGTERM)
        finally:
            handing.cancel()
            os.close(lifeline)
            os.close(parent)
    return status


async def _hand_on(signals: asyncio.Queue[signal.Signals], workers: Sequence[Worker]) -> None:
    while True:
        received = await signals.get()
        log.info("%s: stopping the workers", received.name)
        for worker in workers:
            worker.stop(received)


def _ending(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}: another one is started"
    return f"has ended with status {status}: another one is started"
