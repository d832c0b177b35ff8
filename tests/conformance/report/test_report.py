"""The exit status, the first screen, and what is kept of the evidence."""

from dataclasses import replace

import pytest

from sse_conformance.baseline import Deviation
from sse_conformance.report.console import lines_of_report
from sse_conformance.report.evidence import SHOWN_BYTES, dump
from sse_conformance.report.report import Exit
from sse_conformance.verdict import Verdict
from tests.conformance.report.results import ALL, report, result

PASS = result("FRM-01", Verdict.PASS)
FAIL = result("FRM-08", Verdict.FAIL)
WARN = result("FLD-01", Verdict.WARN)
SKIP = result("REC-02", Verdict.SKIP)
BLOCKED = result("REC-03", Verdict.BLOCKED)
ERROR = result("FRM-02", Verdict.ERROR)
MAY = result("FLD-09", Verdict.INFO, level="MAY")


@pytest.mark.parametrize(
    ("results", "fail_on", "status"),
    [
        ([PASS], "must", Exit.FINE),
        ([PASS, WARN], "must", Exit.FINE),
        ([PASS, WARN], "should", Exit.FINDINGS),
        ([PASS, FAIL], "must", Exit.FINDINGS),
        ([PASS, FAIL], "never", Exit.FINE),
        ([PASS, result("ROB-04", Verdict.HOST), result("LIV-01", Verdict.FLAKY)], "should", 0),
        ([PASS, FAIL, ERROR], "must", Exit.ERROR),
        ([ERROR], "never", Exit.ERROR),
        ([], "must", Exit.NOTHING),
        ([SKIP, BLOCKED], "must", Exit.NOTHING),
        ([SKIP, MAY], "must", Exit.NOTHING),
        ([MAY], "must", Exit.FINE),  # no MUST was selected
        ([WARN], "should", Exit.FINDINGS),
        ([result("REC-02", Verdict.SKIP, level="SHOULD")], "should", Exit.NOTHING),
    ],
)
def test_the_exit_status_tells_what_a_build_has_to_know(
    results: list[object], fail_on: str, status: int
) -> None:
    assert report(results, fail_on=fail_on).exit == status  # type: ignore[arg-type]


def test_what_the_baseline_expects_makes_nothing_fail_and_what_is_stale_does() -> None:
    assert report([PASS, FAIL], expected=frozenset({"FRM-08"})).exit == Exit.FINE
    stale = [Deviation("FRM-01", "expected fail, found pass")]
    assert report([PASS], deviations=stale).exit == Exit.FINDINGS


def test_the_first_screen_tells_that_nothing_was_measured() -> None:
    told = "Nothing could be measured, and so nothing is fine."
    assert told in lines_of_report(report([SKIP]))
    assert told not in lines_of_report(report([PASS]))


def test_what_a_server_says_tells_a_terminal_nothing() -> None:
    hostile = "text/\x1b[31mplain\r\x9b2J\x07\ud800…"
    findings = [replace(FAIL, evidence=hostile), replace(SKIP, evidence=hostile)]
    told = "\n".join(lines_of_report(report(findings)))
    shown = "text/\\u001b[31mplain\\u000d\\u009b2J\\u0007\\ud800…"
    assert told.count(shown) == 2
    assert all(each == "\n" or each.isprintable() for each in told)


def test_the_first_screen_has_a_line_for_each_group_and_then_the_findings() -> None:
    lines = list(
        lines_of_report(
            report(expected=frozenset({"FLD-01"}), deviations=[Deviation("X-1", "old")])
        )
    )
    assert lines[3:9] == [
        "! frm            1 fail, 1 pass",
        "  fld            1 warn, 1 info",
        "  liv            1 flaky",
        "  rob            1 host",
        "  rec            1 blocked, 2 skip",
        "",
    ]
    assert lines[9:14] == [
        "FRM-08 MUST fail  What FRM-08 asks for",
        "    seen       byte 9\n               of event 1: \\u0007",
        "    clause     WHATWG HTML 9.2.6",
        "    reproduce  curl -N 'http://x/'",
        "    explain    sse-conformance explain FRM-08",
    ]
    assert "FLD-01 SHOULD warn (expected)  What FLD-01 asks for" in lines
    assert "X-1 baseline   old" in lines
    assert lines[-2].startswith("6 of 9 judged: 1 fail, 1 warn, 1 flaky, 1 host, 1 info, 1 pass")
    assert lines[-1] == "    skipped 2: the capability resume is not there"


def test_a_terminal_has_colours() -> None:
    lines = list(lines_of_report(report(), color=True))
    assert any("\033[31mfail\033[0m" in line for line in lines)
    assert any(line.startswith("FLD-09 MAY info") for line in lines)


def test_what_the_results_rest_on_is_shown_and_nothing_else() -> None:
    seen = {each.name: each for each in report().seen}
    assert set(seen) == {"get", "emitted", "dialogue", "call"}
    assert seen["get"].summary == "GET /stream HTTP/1.1: 200, timeout after 5.000 s"
    assert [at for at, _ in seen["get"].timeline] == [0.1, 0.2, 1.5]
    assert seen["dialogue"].timeline == [(0.2, 2)]
    assert report([PASS]).seen[0].name == "get"
    assert len(report([PASS]).seen) == 1


def test_a_dump_is_short() -> None:
    assert dump(b"") == ""
    lines = dump(bytes(range(256)) * 10).split("\n")
    assert len(lines) == SHOWN_BYTES // 16 + 1
    assert lines[-1] == "... 2,048 bytes more"
    assert lines[2].endswith(" !\"#$%&'()*+,-./")


def test_every_verdict_is_in_some_result() -> None:
    assert {each.verdict for each in ALL} == set(Verdict) - {Verdict.ERROR}
