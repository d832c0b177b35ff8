"""What each command does: drive the subject, judge what was recorded, write the reports."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from textwrap import dedent, indent
from time import monotonic
from typing import TypeAlias

from . import mutants as all_mutants
from .baseline import compare, read_baseline, written
from .catalogue import Mode, Requirement, catalogue
from .drivers.asgi import asgi as drive_asgi
from .drivers.check import Progress
from .drivers.check import check as drive_check
from .drivers.client import client as drive_client
from .drivers.client import client_page, client_service
from .drivers.emit import emit as drive_emit
from .drivers.ws import ws as drive_ws
from .judge import Result, judge
from .options import Options
from .report.console import lines_of_report
from .report.documents import as_badge, as_json, as_junit, as_sarif
from .report.matrix import matrix as matrix_of
from .report.matrix import read_document
from .report.report import Exit, Report, report_on
from .transcript import Record, load

Given: TypeAlias = argparse.Namespace

LEVELS = {"must": ("MUST",), "should": ("MUST", "SHOULD"), "may": ("MUST", "SHOULD", "MAY")}


class Misused(Exception):
    """The command line does not make sense."""


def check(given: Given) -> int:
    """`check URL`."""
    return _judged(given, "check", lambda o, tell: drive_check(given.url, o, tell))


def emit(given: Given) -> int:
    """`emit URL`."""
    everything = given.select == [] and given.ignore == [] and given.level == "may"
    only = None if everything else {each.id for each in _chosen(given, "emit")}
    return _judged(given, "emit", lambda o, tell: drive_emit(given.url, o, tell, only))


def ws(given: Given) -> int:
    """`ws URL`."""
    return _judged(given, "ws", lambda o, tell: drive_ws(given.url, o, tell))


def asgi(given: Given) -> int:
    """`asgi module:app`."""
    sys.path.insert(0, str(Path.cwd()))
    return _judged(
        given,
        "asgi",
        lambda o, tell: drive_asgi(
            given.app,
            o,
            tell,
            path=given.path,
            method=given.method,
            content=given.content.encode(),
            websocket_path=given.websocket_path,
        ),
    )


def client(given: Given) -> int:
    """`client -- CMD`, `client --service URL`, or `client --serve PORT`."""
    ways = [bool(given.command), given.service is not None, given.serve is not None]
    if sum(ways) != 1:
        raise Misused("a client is a command after `--`, or a --service, or a page to --serve")
    if given.command:
        return _judged(given, "client", lambda o, tell: drive_client(given.command, o, tell))
    if given.service is not None:
        return _judged(given, "client", lambda o, tell: client_service(given.service, o, tell))
    return _judged(given, "client", lambda o, tell: client_page(given.serve, o, tell, _say))


def replay(given: Given) -> int:
    """`replay FILE`: what was recorded with which options is in the file."""
    try:
        record = load(given.file)
    except ValueError:
        raise Misused(f"{given.file} is no record: see --save") from None
    return _reported(given, record, monotonic())


def _judged(given: Given, mode: Mode, drive: Callable[[Options, Progress], Record]) -> int:
    if given.dry_run:
        for requirement in _chosen(given, mode):
            print(f"{requirement.id:8} {requirement.level:6} {requirement.title}")
        return Exit.FINE
    began = monotonic()
    record = drive(given.options, Line().tell)
    return _reported(given, record, began)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


class Line:
    """A line on the terminal that tells what goes on; nothing where there is no terminal."""

    def tell(self, what: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{what[:78]}", end="", file=sys.stderr, flush=True)


def _reported(given: Given, record: Record, began: float) -> int:
    Line().tell("")
    wanted = {each.id for each in _chosen(given, record.subject.mode)}
    results = judge(record, wanted)
    if given.save:
        record.save(given.save)
    report = _report(given, record, results, monotonic() - began)
    for line in lines_of_report(report, color=sys.stdout.isatty()):
        print(line)
    _write(given, report)
    return report.exit


def _report(given: Given, record: Record, results: Sequence[Result], seconds: float) -> Report:
    expectations = read_baseline(given.baseline) if given.baseline else ()
    expected, deviations = compare(results, expectations, datetime.now(UTC).date())
    return report_on(
        record,
        results,
        seconds,
        fail_on=given.fail_on,
        expected=expected,
        deviations=deviations,
    )


def _write(given: Given, report: Report) -> None:
    forms: dict[str, Callable[[Report], str]] = {
        "json": as_json,
        "junit": as_junit,
        "sarif": as_sarif,
        "badge": as_badge,
        "html": lambda report: matrix_of([json.loads(as_json(report))]),
        "write_baseline": lambda report: written(report.results),
    }
    for name, form in forms.items():
        path: Path | None = getattr(given, name)
        if path is not None:
            path.write_text(form(report), "utf-8")


def _chosen(given: Given, mode: Mode) -> list[Requirement]:
    return [
        each
        for each in catalogue().values()
        if mode in each.modes
        and each.level in LEVELS[given.level]
        and _matches(each.id, given.select or ["*"])
        and not _matches(each.id, given.ignore)
    ]


def _matches(identifier: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(identifier, glob.upper()) for glob in globs)


def matrix(given: Given) -> int:
    """`matrix A.json B.json ...`."""
    page = matrix_of([read_document(path) for path in given.files])
    given.html.write_text(page, "utf-8")
    print(f"{given.html}: {len(given.files)} subjects")
    return Exit.FINE


def list_requirements(given: Given) -> int:
    """`list`."""
    for each in sorted(catalogue().values(), key=lambda each: (each.group, each.id)):
        if given.group in (None, each.group):
            modes = ",".join(each.modes)
            print(f"{each.id:8} {each.level:6} {each.group:13} {modes:18} {each.title}")
    return Exit.FINE


VERDICTS = """
    pass     it was put to the test, and holds
    fail     a MUST of a specification does not hold, or a practice that was claimed
    warn     a SHOULD does not hold, or a practice that nobody has claimed
    host     it does not hold, and that is the host program's doing
    info     a MAY does not hold, or the specifications leave the point open
    flaky    several samples disagree: nobody is blamed for that
    blocked  what it rests on does not hold
    skip     it could not be judged: the reason is told
    error    the suite itself is at fault
