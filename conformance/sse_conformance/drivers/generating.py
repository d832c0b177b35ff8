"""Look for scripts that break a requirement, and then for the smallest one: with Hypothesis.

One property is tried per requirement, so that no finding hides another. It decides nothing: what
is kept is judged again, with all the rest, when the record is.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from time import perf_counter
from typing import TypeAlias

from hypothesis import HealthCheck, Phase, Verbosity, given, settings

from ..checks.emissions import PER_EMISSION
from ..emission import Emission, traits_of
from ..examples import EXAMPLES
from ..script import text_of
from ..strategies import SCRIPTS, Scripts
from ..transcript import Emitted, Operations

# None: the producer cannot be reached any more.
Emit: TypeAlias = Callable[[Operations], Emitted | None]

KEPT = 12  # of the generated scripts of a requirement that find nothing
MOST = 1000  # generated scripts of a requirement
SAMPLES = 2  # more of what was found, to see whether it is always so
SHRINKING = 3.0  # seconds, to look for something smaller
# Here it is no matter how long a script takes, or how many of them are of no use.
HEALTH_CHECKS = (
    *(HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.nested_given),
    *(HealthCheck.data_too_large, HealthCheck.large_base_example),
)
OPTIONAL = {"comment", "retry", "sleep"}  # the operations and fields that are capabilities


class _Found(AssertionError):
    """What Hypothesis is to make smaller."""


class _Over(BaseException):
    """The time is over. It is no `Exception`, for Hypothesis would look for a smaller one."""


@dataclass(kw_only=True)
class Search:
    """What is looked for, and what of it is for the record."""

    emit: Emit
    able: frozenset[str]  # the producer's capabilities
    is_json: bool = False
    derandomize: bool = False
    until: float = inf  # on the clock of `perf_counter`: however many scripts are left
    most: int = MOST
    examples: bool = True  # begin with the scripts that somebody thought of
    only: Collection[str] | None = None  # the requirements to look at; None: all
    kept: list[Emitted] = field(default_factory=list[Emitted])
    tried: int = 0
    is_lost: bool = False  # there is no producer any more
    broken: set[str] = field(default_factory=set[str])  # the requirements with a finding

    def look_for_all(self, seconds: float, tell: Callable[[str], None]) -> None:
        """Try all requirements, for so many seconds, or for twice as many if there are findings."""
        for scripts in SCRIPTS.values():
            scripts.validate()  # a table of all characters, at first: nobody's time is spent on it
        began = perf_counter()
        order = [each for each in requirements() if self.only is None or each in self.only]
        for place, requirement in enumerate(order):
            left = began + seconds - perf_counter()
            self.look_for(requirement, max(left, 0.0) / (len(order) - place))
            tell(f"{requirement}: {self.tried} scripts")
            if self.is_over or perf_counter() > began + 2 * seconds + SHRINKING:
                return

    def look_for(self, requirement: str, seconds: float) -> None:
        """Try one, for so many seconds, and keep what was found, or some of what was not."""
        attempt = _Attempt(self, requirement, perf_counter() + seconds)
        if self.examples:
            attempt.try_examples()
        if not attempt.found and requirement in SCRIPTS:
            attempt.generate(SCRIPTS[requirement])
        self.kept += attempt.sound
        if attempt.found:
            self.broken.add(requirement)
            smallest = min(attempt.found, key=lambda emitted: len(text_of(emitted.script)))
            again = [self.emit(smallest.script) for _ in range(SAMPLES)]
            self.kept += [each for each in (smallest, *again) if each is not None]

    @property
    def is_over(self) -> bool:
        """Whether there is nobody to ask, or no time for it."""
        return self.is_lost or perf_counter() > self.until

    def can(self, script: Operations) -> bool:
        """Whether the producer says that it can do all that the script says."""
        return all(self.able.issuperset(OPTIONAL & operation.keys()) for operation in script)


# The one is about scripts that touch no other finding; the others may end the producer's program.
LAST = ("DSP-01", "ENC-05", "FLD-09")


def requirements() -> list[str]:
    """All that can be tried, in an order in which nothing is in the way of what follows."""
    named = [each for each in PER_EMISSION if each in EXAMPLES or each in SCRIPTS]
    return sorted(named, key=lambda each: LAST.index(each) if each in LAST else -1)


class _Attempt:
    """To break one requirement."""

    def __init__(self, search: Search, requirement: str, until: float) -> None:
        self.found: list[Emitted] = []
        self.sound: list[Emitted] = []
        self._search = search
        self._requirement = requirement
        self._until = until
        self._is_found: dict[str, bool] = {}

    def try_examples(self) -> None:
        """Try the scripts that somebody thought of, until one finds something."""
        for script in EXAMPLES.get(self._requirement, ()):
            if self._is_usable(script) and self._finds(script):
                return

    def generate(self, scripts: Scripts) -> None:
        """Try scripts that nobody thought of, and when one finds something, smaller ones."""
        self._is_found.clear()
        known = len(self.sound)

        @settings(
            max_examples=self._search.most,
            derandomize=self._search.derandomize,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            suppress_health_check=HEALTH_CHECKS,
            verbosity=Verbosity.quiet,
        )
        @given(scripts)
        def nothing_is_found(script: Operations) -> None:
            if self._finds_in_time(script):
                raise _Found

        with suppress(_Found, _Over):
            nothing_is_found()
        del self.sound[known + KEPT :]

    def _finds_in_time(self, script: Operations) -> bool:
        # Hypothesis tries the same script again, and expects the same.
        text = text_of(script)
        if text not in self._is_found:
            if perf_counter() > self._until or self._search.is_over:
                raise _Over
            self._is_found[text] = self._is_usable(script) and self._finds(script)
            if self._is_found[text] and len(self.found) == 1:
                self._until = perf_counter() + SHRINKING
        return self._is_found[text]

    def _is_usable(self, script: Operations) -> bool:
        # What has been found before under another name would only be found again.
        is_new = traits_of(script).isdisjoint(self._search.broken - {self._requirement})
        return is_new and self._search.can(script) and not self._search.is_over

    def _finds(self, script: Operations) -> bool:
        self._search.tried += 1
        emitted = self._search.emit(script)
        if emitted is None:
            self._search.is_lost = True
            return False
        outcome = PER_EMISSION[self._requirement](Emission(emitted, self._search.is_json))
        (self.found if outcome.found == "broken" else self.sound).append(emitted)
        return outcome.found == "broken"
