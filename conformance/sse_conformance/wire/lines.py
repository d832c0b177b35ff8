"""A program that is asked one thing a line on its standard input, and answers each with a line."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self, cast

LARGEST = 256 * 1024 * 1024  # of one answer
FAREWELL = 1.0  # seconds for it to end, once it has closed its output
LAST_WORDS = 300  # characters that are kept of its standard error


@dataclass(frozen=True, slots=True)
class Said:
    """Its answer; None if there is none, and then why."""

    line: bytes | None
    why_not: str = ""


class Program:
    """The program. It is started when it is first asked, and anew after it has failed to answer."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: Process | None = None
        self._errors: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed with the context
        self.starts = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()
        self._errors.close()

    async def ask(self, question: bytes, seconds: float) -> Said:
        """Ask, and wait so long for the answer. Raises `OSError` if it cannot be started."""
        process = self._process or await self._start()
        stdin = cast("asyncio.StreamWriter", process.stdin)  # it was started with pipes
        stdout = cast("asyncio.StreamReader", process.stdout)
        try:
            async with asyncio.timeout(seconds):
                stdin.write(question + b"\n")
                await stdin.drain()
                line = await stdout.readline()
        except TimeoutError:
            await self._end()
            return Said(None, f"no answer in {seconds:g} s")
        except (OSError, ValueError):  # it reads no more, or its line is too long
            line = b""
        if line.endswith(b"\n"):
            return Said(line)
        return Said(None, await self._farewell(process))

    async def _start(self) -> Process:
        self.starts += 1
        loop = asyncio.get_running_loop()
        # As `asyncio.create_subprocess_exec` does it, but we keep the transport.
        self._transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(limit=LARGEST, loop=loop),
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=self._errors,
            start_new_session=True,  # so that all that it has started can be ended with it
        )
        self._process = Process(self._transport, protocol, loop)
        return self._process

    async def _farewell(self, process: Process) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await process.wait()
        status = process.returncode
        await self._end()
        self._errors.seek(0)
        words = self._errors.read().decode("utf-8", "replace").strip()[-LAST_WORDS:]
        self._errors.seek(0)
        self._errors.truncate()
        how = "no answer" if status is None else f"it ended with status {status}"
        return f"{how}: {words}" if words else how

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # What it has started in another session may hold its pipes for longer than we want to.
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await process.wait()
        self._transport.close()
