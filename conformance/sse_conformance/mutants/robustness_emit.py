"""Servers that go on, or go wrong, when something has failed."""

import asyncio
import signal
from traceback import format_exc

from ..drivers.emit_state import record_bad_inputs, record_failures, record_leaving, record_shutdown
from ..options import Options
from ..transcript import Record
from .driving import live, of_process
from .golden import Golden, Out
from .http import Asked, Refused, Wire
from .registry import mutant
from .serving import serve_forever

HASTY = Options(time_scale=0.2)


@live("ROB-08", record_leaving, options=HASTY)
class Unaware(Golden):
    """Goes on without its client."""

    async def on_disconnect(self, work: asyncio.Future[bool]) -> None:
        work.add_done_callback(lambda done: done.cancelled() or done.exception())


@live("ROB-10", record_bad_inputs)
class Fragile(Golden):
    """Answers 500 to what it cannot read."""

    async def refuse(self, asked: Asked, wire: Wire, refused: Refused) -> bool:
        failed = Refused(500, "an error of the server")
        return await super().refuse(asked, wire, failed if refused.status == 400 else refused)


@live("ROB-11", record_failures)
class Discreet(Golden):
    """Ends a stream that has failed as if it were complete."""

    def failed(self, out: Out) -> bool:
        out.end()
        return True


@live("ROB-12", record_failures)
class Indiscreet(Golden):
    """Sends its traceback."""

    def failed(self, out: Out) -> bool:
        lines = "".join(f"data: {line}\n" for line in format_exc().split("\n"))
        out.wire.write_now(out.framed(f"event: failure\n{lines}\n".encode()))
        return False


class Stubborn(Golden):
    """Does not hear that it should end."""

    async def serve(self, host: str, port: int) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        await serve_forever(host, port, self.connection, until=())


@mutant("ROB-16", "does not end its streams when it is told to", Stubborn().serve)
def stubborn() -> Record:
    return of_process(Stubborn, record_shutdown)
