"""The benchmarks run; what they say is not for a test to judge."""

import json

import pytest

from tests.benchmarks import stores
from tests.benchmarks.__main__ import main
from tests.benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize(
    ("name", "subjects"),
    [
        ("W1 burst", ("bare loop", "event stream", "product", "starlette", "sse-starlette")),
        ("W6 WebSocket burst", ("bare socket", "product", "starlette socket")),
        ("W7 encode", ("f-string", "product", "event", "sse-starlette")),
        ("null host", ("bare loop", "event stream", "product", "starlette", "sse-starlette")),
    ],
)
def test_a_benchmark_prints_a_ratio_for_every_subject(
    name: str, subjects: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--quick", "--only", name])
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[-2:] == ["ratio", "goal"]
    assert len(rows) >= len(subjects)
    for subject in subjects:
        assert any(row.startswith(name) and f" {subject} " in row for row in rows)
    assert " 1.000" in rows[0]


def test_as_json_every_figure_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--only", "W5 short, 64", "--json"])
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["workload"] for each in results} == {"W5 short, 64"}
    assert results[0]["ratio"] == 1.0
    [product] = [each for each in results if each["subject"] == "product"]
    assert product["ratio"] > 0
    assert product["goal"] == 0.45


def test_the_benchmark_of_the_logs_stands_beside_the_prototype(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stores.main(["--quick", "--json", "memory:", "sqlite:"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    measured = {(row["store"], row["workload"]) for row in rows}
    assert {key for key in stores.PROTOTYPE if key[0] in {"memory:", "sqlite:"}} <= measured
    assert all(row["value"] >= 0 for row in rows)
    assert all((row["ratio"] is None) == (row["prototype"] is None) for row in rows)
    stores.main(["--quick", "memory:"])
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["store", "workload", "prototype", "ratio"]
    assert any(line.startswith("memory:") and line.split()[-2] == "1.38e+06" for line in lines)


@pytest.mark.thorough
@pytest.mark.timeout(120)
def test_all_benchmarks_run_within_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick"])
    printed = capsys.readouterr().out
    assert all(f"\n{each.name} " in printed for each in WORKLOADS)
