"""`python -m tests.faults`: the whole fault table, 20 rounds of each row, for a report."""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.faults.rows import ROWS, Stage

ROUNDS = 20


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    failed = 0
    for kind in ("sqlite", "redis"):
        for name, (play, kinds) in ROWS.items():
            if kind not in kinds:
                continue
            outcomes: Counter[str] = Counter()
            broken: list[str] = []
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
                stage = Stage(kind, Path(directory), stack)
                for number in range(rounds):
                    try:
                        outcomes.update(asyncio.run(play(stage)))
                    except (AssertionError, TimeoutError, OSError) as error:
                        broken.append(f"round {number}: {error!r:.300}")
            failed += len(broken)
            told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
            took = time.monotonic() - began
            held = rounds - len(broken)
            print(
                f"{kind:7} {name.replace('_', ' '):62} {held}/{rounds}  {told}  ({took:.0f} s)",
                flush=True,
            )
            print(*broken, sep="\n", end="\n" if broken else "", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
