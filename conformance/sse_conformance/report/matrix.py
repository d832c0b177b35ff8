"""Many reports beside each other, as one page of HTML: subjects by requirements.

Behind each cell is the evidence, and what was recorded: a timeline and a dump. The page is whole:
it loads nothing, and runs no script.
"""

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, TypeAlias, cast

Document: TypeAlias = dict[str, Any]  # what `as_json` writes

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem; }
table { border-collapse: collapse; }
th, td { padding: .2rem .5rem; border: 1px solid #8884; text-align: left; vertical-align: top; }
thead th { position: sticky; top: 0; background: Canvas; }
tbody th { font-weight: 400; max-width: 34rem; }
tr.group th { font-weight: 700; background: #8882; }
summary { cursor: pointer; list-style: none; font-weight: 600; }
details > div { max-width: 46rem; overflow-x: auto; padding: .4rem 0; }
pre { font: 12px/1.35 ui-monospace, monospace; margin: .3rem 0; white-space: pre-wrap; }
svg { display: block; width: 30rem; max-width: 100%; height: 1.2rem; }
svg line { stroke: CanvasText; stroke-width: 1; vector-effect: non-scaling-stroke; }
.pass summary { color: #1a7f37; } .fail summary, .error summary { color: #cf222e; }
.warn summary, .flaky summary { color: #9a6700; } .host summary { color: #0969da; }
.skip summary, .blocked summary, .info summary { color: #777; }
"""


def read_document(path: Path) -> Document:
    """A report that was written as JSON. Raises `ValueError` if it is none."""
    read: object = json.loads(path.read_text("utf-8"))
    document = cast(Document, read) if isinstance(read, dict) else {}
    if document.get("version") != 1:
        raise ValueError(f"{path}: not a report of sse-conformance")
    return document


def matrix(documents: Sequence[Document]) -> str:
    """The page."""
    names: list[str] = [each["target"] for each in documents]
    head = "".join(
        f"<th scope=col>{escape(each['target'])}<br>{_summary(each)}" for each in documents
    )
    rows = "".join(_rows(documents))
    title = escape(", ".join(names) if len(names) == 1 else f"{len(names)} subjects")
    return (
        "<!doctype html>\n<html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width">'
        f"<title>sse-conformance: {title}</title><style>{STYLE}</style>\n"
        f"<h1>sse-conformance: {title}</h1>\n"
        f"<table><thead><tr><th scope=col>requirement{head}<tbody>\n{rows}</table></html>\n"
    )


def _summary(document: Document) -> str:
    told = [f"{count} {verdict}" for verdict, count in document["summary"].items() if count]
    return escape(", ".join(told))


def _rows(documents: Sequence[Document]) -> Iterable[str]:
    results = [{each["id"]: each for each in document["results"]} for document in documents]
    known: dict[str, Document] = {}
    for found in results:
        known = {**found, **known}
    group = ""
    for identifier, requirement in known.items():
        if requirement["group"] != group:
            group = requirement["group"]
            yield f"<tr class=group><th colspan={len(documents) + 1}>{escape(group)}\n"
        cells = "".join(
            _cell(found.get(identifier), document)
            for found, document in zip(results, documents, strict=True)
        )
        title = f"{identifier} {requirement['level']}: {requirement['title']}"
        yield f"<tr><th scope=row>{_link(title, requirement['url'])}{cells}\n"


def _link(text: str, url: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>' if url else escape(text)


def _cell(result: Document | None, document: Document) -> str:
    if result is None:
        return "<td>"
    verdict = escape(result["verdict"])
    parts = [f"<pre>{escape(result['evidence'])}</pre>", f"<p>{escape(result['clause'])}"]
    if result["reproduce"]:
        parts.append(f"<pre>{escape(result['reproduce'])}</pre>")
    parts += [_seen(each) for each in document["seen"] if each["name"] in result["looked_at"]]
    return f"<td class={verdict}><details><summary>{verdict}</summary><div>{''.join(parts)}</div>"


def _seen(seen: Document) -> str:
    head = f"<p><b>{escape(seen['name'])}</b>: {escape(seen['summary'])}"
    return f"{head}{_timeline(seen['timeline'])}<pre>{escape(seen['dump'])}</pre>"


def _timeline(pieces: Sequence[Sequence[float]]) -> str:
    """A tick for each piece of bytes, from the first second to the last."""
    if not pieces:
        return ""
    last = max(at for at, _ in pieces) or 1.0
    ticks = "".join(
        f'<line x1="{at / last * 1000:.1f}" x2="{at / last * 1000:.1f}" y1="0" y2="10">'
        f"<title>{at:.3f} s: {size:,.0f} bytes</title></line>"
        for at, size in pieces
    )
    return f'<svg viewBox="-1 0 1002 10" preserveAspectRatio="none">{ticks}</svg>'
