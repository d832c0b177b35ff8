"""The suite as a pytest class: one test for each requirement.

    class TestStream(SSEConformance):
        target = url("http://127.0.0.1:8000/stream")     # or emit(...), asgi(app, path="/stream")
        baseline = "conformance-baseline.toml"           # optional

Nothing is loaded by itself. Without any code:
`pytest -p sse_conformance.pytest_plugin --pyargs sse_conformance.pytest_plugin --sse-url URL`.
"""

import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import pytest

from .baseline import compare, read_baseline
from .catalogue import catalogue
from .drivers.asgi import asgi as drive_asgi
from .drivers.check import check as drive_check
from .drivers.emit import emit as drive_emit
from .judge import Result, judge
from .options import Options
from .transcript import Record
from .verdict import Verdict

Target: TypeAlias = Callable[[Options], Record]


class ConformanceWarning(UserWarning):
    """A SHOULD does not hold."""


def url(target: str) -> Target:
    """Any event stream, as it is."""
    return partial(drive_check, target)


def emit(target: str) -> Target:
    """A server that emits what it is told."""
    return partial(drive_emit, target)


def asgi(app: Any, path: str = "/") -> Target:
    """An ASGI application in this process."""
    return partial(drive_asgi, app, path=path)


class SSEConformance:
    """Give `target`; the subject is driven once for the class."""

    target: ClassVar[Target | None] = None
    options: ClassVar[Options] = Options(derandomize=True)
    baseline: ClassVar[str | None] = None
    _results: ClassVar[dict[str, Result] | None] = None
    _expected: ClassVar[frozenset[str]] = frozenset()
    _deviations: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls) -> None:
        """The class has results of its own."""
        super().__init_subclass__()
        cls._results = None

    @classmethod
    def _result(cls, identifier: str) -> Result | None:
        if cls._results is None:
            target = cls.__dict__.get("target") or cls.target
            if target is None:
                pytest.fail(f"{cls.__name__} has no target")
            results = judge(target(cls.options))
            cls._results = {each.requirement.id: each for each in results}
            if cls.baseline is not None:
                expectations = read_baseline(Path(cls.baseline))
                today = datetime.now(UTC).date()
                cls._expected, deviations = compare(results, expectations, today)
                cls._deviations = {each.id: each.why for each in deviations}
        return cls._results.get(identifier)

    @pytest.mark.parametrize("requirement", list(catalogue()))
    def test_requirement(self, requirement: str) -> None:
        """The requirement holds."""
        result = self._result(requirement)
        if result is None:
            pytest.skip("it is not judged in this mode")
        if requirement in self._deviations:
            pytest.fail(f"baseline: {self._deviations[requirement]}", pytrace=False)
        told = f"{requirement} {result.requirement.title}: {result.evidence}"
        if requirement in self._expected:
            pytest.xfail(told)
        match result.verdict:
            case Verdict.FAIL | Verdict.ERROR:
                pytest.fail("\n".join(filter(None, [told, result.reproducer])), pytrace=False)
            case Verdict.WARN | Verdict.FLAKY:
                warnings.warn(told, ConformanceWarning, stacklevel=1)
            case Verdict.SKIP | Verdict.BLOCKED:
                pytest.skip(result.evidence)
            case _:
                pass


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--sse-url URL`."""
    parser.addoption("--sse-url", help="an event stream that is to conform")


def pytest_configure(config: pytest.Config) -> None:
    """Take the URL that was given for the target of `TestURL`."""
    given = config.getoption("--sse-url", default=None)
    if given:
        TestURL.target = url(given)
        TestURL.__test__ = True


class TestURL(SSEConformance):
    """What `--sse-url` names."""

    __test__ = False
