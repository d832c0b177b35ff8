"""The report for programs: JSON of our own, JUnit, SARIF, and what shields.io makes a badge of."""

from collections.abc import Mapping
from dataclasses import asdict
from json import dumps
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..judge import Result
from ..verdict import Verdict
from .evidence import visible
from .report import JUDGED, Report

SARIF_LEVELS = {
    Verdict.ERROR: "error",
    Verdict.FAIL: "error",
    Verdict.WARN: "warning",
    Verdict.FLAKY: "note",
    Verdict.HOST: "note",
    Verdict.INFO: "note",
}
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(report: Report) -> str:
    """All of it. The names of the fields are stable; new ones may come."""
    content: dict[str, Any] = {
        "version": 1,
        "suite": report.suite,
        "requirement_set": report.requirement_set,
        "target": report.subject.target,
        "mode": report.subject.mode,
        "profile": report.subject.options.profile,
        "seconds": round(report.seconds, 3),
        "exit": int(report.exit),
        "summary": {verdict.value: report.counts[verdict] for verdict in Verdict},
        "results": [_result(each, report) for each in report.results],
        "deviations": [asdict(each) for each in report.deviations],
        "seen": [asdict(each) for each in report.seen],
    }
    return dumps(content, indent=1, ensure_ascii=False) + "\n"


def _result(result: Result, report: Report) -> Mapping[str, Any]:
    requirement = result.requirement
    return {
        "id": requirement.id,
        "group": requirement.group,
        "level": requirement.level,
        "title": requirement.title,
        "clause": requirement.clause,
        "url": requirement.url,
        "verdict": result.verdict.value,
        "expected": requirement.id in report.expected,
        "evidence": result.evidence,
        "reproduce": result.reproducer,
        "looked_at": result.looked_at,
        "seconds": round(result.seconds, 6),
    }


def as_junit(report: Report) -> str:
    """A test suite for each group. What counts as a finding is a failure."""
    root = Element("testsuites", name="sse-conformance", time=f"{report.seconds:.3f}")
    for group in dict.fromkeys(each.requirement.group for each in report.results):
        suite = SubElement(root, "testsuite", name=group)
        for result in report.results:
            if result.requirement.group == group:
                _case(suite, result, report)
    for deviation in report.deviations:
        suite = SubElement(root, "testsuite", name="baseline")
        case = SubElement(suite, "testcase", name=deviation.id, classname="baseline")
        SubElement(case, "failure", message=deviation.why)
    for suite in root:
        suite.set("tests", str(len(suite)))
        for outcome, name in _COUNTED.items():
            suite.set(name, str(len(suite.findall(f"testcase/{outcome}"))))
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


_COUNTED = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def _case(suite: Element, result: Result, report: Report) -> None:
    requirement = result.requirement
    case = SubElement(
        suite,
        "testcase",
        name=f"{requirement.id} {requirement.title}",
        classname=requirement.group,
        time=f"{result.seconds:.6f}",
    )
    text = _xml(f"{result.evidence}\n{requirement.clause}\n{result.reproducer}".strip())
    if result.verdict is Verdict.ERROR:
        SubElement(case, "error", message=_xml(result.evidence))
    elif report.is_counted(result):
        SubElement(case, "failure", message=_xml(result.evidence)).text = text
    elif result.verdict in (Verdict.SKIP, Verdict.BLOCKED):
        SubElement(case, "skipped", message=_xml(result.evidence))
    else:
        SubElement(case, "system-out").text = f"{result.verdict}: {text}"


def _xml(text: str) -> str:
    # XML 1.0, 2.2: of the control characters only TAB, LF and CR are characters there.
    return visible(text, kept="\t\n\r")


def as_sarif(report: Report) -> str:
    """SARIF 2.1.0: what code scanners show. The location is the target."""
    told = [each for each in report.results if each.verdict in SARIF_LEVELS]
    driver = {
        "name": "sse-conformance",
        "version": report.suite,
        "rules": [
            {
                "id": each.requirement.id,
                "shortDescription": {"text": each.requirement.title},
                "fullDescription": {"text": each.requirement.explain},
                **({"helpUri": each.requirement.url} if each.requirement.url else {}),
            }
            for each in told
        ],
    }
    results = [
        {
            "ruleId": each.requirement.id,
            "ruleIndex": index,
            "level": SARIF_LEVELS[each.verdict],
            "message": {"text": f"{each.requirement.title}: {each.evidence}"},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": report.subject.target}}}
            ],
        }
        for index, each in enumerate(told)
    ]
    run = {"tool": {"driver": driver}, "results": results}
    return dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def as_badge(report: Report) -> str:
    """What https://shields.io/badges/endpoint-badge reads."""
    musts = [
        each
        for each in report.results
        if each.requirement.level == "MUST" and each.verdict in JUDGED
    ]
    failed = [each for each in musts if each.verdict is Verdict.FAIL]
    warned = report.counts[Verdict.WARN]
    message = f"{len(musts) - len(failed)}/{len(musts)} MUST" + (f", {warned} warn" * bool(warned))
    color = "red" if failed or not musts else "yellow" if warned else "brightgreen"
    content = {"schemaVersion": 1, "label": "SSE", "message": message, "color": color}
    return dumps(content) + "\n"
