"""What is known not to hold, and how a baseline becomes stale."""

from datetime import date
from pathlib import Path

import pytest

from sse_conformance.baseline import BaselineError, Deviation, compare, read_baseline, written
from sse_conformance.verdict import Verdict
from tests.conformance.report.results import ALL, result

TODAY = date(2026, 11, 21)


def baseline(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "baseline.toml"
    path.write_text(text, "utf-8")
    return path


ENTRY = '[[expect]]\nid = "HTTP-01"\nverdict = "fail"\nreason = "known"\n'


@pytest.mark.parametrize(
    ("verdict", "until", "expected", "deviations"),
    [
        (Verdict.FAIL, "", {"HTTP-01"}, []),
        (Verdict.FAIL, "until = 2026-11-21", {"HTTP-01"}, []),
        (
            Verdict.FAIL,
            "until = 2026-11-20",
            set(),
            [Deviation("HTTP-01", "was expected until 2026-11-20 only")],
        ),
        (Verdict.PASS, "", set(), [Deviation("HTTP-01", "expected fail, found pass")]),
        (Verdict.WARN, "", set(), [Deviation("HTTP-01", "expected fail, found warn")]),
        (Verdict.SKIP, "", set(), []),
        (None, "", set(), []),
    ],
)
def test_an_expectation_that_became_untrue_is_a_finding(
    tmp_path: Path,
    verdict: Verdict | None,
    until: str,
    expected: set[str],
    deviations: list[Deviation],
) -> None:
    expectations = read_baseline(baseline(tmp_path, ENTRY + until))
    results = [] if verdict is None else [result("HTTP-01", verdict)]
    assert compare(results, expectations, TODAY) == (expected, deviations)


@pytest.mark.parametrize(
    "text",
    [
        ENTRY.replace("HTTP-01", "HTTP-*"),
        ENTRY.replace("fail", "red"),
        ENTRY.replace('reason = "known"', ""),
        ENTRY.replace("known", " "),
        ENTRY + "unitl = 2026-11-21",
        ENTRY.replace("expect", "expected"),
        "[[expect",
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BaselineError):
        read_baseline(baseline(tmp_path, text))


def test_a_file_that_is_not_there_is_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(BaselineError):
        read_baseline(tmp_path / "none.toml")


def test_a_baseline_of_what_does_not_hold_now_can_be_written(tmp_path: Path) -> None:
    results = [result("HTTP-01", Verdict.FAIL), *ALL]
    text = written(results)
    assert text.count("[[expect]]") == 3
    assert text.count('reason = "TODO"') == 3
    only = written([result("HTTP-01", Verdict.FAIL)])
    expectations = read_baseline(baseline(tmp_path, only))
    assert compare(results, expectations, TODAY) == ({"HTTP-01"}, [])
