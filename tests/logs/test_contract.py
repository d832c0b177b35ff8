"""What every event log promises, whatever it is made of."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeAlias

import pytest

from asgi_agent.errors import Closed, Diverged, Fenced, Missing
from asgi_agent.logs import DELETED, EventLog, Page
from tests.logs.stores import STORES, Open, Store

TTL = 0.2  # seconds of a lease: short, as some stores have only the real time
PATIENCE = 5.0  # seconds that a wake may take

Test: TypeAlias = Callable[[Store], Awaitable[None]]


@pytest.fixture(params=list(STORES))
def open_store(request: pytest.FixtureRequest) -> Open:
    return STORES[request.param]


def contract(test: Test) -> Callable[[Open], None]:
    """Make a test of one store a test of all of them."""

    def play(open_store: Open) -> None:
        async def main() -> None:
            async with open_store() as store:
                await test(store)

        asyncio.run(main())

    play.__name__ = test.__name__
    return play


async def created(log: EventLog, run: str = "run", *entries: bytes) -> str:
    assert await log.create(run)
    if entries:
        await log.append(run, entries)
    return run


async def owned(log: EventLog, run: str, ttl: float = TTL) -> int:
    epoch = await log.claim(run, ttl)
    assert epoch is not None
    return epoch


async def everything(log: EventLog, run: str, after: int = 0) -> list[bytes]:
    return list((await log.read(run, after)).entries)


# To create


@contract
async def test_a_new_run_is_empty_open_and_nobody_s(store: Store) -> None:
    run = await created(store.log)
    assert await store.log.read(run, 0) == Page(1, [], 0, None, None, b"")


@contract
async def test_to_create_a_run_again_does_nothing(store: Store) -> None:
    assert await store.log.create("run", b"first")
    await store.log.append("run", [b"a"])
    assert not await store.log.create("run", b"second")
    page = await store.log.read("run", 0)
    assert (page.entries, page.meta) == ([b"a"], b"first")


@contract
async def test_runs_do_not_know_each_other(store: Store) -> None:
    one, two = await created(store.log, "run"), await created(store.log, "run2")
    await store.log.append(one, [b"a", b"b"])
    assert await store.log.append(two, [b"c"]) == 1
    assert await everything(store.log, two) == [b"c"]


@contract
async def test_a_run_may_have_any_name(store: Store) -> None:
    for name in ("", "a/b", "é\u2028", "' or 1=1 --", "{x}", "%s", "*", "x" * 300):
        run = await created(store.log, name, name.encode())
        assert await everything(store.log, run) == [name.encode()]


@contract
async def test_nothing_can_be_done_with_a_run_that_never_was(store: Store) -> None:
    for attempt in (
        store.log.append("run", [b"a"]),
        store.log.append("run", [], end=DELETED),
        store.log.read("run", 0),
        store.log.claim("run", TTL),
        store.log.watch("run", print),
    ):
        with pytest.raises(Missing):
            await attempt


# To append and to read


@contract
async def test_entries_are_numbered_from_1_without_holes(store: Store) -> None:
    run = await created(store.log)
    assert await store.log.append(run, [b"a"]) == 1
    assert await store.log.append(run, [b"b", b"c"]) == 3
    assert await store.log.append(run, []) == 3
    page = await store.log.read(run, 0)
    assert (page.start, page.entries, page.last) == (1, [b"a", b"b", b"c"], 3)


@contract
async def test_an_entry_is_any_bytes(store: Store) -> None:
    entries = [b"", b"\x00\n\xff", b"x" * 100_000, bytes(range(256))]
    run = await created(store.log, "run", *entries)
    assert await everything(store.log, run) == entries


@contract
async def test_what_is_read_begins_after_the_number_that_is_known(store: Store) -> None:
    run = await created(store.log, "run", b"a", b"b", b"c")
    for after in range(4):
        page = await store.log.read(run, after)
        assert page.start == after + 1
        assert list(page.entries) == [b"a", b"b", b"c"][after:]
        assert page.last == 3


@contract
async def test_a_number_ahead_of_the_log_reads_nothing_and_shows_where_the_log_is(
    store: Store,
) -> None:
    run = await created(store.log, "run", b"a")
    for after in (1, 7, (1 << 53) + 1, 10**30):
        page = await store.log.read(run, after)
        assert (page.start, page.entries, page.last) == (after + 1, [], 1)


@contract
async def test_a_page_has_no_more_than_the_limit(store: Store) -> None:
    run = await created(store.log, "run", *(b"%d" % number for number in range(1, 601)))
    seen: list[bytes] = []
    while len(seen) < 600:
        page = await store.log.read(run, len(seen), 7)
        assert page.start == len(seen) + 1
        assert 1 <= len(page.entries) <= 7
        seen += page.entries
    assert seen == [b"%d" % number for number in range(1, 601)]
    assert len((await store.log.read(run, 0)).entries) == 256


@contract
async def test_what_was_read_does_not_change_when_more_is_said(store: Store) -> None:
    run = await created(store.log, "run", b"a")
    page = await store.log.read(run, 0)
    await store.log.append(run, [b"b"])
    assert (list(page.entries), page.last) == ([b"a"], 1)


# To append again, because the answer was lost


@contract
async def test_to_repeat_an_append_changes_nothing(store: Store) -> None:
    run = await created(store.log, "run", b"a")
    for _ in range(3):
        assert await store.log.append(run, [b"b", b"c"], at=1) == 3
    assert await everything(store.log, run) == [b"a", b"b", b"c"]


@contract
async def test_to_repeat_an_append_after_others_changes_nothing(store: Store) -> None:
    run = await created(store.log, "run", b"a")
    await store.log.append(run, [b"b"], at=1)
    await store.log.append(run, [b"c"], at=2)
    assert await store.log.append(run, [b"b"], at=1) == 3
    assert await everything(store.log, run) == [b"a", b"b", b"c"]


@contract
async def test_to_repeat_the_end_changes_nothing(store: Store) -> None:
    run = await created(store.log)
    epoch = await owned(store.log, run)
    for entries in ([b"a"], []):
        last = await store.log.append(run, [b"a"], at=0, epoch=epoch, end="done")
        assert last == 1
        assert (
            await store.log.append(run, entries, at=1 - len(entries), epoch=epoch, end="done") == 1
        )
    page = await store.log.read(run, 0)
    assert (page.entries, page.end) == ([b"a"], "done")


@contract
async def test_an_end_is_not_taken_for_the_repeat_of_an_append_without_one(store: Store) -> None:
    run = await created(store.log)
    await store.log.append(run, [b"a"], at=0)
    with pytest.raises(Diverged):
        await store.log.append(run, [b"a"], at=0, end="done")
    assert (await store.log.read(run, 0)).end is None


@contract
async def test_a_log_behind_what_it_acknowledged_has_diverged(store: Store) -> None:
    run = await created(store.log, "run", b"a")
    for entries in ([b"b"], []):
        with pytest.raises(Diverged):
            await store.log.append(run, entries, at=2)
    with pytest.raises(Diverged):
        await store.log.append(run, [b"b", b"c"], at=0)  # the half of it would be a repeat
    assert await everything(store.log, run) == [b"a"]


# To end


@contract
async def test_the_end_comes_with_the_last_entry_and_is_final(store: Store) -> None:
    run = await created(store.log, "run", b"a")
    await store.log.append(run, [b"b"], end="done")
    page = await store.log.read(run, 0)
    assert (page.entries, page.end, page.is_end) == ([b"a", b"b"], "done", True)
    for entries, end in (([b"c"], None), ([], "failed"), ([b"c"], "done")):
        for at in (None, 2):
            with pytest.raises(Closed):
                await store.log.append(run, entries, at=at, end=end)
    assert (await store.log.read(run, 0)) == page


@contract
async def test_only_the_page_with_the_last_entry_is_the_end(store: Store) -> None:
    run = await created(store.log, "run", b"a", b"b")
    assert not (await store.log.read(run, 0)).is_end
    await store.log.append(run, [], end="done")
    assert not (await store.log.read(run, 0, 1)).is_end
    assert (await store.log.read(run, 1, 1)).is_end
    assert (await store.log.read(run, 2, 1)).is_end


@contract
async def test_a_run_that_has_ended_cannot_be_claimed(store: Store) -> None:
    run = await created(store.log)
    await store.log.append(run, [], end="done")
    assert await store.log.claim(run, TTL) is None


@contract
async def test_a_deleted_run_is_gone_and_its_name_is_free(store: Store) -> None:
    for end in (None, "done"):
        run = await created(store.log, "run", b"a")
        epoch = await owned(store.log, run)
        if end:
            await store.log.append(run, [b"b"], epoch=epoch, end=end)
        await store.log.append(run, [], end=DELETED)
        for attempt in (store.log.read(run, 0), store.log.append(run, [b"c"], epoch=epoch)):
            with pytest.raises(Missing):
                await attempt


@contract
async def test_who_was_replaced_deletes_nothing(store: Store) -> None:
    run = await created(store.log, "run", b"a")
    earlier = await owned(store.log, run)
    await store.log.append(run, [], epoch=earlier)  # given up
    later = await owned(store.log, run)
    with pytest.raises(Fenced):
        await store.log.append(run, [], epoch=earlier, end=DELETED)
    assert (await store.log.read(run, 0)).entries == [b"a"]
    await store.log.append(run, [], epoch=later, end=DELETED)
    with pytest.raises(Missing):
        await store.log.read(run, 0)


# To own


@contract
async def test_one_owner_at_a_time(store: Store) -> None:
    run = await created(store.log)
    assert await store.log.claim(run, TTL) is not None
    assert await store.log.claim(run, TTL) is None
    assert await store.log.claim(run, inf) is None


@contract
async def test_a_lease_that_runs_out_can_be_claimed_under_a_higher_epoch(store: Store) -> None:
    run = await created(store.log)
    first = await owned(store.log, run)
    await store.pass_time(TTL * 1.5)
    lease = (await store.log.read(run, 0)).lease
    assert lease is not None
    assert lease < 0  # the owner is lost, and whoever reads can tell
    assert await owned(store.log, run) > first


@contract
async def test_each_append_of_the_owner_renews_its_lease(store: Store) -> None:
    run = await created(store.log)
    epoch = await owned(store.log, run)
    for entries in ([b"a"], [], [b"b"]):
        await store.pass_time(TTL * 0.6)
        await store.log.append(run, entries, epoch=epoch, ttl=TTL)
        assert await store.log.claim(run, TTL) is None
        lease = (await store.log.read(run, 0)).lease
        assert lease is not None
        assert 0 < lease <= TTL * 1.01


@contract
async def test_a_lease_may_be_for_ever(store: Store) -> None:
    run = await created(store.log)
    epoch = await owned(store.log, run, inf)
    await store.log.append(run, [b"a"], epoch=epoch, ttl=inf)
    assert (await store.log.read(run, 0)).lease == inf
    assert await store.log.claim(run, TTL) is None


@contract
async def test_an_owner_can_give_up_its_lease(store: Store) -> None:
    run = await created(store.log)
    first = await owned(store.log, run)
    await store.log.append(run, [b"a"], epoch=first, ttl=0)
    assert (await store.log.read(run, 0)).lease is None
    assert await owned(store.log, run) > first


@contract
async def test_the_end_gives_up_the_lease(store: Store) -> None:
    run = await created(store.log)
    epoch = await owned(store.log, run)
    await store.log.append(run, [b"a"], epoch=epoch, ttl=TTL, end="done")
    assert (await store.log.read(run, 0)).lease is None


@contract
async def test_a_former_owner_is_fenced_off(store: Store) -> None:
    run = await created(store.log)
    first = await owned(store.log, run)
    await store.log.append(run, [b"a"], at=0, epoch=first, ttl=TTL)
    await store.pass_time(TTL * 1.5)
    second = await owned(store.log, run)
    for entries, at in (([b"b"], 1), ([b"a"], 0), ([], 1)):  # not even a repeat, or a heartbeat
        with pytest.raises(Fenced):
            await store.log.append(run, entries, at=at, epoch=first, ttl=TTL)
    await store.log.append(run, [b"c"], at=1, epoch=second, ttl=TTL)
    assert await everything(store.log, run) == [b"a", b"c"]


@contract
async def test_an_owner_that_was_late_goes_on_if_nobody_has_claimed_the_run(store: Store) -> None:
    run = await created(store.log)
    epoch = await owned(store.log, run)
    await store.pass_time(TTL * 1.5)
    assert await store.log.append(run, [b"a"], at=0, epoch=epoch, ttl=TTL) == 1
    assert await store.log.claim(run, TTL) is None


@contract
async def test_who_writes_without_an_epoch_leaves_the_lease_alone(store: Store) -> None:
    run = await created(store.log)
    epoch = await owned(store.log, run)
    await store.log.append(run, [b"for the inbox"])
    assert await store.log.claim(run, TTL) is None
    assert await store.log.append(run, [b"a"], epoch=epoch, ttl=TTL) == 2


# To watch


class Watcher:
    """Counts how often it was woken."""

    def __init__(self) -> None:
        self.count = 0
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self.count += 1
        self._woken.set()

    async def woken(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._woken.wait()
        self._woken.clear()


@contract
async def test_every_change_wakes_all_who_watch_the_run(store: Store) -> None:
    run, other = await created(store.log), await created(store.log, "other")
    watchers = [Watcher(), Watcher()]
    stranger = Watcher()
    for watcher in watchers:
        await store.log.watch(run, watcher.wake)
    await store.log.watch(other, stranger.wake)
    changes: list[tuple[list[bytes], str | None]] = [
        *(([b"a"], None), ([b"b", b"c"], None)),
        *(([b"d"], "done"), ([], DELETED)),
    ]
    for entries, end in changes:
        await store.log.append(run, entries, end=end)
        for watcher in watchers:
            await watcher.woken()
    assert stranger.count == 0


@contract
async def test_who_watches_no_more_is_left_alone(store: Store) -> None:
    run = await created(store.log)
    gone, still = Watcher(), Watcher()
    unwatch = await store.log.watch(run, gone.wake)
    await store.log.watch(run, still.wake)
    await unwatch()
    await unwatch()  # twice is no error
    await store.log.append(run, [b"a"])
    await still.woken()
    assert gone.count == 0


@contract
async def test_one_function_may_watch_twice_and_stop_once(store: Store) -> None:
    run = await created(store.log)
    watcher = Watcher()
    unwatch = await store.log.watch(run, watcher.wake)
    await store.log.watch(run, watcher.wake)
    await unwatch()
    await store.log.append(run, [b"a"])
    await watcher.woken()


@contract
async def test_a_watcher_may_stop_while_it_is_woken(store: Store) -> None:
    run = await created(store.log)
    first, second = Watcher(), Watcher()
    tasks: list[asyncio.Task[None]] = []

    def wake() -> None:
        tasks.append(asyncio.create_task(unwatch()))
        first.wake()

    async def unwatch() -> None:
        await stop()

    stop = await store.log.watch(run, wake)
    await store.log.watch(run, second.wake)
    await store.log.append(run, [b"a"])
    await first.woken()
    await asyncio.gather(*tasks)
    await second.woken()


@contract
async def test_an_entry_said_between_the_watch_and_the_read_is_read(store: Store) -> None:
    run = await created(store.log)
    watcher = Watcher()
    await store.log.watch(run, watcher.wake)
    await store.log.append(run, [b"a"])
    assert await everything(store.log, run) == [b"a"]


@contract
async def test_who_reads_at_the_same_time_as_others_reads_the_same_also_if_they_leave(
    store: Store,
) -> None:
    run = await created(store.log)
    for number in range(3):
        readers = [asyncio.create_task(store.log.read(run, 0)) for _ in range(5)]
        await asyncio.sleep(0)
        readers[0].cancel()
        readers[3].cancel()
        pages = [await readers[place] for place in (1, 2, 4)]
        assert [list(page.entries) for page in pages] == [[b"a"] * number] * 3
        await store.log.append(run, [b"a"])


@contract
async def test_what_was_said_before_a_read_is_in_it_whoever_reads_meanwhile(store: Store) -> None:
    run = await created(store.log)

    async def read_on(readers: int = 200) -> None:
        for _ in range(readers):
            await store.log.read(run, 0)

    others = asyncio.gather(*(read_on() for _ in range(4)))
    for number in range(1, 51):
        await store.log.append(run, [b"a"])
        assert len(await everything(store.log, run)) == number
    await others


@contract
async def test_many_follow_one_run_from_anywhere(store: Store) -> None:
    """Watch, read, wait: the loop that every follower runs."""
    run = await created(store.log)

    async def follow(after: int) -> list[bytes]:
        changed = asyncio.Event()
        unwatch = await store.log.watch(run, changed.set)
        seen: list[bytes] = []
        while True:
            changed.clear()
            page = await store.log.read(run, after + len(seen), 3)
            seen += page.entries
            if page.is_end:
                await unwatch()
                return seen
            if not page.entries:
                await changed.wait()

    followers = [asyncio.create_task(follow(after)) for after in range(10)]
    said = [b"%d" % number for number in range(40)]
    for start in range(0, 40, 4):
        await asyncio.sleep(0)
        await store.log.append(run, said[start : start + 4])
    await store.log.append(run, [], end="done")
    for after, follower in enumerate(followers):
        assert await follower == said[after:]
