"""What `tests/command/test_workers.py` has supervised: a process that tells what happens to it.

It is called with a directory, what to do, and the two files of a worker.
"""

import os
import select
import signal
import socket
import sys
from pathlib import Path
from types import FrameType


def main() -> None:
    directory, action, bound, parent = Path(sys.argv[1]), *sys.argv[2:]
    seen = directory / str(os.getpid())

    def tell(what: str) -> None:
        with seen.open("a") as file:
            file.write(f"{what}\n")

    def stop(number: int, _: FrameType | None) -> None:
        tell(signal.Signals(number).name)
        sys.exit(0)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    tell(str(socket.socket(fileno=int(bound)).getsockname()[1]))
    if action == "fail":
        sys.exit(2)
    if action == "end" and len(list(directory.iterdir())) == 1:
        sys.exit(0)
    select.select([int(parent)], [], [])
    tell("orphaned")


if __name__ == "__main__":
    main()