"""


def explain(given: Given) -> int:
    """`explain ID`."""
    identifier = given.id.upper()
    if identifier == "VERDICTS":
        print(dedent(VERDICTS).strip())
        return Exit.FINE
    requirement = catalogue().get(identifier)
    if requirement is None:
        raise Misused(f"there is no requirement {identifier}: see sse-conformance list")
    print(f"{requirement.id} {requirement.level}: {requirement.title}\n")
    print(indent(requirement.explain.strip(), "    "))
    print(f"\nclause    {requirement.clause}")
    if requirement.url:
        print(f"          {requirement.url}")
    print(f"basis     {requirement.basis}; modes: {', '.join(requirement.modes)}")
    if requirement.requires:
        print(f"rests on  {', '.join(requirement.requires)}")
    for mutant in all_mutants.MUTANTS:
        if mutant.requirement == requirement.id:
            print(f"mutant    {mutant.defect}")
    return Exit.FINE


def serve_mutant(given: Given) -> int:
    """`serve-mutant ID`: until Ctrl-C."""
    identifier = given.id.upper()
    for mutant in all_mutants.MUTANTS:
        if mutant.requirement == identifier and mutant.serve is not None:
            print(f"http://127.0.0.1:{given.port}/ {identifier}: {mutant.defect}", flush=True)
            with suppress(KeyboardInterrupt):
                asyncio.run(_forever(mutant.serve, given.port))
            return Exit.FINE
    raise Misused(f"there is no mutant of {identifier} that can be served")


async def _forever(serve: all_mutants.Serving, port: int) -> None:
    await serve("127.0.0.1", port)
