"""Make sections that can be shown to anybody: without texts, ids and words of the data, and without folders of the
machine. Names that a user gave (of models, metrics, runs) stay, and so do settings, signatures, numbers and
verdicts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import home_folder
from bleuberi.view.parts import Chart, Notice, Section, Spec

SENTENCE: Final = (
    "Prompts, references, answers and their ids were left out to share this page; where the data lies, "
    "bleuberi report without --no_texts shows them."
)
# From the root, a home (~, ~user) or a folder above, two names or more. A name may hold spaces: where words follow a
# path, rather too much goes than too little.
_LETTER: Final = r"[^\s/|,;'\"()<>\[\]{}]"
_NAME: Final = rf"{_LETTER}(?:(?:{_LETTER}| )*{_LETTER})?"
_PATH: Final = re.compile(
    rf"(?:file://|(?<![\w/.~-]))"
    rf"(?:(?:~[\w.-]*|\.\.?)(?:/+{_NAME})+|/(?!/){_NAME}(?:/+{_NAME})+|[A-Za-z]:(?:\\{_NAME})+)/*"
)


def without_texts(sections: Sequence[Section], folders: Iterable[Path]) -> list[Section]:
    """The sections without examples, with words of the data replaced by numbers, and paths replaced by names.

    `folders` are known to be on this machine; paths in them or beside them are found whatever characters their names
    contain.
    """
    known = _known(folders)
    return [_mapped(_bare(section), lambda text: short_paths(text, known)) for section in sections]


def short_paths(text: str, known: Sequence[str] = ()) -> str:
    """The text with every path replaced by its last name; `known` folders, longest first, are replaced first."""
    for folder in known:
        text = text.replace(f"{folder}/", "/-/")
    return _PATH.sub(_last_name, text)


def _last_name(found: re.Match[str]) -> str:
    path = found[0].removeprefix("file://").rstrip("/\\")
    return own_name(Path(path)) if path.startswith("/") else re.split(r"[/\\]", path)[-1]


def _known(folders: Iterable[Path]) -> list[str]:
    found = {folder for folder in (home_folder(), Path.cwd()) if folder is not None}
    for folder in folders:
        whole = folder.resolve()
        found |= {folder.absolute(), whole, *folder.absolute().parents, *whole.parents}
    return sorted({str(folder) for folder in found if folder.name}, key=len, reverse=True)


def _bare(section: Section) -> Section:
    notices = [notice if notice.shared is None else Notice(notice.level, notice.shared) for notice in section.notices]
    return replace(
        section,
        notices=[notice for notice in notices if notice.text],
        charts=[_renamed(chart) for chart in section.charts],
        tables=[table.without(table.words) for table in section.tables],
        browsers=[],
    )


def _renamed(chart: Chart) -> Chart:
    """Replace each word of the data by its kind and a number; the same word gets the same number in the whole chart."""
    values: list[Spec] = [dict(row) for row in chart.spec["data"]["values"]]
    for name, kind in chart.words.items():
        numbers: dict[str, int] = {}
        for row in values:
            row[name] = f"{kind} {numbers.setdefault(str(row[name]), len(numbers) + 1)}"
    return replace(chart, spec={**chart.spec, "data": {"values": values}})


def _mapped(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - any part of a section
    """The value with every text in it changed, keys included."""
    if isinstance(value, str):
        return change(value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _mapped(getattr(value, one.name), change) for one in fields(value)})
    if isinstance(value, dict):
        return {_mapped(key, change): _mapped(one, change) for key, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_mapped(one, change) for one in value))
    if isinstance(value, list | tuple):
        return type(value)(_mapped(one, change) for one in value)
    return value


def own_name(folder: Path) -> str:
    """The last component of the folder's path; `~` for a home folder, because its name is its user's."""
    whole = folder.resolve()
    home = home_folder()
    is_home = (home is not None and whole == home.resolve()) or whole.parent in (Path("/home"), Path("/Users"))
    return "~" if is_home else whole.name
