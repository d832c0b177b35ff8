"""The passive driver: it looks at any event stream by its URL, and does nothing that could harm.

Each exchange is recorded once, for all checks. A server that cannot answer several at once is not
blamed for that: what is not answered is asked again, and left out if the stream, asked for a moment
later, is not answered meanwhile.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Any, TypeAlias
from urllib.parse import urljoin

from ..options import Options
from ..transcript import Exchange, Record, Request, Subject
from ..wire.http1 import Connection, StopAfter, failed, record
from ..wire.place import place_of, written
from .errands import Errand, asked, errands, has_head

Progress: TypeAlias = Callable[[str], None]  # is told about once in a second what is done

REDIRECTS = 20  # as Fetch allows
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
WATCHED = 1024 * 1024  # bytes of the stream: a hundred thousand small events tell enough
WATCHERS = 3  # of the stream itself: what is judged by time has three samples
ASKING = 5  # requests at the same time, besides
# Of the time for an answer: so much later the stream is asked for, and so long it is waited for.
LATER, MEANWHILE = 0.2, 0.7
LINGER = 0.05  # seconds, for what should not follow a response without a body
CROWD = 100  # streams, if they may be opened
CROWD_SECONDS = 10.0


def quiet(_: str) -> None:
    """Tell nobody."""


def check(url: str, options: Options | None = None, progress: Progress = quiet) -> Record:
    """Record what the passive checks need. It takes 20 s at most, or 5 s if it shall be fast.

    Raises `ValueError` if the URL is none. If there is no response at all, "get" is all that is
    recorded, and its `head` is None.
    """
    place_of(url)
    visit = _Visit(url, options or Options(), progress)
    visit.arrive()
    return visit.record


@dataclass(frozen=True, slots=True)
class _Patience:
    """For how long, in seconds."""

    answer: float  # we wait for the head of a response, and for the end of what is no stream
    watch: float  # we look at the stream
    total: float  # all may take


def _patience(options: Options) -> _Patience:
    if options.fast:
        return _Patience(options.time_scale, 3.0 * options.time_scale, 5.0 * options.time_scale)
    # A silence is too long beyond 1.1 of this time, and it may begin a little later than we do.
    watch = 1.2 * options.heartbeat
    return _Patience(2.0 * options.time_scale, watch, watch + 2.0 * options.time_scale)


class _Visit:
    """What is done with one URL."""

    def __init__(self, url: str, options: Options, progress: Progress) -> None:
        self.record = Record(Subject(target=url, mode="check", options=options))
        self._url = url
        self._options = options
        self._progress = progress
        self._patience = _patience(options)
        self._end = perf_counter() + self._patience.total

    def arrive(self) -> None:
        """Find out where the stream is, and look at it if anybody answers."""
        wakes = 2 * self._patience.answer  # an application may have to wake up
        first = self._first(wakes)
        for _ in range(REDIRECTS):
            target = _redirected(self._url, first)
            if target is None or self._left < wakes:
                break
            self.record.add("redirect", first)
            self._url = target
            # There has to be some time to look at the stream itself.
            first = self._first(min(wakes, self._left - self._patience.answer))
        if first.head is None:
            self.record.add("get", first)
            return
        self._look_around(first)
        self._look_back()
        # So many connections are opened to nobody who has not agreed to it.
        if self._options.load and (self._options.own_target or place_of(self._url).is_loopback):
            self._crowd()

    @property
    def _left(self) -> float:
        return self._end - perf_counter()

    def _first(self, seconds: float) -> Exchange:
        self._progress(f"asking {self._url}")
        return record(self._url, self._get(), seconds=seconds, stop_after=has_head)

    def _get(self, last_event_id: str | None = None) -> Request:
        fields = [] if last_event_id is None else [("Last-Event-ID", last_event_id)]
        return asked(self._url, self._options, fields)

    def _look_around(self, first: Exchange) -> None:
        todo = list(errands(self._url, self._options))
        with ThreadPoolExecutor(WATCHERS + ASKING) as pool:
            watching = [pool.submit(self._watch) for _ in range(WATCHERS)]
            asking = [pool.submit(self._try, errand) for errand in todo]
            self._tell(asking)
            firsts = [each.result() for each in asking]
            answers = [self._settled(*each) for each in zip(todo, firsts, strict=True)]
            self._tell(watching)
        watched = (each.result() for each in watching)
        answered = [each for each in watched if each.head is not None]
        self._add_streams(answered or [first])  # it may have no time for so many
        for errand, exchanges in zip(todo, answers, strict=True):
            for exchange in exchanges:
                self.record.add(errand.name, exchange)

    def _tell(self, futures: Sequence[Future[Any]]) -> None:
        """Wait for all of these, and say how far it is."""
        unfinished = set(futures)
        while unfinished:
            _, unfinished = wait(unfinished, timeout=1.0)
            done = len(futures) - len(unfinished)
            left = max(self._left, 0.0)
            self._progress(f"{done} of {len(futures)} exchanges; {left:.0f} s at most are left")

    def _watch(self) -> Exchange:
        seconds = min(self._patience.watch, max(self._left, self._patience.answer))
        get = self._get()
        return record(self._url, get, seconds=seconds, stop_after=seconds, limit=WATCHED)

    def _add_streams(self, watched: Sequence[Exchange]) -> None:
        get, *again = watched
        self.record.add("get", get)
        for exchange in again:
            self.record.add("get_again", exchange)

    def _settled(self, errand: Errand, first: Exchange | None) -> list[Exchange]:
        """What came of it: one exchange with an answer, or two without; none if we cannot tell."""
        if first is None or not _is_silent(first):
            return [] if first is None else [first]
        if self._left < self._patience.answer:
            return []
        self._progress(f"asking again for what was not answered: {errand.name}")
        # It may have been busy with our other errands: none of them is under way now. Or it is with
        # streams that we have left, which it does not see before it writes: then it has no time for
        # those who come later either.
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(self._ask, errand, self._patience.answer)
            sleep(LATER * self._patience.answer)
            stream = Errand(name="", request=self._get(), stop_after=has_head)
            alive = self._ask(stream, MEANWHILE * self._patience.answer)
        second = asking.result()
        if not _is_silent(second):
            return [second]
        return [] if alive.head is None else [first, second]

    def _try(self, errand: Errand) -> Exchange | None:
        """None if there is no time for it: what gets less time than others cannot be compared."""
        if self._left < self._patience.answer:
            return None
        return self._ask(errand, self._patience.answer)

    def _ask(self, errand: Errand, seconds: float) -> Exchange:
        return record(
            self._url,
            errand.request,
            seconds=seconds,
            stop_after=errand.stop_after,
            linger=LINGER * self._options.time_scale if errand.may_be_empty else 0.0,
            half_close=errand.half_close,
        )

    def _look_back(self) -> None:
        """Do what a client does that has read the stream."""
        get = next(item for item in self.record.all("get") if isinstance(item, Exchange))
        identifier = get.stream.last_event_id
        # It is only judged where it is answered, and so it may have less time than others.
        seconds = min(self._patience.answer, self._left)
        if identifier and seconds > 0:
            request = self._get(identifier)
            again = self._ask(
                Errand(name="", request=request, stop_after=has_head, may_be_empty=True), seconds
            )
            if again.head is not None:
                self.record.add("reconnect", again)
        if get.end == "complete" and get.ended_at + self._patience.answer < self._left:
            self._keep_alive(get.ended_at + self._patience.answer)

    def _keep_alive(self, seconds: float) -> None:
        """Ask twice on one connection."""
        request = self._get()
        with ExitStack() as opened:
            try:
                connection = opened.enter_context(Connection(self._url, seconds=seconds))
            except OSError:
                return
            first = _ask_on(connection, request, seconds)
            self.record.add("kept_alive", first)
            answer = self._patience.answer
            if first.end == "complete" and self._left >= answer:
                self.record.add("kept_alive", _ask_on(connection, request, answer, has_head))

    def _crowd(self) -> None:
        """Open many streams, keep them open, and ask for one more."""
        request = self._get()
        end = perf_counter() + CROWD_SECONDS * self._options.time_scale
        with ExitStack() as opened:
            while len(self.record.all("crowd")) < CROWD and perf_counter() < end:
                self._progress(f"{len(self.record.all('crowd'))} streams are open")
                try:
                    connection = opened.enter_context(Connection(self._url))
                except OSError as error:
                    self.record.add("crowd", failed(request, error))
                    break
                exchange = _ask_on(connection, request, self._patience.answer, has_head)
                self.record.add("crowd", exchange)
                if exchange.head is None:
                    break
            one_more = record(
                self._url, request, seconds=self._patience.answer, stop_after=has_head
            )
            self.record.add("after_crowd", one_more)


def _ask_on(
    connection: Connection, request: Request, seconds: float, stop_after: StopAfter | None = None
) -> Exchange:
    connection.send(written(request), seconds=seconds)
    return connection.receive(request, seconds=seconds, stop_after=stop_after)


def _is_silent(exchange: Exchange) -> bool:
    return exchange.head is None and exchange.end == "timeout"


def _redirected(url: str, exchange: Exchange) -> str | None:
    """Where we are sent, if it is somewhere that can be asked."""
    head = exchange.head
    if head is None or head.status not in REDIRECT_STATUSES:
        return None
    try:
        target = urljoin(url, head.value("location") or "")
        place = place_of(target)
    except ValueError:
        return None
    return target if place.scheme in ("http", "https") and target != url else None
