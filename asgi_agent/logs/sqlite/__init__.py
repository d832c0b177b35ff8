"""The event log in a file that the processes of one machine share: `sqlite:///events.db`.

What was acknowledged survives `kill -9` of any process. With `synchronous="FULL"` it survives the
loss of power too; with "NORMAL" that may take what came since the last checkpoint, a few megabytes,
and leaves the file undamaged.

Beside `events.db` are SQLite's own `-wal` and `-shm`, and the directory `events.db-workers`. They
belong on a local disk: no network file system has the locks and the shared memory that this needs.
Leases are judged by the clock of the machine, which nobody sets. When the machine starts anew, so
does the clock: then all leases have run out, and what is retained is retained for as long again.

Nothing is opened before the first call: a process may fork until then, but not after it.
"""

from .log import SQLiteLog

__all__ = ["SQLiteLog"]
