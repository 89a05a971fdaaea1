"""Write sections to one HTML file that needs no other files.

Words go through `plain` and Jinja's escaping. Texts of examples and charts are stored as JSON, and the page's script
inserts them as text. The content policy lets the browser run and load only the page's own two scripts and its style.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from bleuberi import __version__
from bleuberi.errors import MissingExtraError
from bleuberi.plain_text import plain
from bleuberi.view.parts import LABELS, Cell, Section
from bleuberi.view.without_texts import SENTENCE


def render(sections: Sequence[Section], title: str, *, texts: bool = True) -> str:
    """The page as HTML; without `texts` it says that texts were left out. Errors: `UserError` if a library is
    missing."""
    try:
        from jinja2 import Environment
        from markupsafe import Markup

        library = _library()
    except ImportError as error:
        raise MissingExtraError(str(error.name).replace("_", "-"), "report", "bleuberi report") from error
    assets = files("bleuberi.view") / "assets"
    style = (assets / "page.css").read_text(encoding="utf-8")
    script = (assets / "page.js").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    template = environment.from_string((assets / "page.html.j2").read_text(encoding="utf-8"))
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return template.render(
        title=title,
        sections=sections,
        groups=_groups(sections),
        policy=Markup(policy.replace('"', "")),
        style=Markup(style),
        library=Markup(library),
        script=Markup(script),
        data=Markup(embedded(_payload(sections))),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        left_out="" if texts else SENTENCE,
        labels=LABELS,
    )


def _groups(sections: Sequence[Section]) -> list[tuple[str, list[Section]]]:
    """The sections grouped by kind for the table of contents; a side-by-side section belongs to the kind that it
    compares."""
    groups: list[tuple[str, list[Section]]] = []
    for section in sections:
        if not groups or section.kind not in (groups[-1][1][0].kind, "side by side"):
            groups.append((section.kind, []))
        groups[-1][1].append(section)
    return groups


@cache
def _library() -> str:
    """The plotting library as one script; bundling it takes seconds."""
    from vl_convert import javascript_bundle

    return javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")


def embedded(value: object) -> str:
    """JSON for a script element; no text in it can close the element or open a comment."""
    text = json.dumps(clean(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)  # noqa: TID251 - it raises
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def clean(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """The value with plain texts, numbers rounded to six digits, and None for numbers that are not finite."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {plain(str(key)): clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean(one) for one in value]
    return value


def _payload(sections: Sequence[Section]) -> dict[str, Any]:
    return {
        "charts": {
            f"{section.id}-{place}": chart.spec for section in sections for place, chart in enumerate(section.charts)
        },
        "browsers": {
            f"{section.id}-{browser.name}": {"columns": browser.columns, "rows": [_row(row) for row in browser.rows]}
            for section in sections
            for browser in section.browsers
        },
    }


def _row(row: Any) -> dict[str, Any]:  # noqa: ANN401 - an Example
    """An example with short keys, because a page has thousands of them."""
    blocks = [[block.kind, block.label, block.note, block.parts] for block in row.blocks]
    return {"id": row.id, "title": row.title, "tag": row.tag, "numbers": list(row.numbers.values()), "blocks": blocks}


def numbers(sections: Sequence[Section]) -> dict[str, Any]:
    """All numbers and sentences of the page, for programs, without the examples' texts."""
    found = []
    for section in sections:
        content = asdict(section)
        content.pop("browsers")
        content["notices"] = [(notice.level, notice.text) for notice in section.notices]
        for chart in content["charts"]:
            chart.pop("words")
            chart["values"] = chart.pop("spec")["data"]["values"]
        for table in content["tables"]:
            table.pop("words")
            for name in ("details", "wide", "only_page"):
                table.pop(name)
            table["rows"] = [[_told(cell) for cell in row] for row in table["rows"]]
        found.append(content)
    cleaned: dict[str, Any] = clean({"kind": "report", "bleuberi": __version__, "sections": found})
    return cleaned


def _told(cell: Cell) -> object:
    """A cell's number, with its interval if it has one, else its text."""
    if cell.low is not None and cell.high is not None:
        return {"value": cell.value, "low": cell.low, "high": cell.high}
    return cell.text if cell.value is None else cell.value


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"
