"""The report as JSON, JUnit, SARIF, a badge and a page."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sse_conformance.baseline import Deviation
from sse_conformance.report.documents import as_badge, as_json, as_junit, as_sarif
from sse_conformance.report.matrix import matrix, read_document
from sse_conformance.verdict import Verdict
from tests.conformance.report.results import ALL, TARGET, report, result


def test_json_has_everything_under_stable_names() -> None:
    document = json.loads(as_json(report(expected=frozenset({"FLD-01"}))))
    assert list(document) == [
        *("version", "suite", "requirement_set", "target", "mode", "profile", "seconds", "exit"),
        *("summary", "results", "deviations", "seen"),
    ]
    assert (document["version"], document["target"], document["exit"]) == (1, TARGET, 1)
    assert document["summary"]["fail"] == 1
    assert list(document["results"][0]) == [
        *("id", "group", "level", "title", "clause", "url", "verdict", "expected", "evidence"),
        *("reproduce", "looked_at", "seconds"),
    ]
    assert [each["id"] for each in document["results"] if each["expected"]] == ["FLD-01"]


def test_junit_has_a_case_for_each_requirement() -> None:
    results = [*ALL, result("FRM-02", Verdict.ERROR, "IndexError")]
    root = ET.fromstring(as_junit(report(results, deviations=[Deviation("FRM-01", "stale")])))
    cases = {each.get("name", "").split(" ")[0]: each for each in root.iter("testcase")}
    assert len(list(root.iter("testcase"))) == len(results) + 1
    assert cases["FRM-08"][0].tag == "failure"
    assert "\\u0007" in (cases["FRM-08"][0].text or "")
    assert cases["FLD-01"][0].tag == "system-out"
    assert cases["REC-06"][0].tag == "skipped"
    assert cases["FRM-02"][0].tag == "error"
    suites = {each.get("name") for each in root.iter("testsuite")}
    assert suites == {"frm", "fld", "liv", "rob", "rec", "baseline"}
    (framing,) = root.iterfind("testsuite[@name='frm']")
    counts = {name: framing.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "3", "failures": "1", "errors": "1", "skipped": "0"}


def test_sarif_names_the_rule_of_each_finding() -> None:
    run = json.loads(as_sarif(report()))["runs"][0]
    rules = [each["id"] for each in run["tool"]["driver"]["rules"]]
    assert [each["ruleId"] for each in run["results"]] == rules
    assert [each["level"] for each in run["results"]] == [
        *("error", "warning", "note", "note", "note")
    ]
    assert [rules[each["ruleIndex"]] for each in run["results"]] == rules


@pytest.mark.parametrize(
    ("results", "message", "color"),
    [
        (ALL, "3/4 MUST, 1 warn", "red"),
        ([result("FRM-01", Verdict.PASS)], "1/1 MUST", "brightgreen"),
        (
            [result("FRM-01", Verdict.PASS), result("FLD-01", Verdict.WARN, level="SHOULD")],
            "1/1 MUST, 1 warn",
            "yellow",
        ),
        ([], "0/0 MUST", "red"),
    ],
)
def test_a_badge_counts_what_must_hold(results: Any, message: str, color: str) -> None:
    badge = json.loads(as_badge(report(results)))
    assert (badge["message"], badge["color"], badge["schemaVersion"]) == (message, color, 1)


class Page(HTMLParser):
    """The cells of the page, and all elements."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "td":
            self.cells.append(dict(attrs).get("class"))


def test_a_matrix_has_a_column_for_each_subject_and_markup_of_nobody_else() -> None:
    one = json.loads(as_json(report()))
    other = json.loads(
        as_json(report([result("FRM-01", Verdict.FAIL), result("X-1", Verdict.PASS)]))
    )
    other["results"][1]["url"] = ""
    text = matrix([one, other])
    page = Page()
    page.feed(text)
    assert page.tags.count("td") == 2 * (len(ALL) + 1)
    assert sorted(filter(None, page.cells)) == sorted(
        [*(each.verdict.value for each in ALL), "fail", "pass"]
    )
    assert page.tags.count("b") == sum(
        text.count(f"<b>{name}</b>") for name in ("get", "emitted", "call", "dialogue")
    )
    assert {"script", "link", "img"}.isdisjoint(page.tags)
    assert "<title>sse-conformance: 2 subjects</title>" in text
    assert (
        "<title>sse-conformance: http://127.0.0.1:8000/stream?a=1&amp;b=&lt;2&gt;</title>"
        in matrix([one])
    )


def test_only_a_report_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(as_json(report()), "utf-8")
    assert read_document(path)["target"] == TARGET
    for text in ("[]", "{}", "{"):
        path.write_text(text, "utf-8")
        with pytest.raises(ValueError, match=r"not a report|Expecting"):
            read_document(path)
