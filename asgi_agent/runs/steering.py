"""To cancel a run, answer it and tell it something, from any worker.

On a log that is shared all of it travels through the run's mailbox, so that its order is the same
for everybody, and another worker can go on; but a run of this worker is cancelled at once.
"""

from contextlib import aclosing
from typing import Any

from ..errors import AlreadyAnswered, Missing, SessionBusy, UnknownQuestion
from ..events import Approval, ClientTool, Question
from .dialogue import ANSWERED, NOBODY_ASKED
from .mailbox import Answer, Cancel, Letter, Mailbox, Tell, answers
from .record import count, read_record
from .run import Run
from .runs import Runs

NOTHING_RUNS = "Nothing is running."


class Steering:
    """What may be done with a run that goes on, here or elsewhere."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def cancel(self, run_id: str, reason: str | None = None) -> None:
        """Cancel the run; when this returns, it has ended. Raises `SessionBusy` if it had."""
        while (run := self._runs.get(run_id)) is not None:
            run.cancel(reason)
            await run.ended.wait()
            if run.outcome is not None:
                return
        last = await self._goes_on(run_id)
        if last is None:
            raise SessionBusy(NOTHING_RUNS)
        await self._mailbox(run_id).send(Cancel(reason))
        async with aclosing(self._runs.follow(run_id, last)) as pages:
            async for _ in pages:
                pass

    async def answer(self, run_id: str, question_id: str, value: Any) -> None:
        """Answer what was asked. Raises `UnknownQuestion` or `AlreadyAnswered`.

        A question that the agent itself has given up is known so only to the worker that runs it.
        """
        run = self._runs.get(run_id)
        if run is None:
            await self._answer_elsewhere(run_id, question_id, value)
        elif self._runs.log.is_shared:
            run.dialogue.check(question_id)
            await self._send(run, Answer(question_id, value))
        else:
            run.dialogue.answer(question_id, value)

    async def tell(self, run_id: str, message: Any) -> None:
        """Put a message into the agent's inbox. Raises `SessionBusy` if nothing runs."""
        run = self._runs.get(run_id)
        if run is None:
            if await self._goes_on(run_id) is None:
                raise SessionBusy(NOTHING_RUNS)
            await self._mailbox(run_id).send(Tell(message))
        elif self._runs.log.is_shared:
            await self._send(run, Tell(message))
        else:
            run.dialogue.inbox.put(message)

    async def questions(self, run_id: str) -> list[Question | Approval | ClientTool]:
        """What still has to be answered, in the order in which it was asked."""
        run = self._runs.get(run_id)
        if run is not None:
            return run.dialogue.questions
        if await self._goes_on(run_id) is None:
            return []
        said = (await read_record(self._runs.log, run_id)).said
        letters = await self._mailbox(run_id).read()
        asked = {
            each.id: each for each in said if isinstance(each, Question | Approval | ClientTool)
        }
        return [each for each in asked.values() if answers(letters, each.id) < count(said, each.id)]

    async def _send(self, run: Run, letter: Letter) -> None:
        number = await self._mailbox(run.id).send(letter)
        await run.duties.read_mail(run)
        run.duties.verdict(number)

    async def _answer_elsewhere(self, run_id: str, question_id: str, value: Any) -> None:
        if await self._goes_on(run_id) is None:
            if answers(await self._letters(run_id), question_id):
                raise AlreadyAnswered(ANSWERED)  # before the end
            raise UnknownQuestion(NOBODY_ASKED)
        asked = count((await read_record(self._runs.log, run_id)).said, question_id)
        if not asked:
            raise UnknownQuestion(NOBODY_ASKED)
        mailbox = self._mailbox(run_id)
        if answers(await mailbox.read(), question_id) >= asked:
            raise AlreadyAnswered(ANSWERED)
        number = await mailbox.send(Answer(question_id, value))
        earlier = [each for each in await mailbox.read() if each[0] < number]
        if answers(earlier, question_id) >= asked:
            raise AlreadyAnswered(ANSWERED)

    async def _goes_on(self, run_id: str) -> int | None:
        """The number of its newest entry, if the run goes on elsewhere; else None."""
        if not run_id or not self._runs.log.is_shared:
            return None
        try:
            page = await self._runs.read(run_id, 0)
        except Missing:
            return None
        return page.last if page.end is None else None

    async def _letters(self, run_id: str) -> list[tuple[int, Letter]]:
        return await self._mailbox(run_id).read() if self._runs.log.is_shared else []

    def _mailbox(self, run_id: str) -> Mailbox:
        return Mailbox(self._runs.log, run_id)
