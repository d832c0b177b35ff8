"""What a log keeps of a run, where it may not keep all of it."""

from asgi_agent.logs import EventLog
from asgi_agent.logs.memory import OVERHEAD


async def check_that_the_end_is_kept(log: EventLog, keep: int, batches: list[list[int]]) -> None:
    """Append batches of entries of these lengths to a log that keeps so many bytes of a run."""
    await log.create("run")
    said: list[bytes] = []
    for batch in batches:
        entries = [bytes([index % 256]) * size for index, size in enumerate(batch, len(said))]
        said += entries
        assert await log.append("run", entries) == len(said)
        for after in (0, len(said) // 2, len(said)):
            page = await log.read("run", after, 1000)
            assert page.start > after
            assert list(page.entries) == said[page.start - 1 :]
            assert page.last == len(said)
    page = await log.read("run", 0, 1000)
    kept = [len(each) + OVERHEAD for each in page.entries]
    assert sum(kept) <= keep or len(kept) == 1
    if page.start > 1:  # and no more was let go than had to
        assert sum(kept) + len(said[page.start - 2]) + OVERHEAD > keep
    assert bool(kept) == bool(said)
