"""The parts of a page: sections with facts, charts, tables and examples."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from bleuberi.statistics import shown

Spec = dict[str, Any]
Level = Literal["note", "warning", "verdict"]
LABELS: Final[dict[Level, str]] = {"note": "Note", "warning": "Warning", "verdict": "Verdict"}


class Fact(NamedTuple):
    """One number or word to be seen at a glance."""

    label: str
    value: str
    note: str = ""


class Notice(NamedTuple):
    """A sentence to be shown beside the numbers."""

    level: Level
    text: str
    shared: str | None = None  # said in its place on a page without texts; nothing where it is empty


@dataclass(frozen=True, slots=True)
class Chart:
    """A Vega-Lite chart; `spec` has its numbers as one flat table under `data`, and colours as CSS variables."""

    name: str  # unique within its section, and a file name
    title: str
    spec: Spec
    note: str = ""
    signature: str = ""  # how the numbers were made
    wide: bool = False
    words: dict[str, str] = field(default_factory=dict)  # fields of its table with words of the data -> what they are


class Cell(NamedTuple):
    """A table's cell: its text, its number (None: sorted by the text), and the bounds of the number's interval."""

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table. A column counts as text if its cells have no value, else as numbers. `details`: columns for the page
    only."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[Cell]]
    note: str = ""
    signature: str = ""
    words: tuple[str, ...] = ()  # columns with words of the data
    details: tuple[str, ...] = ()  # columns that only the page shows
    wide: tuple[str, ...] = ()  # columns that a narrow terminal leaves out
    only_page: bool = False

    def without(self, names: Collection[str]) -> Table:
        """The table without these columns."""
        kept = [place for place, column in enumerate(self.columns) if column not in names]
        rows = [[row[place] for place in kept] for row in self.rows]
        return replace(self, columns=[self.columns[place] for place in kept], rows=rows)

    @property
    def numeric(self) -> list[bool]:
        """Whether each column has numbers."""
        return [any(row[place].value is not None for row in self.rows) for place in range(len(self.columns))]


class Block(NamedTuple):
    """One text of an example. `parts` are pieces with the longest matched n-gram over each (0: none)."""

    kind: Literal["prompt", "response", "reference"]
    label: str
    parts: list[tuple[str, int]]
    note: str = ""


class Example(NamedTuple):
    """A row of the browser; `numbers` by column, None for a missing one."""

    id: str
    title: str
    tag: str
    numbers: dict[str, float | None]
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Browser:
    """A bounded number of examples to browse, search and sort, in their initial order."""

    name: str
    title: str
    columns: list[str]
    rows: list[Example]
    note: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """The part of the page about one folder."""

    id: str
    kind: str
    title: str
    folder: str
    lead: str = ""  # the one sentence that is also on top of the page
    facts: list[Fact] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    browsers: list[Browser] = field(default_factory=list)
    signatures: dict[str, str] = field(default_factory=dict)  # name -> how that number is made


def number(value: float | None, digits: int = 3) -> Cell:
    """A cell with a number; empty if it is missing."""
    return Cell("", None) if value is None else Cell(f"{value:,.{digits}f}", value)


def count(value: int) -> Cell:
    """A cell with a whole number."""
    return Cell(f"{value:,}", float(value))


def share(value: float | None, digits: int = 1) -> Cell:
    """A cell with a share in per cent."""
    return Cell("", None) if value is None else Cell(f"{value:.{digits}%}", value)


def estimated(estimate: shown.Estimated | None, form: str = ".3f", scale: float = 1.0) -> Cell:
    """A cell with an estimate and its interval; empty if there is no number. `scale`: 100 for per cent."""
    value, low, high = shown.numbers(estimate)
    if value is None or estimate is None:
        return Cell("")
    bounds = (None, None) if low is None or high is None else (scale * low, scale * high)
    return Cell(shown.interval(estimate, form, scale), scale * value, *bounds)


def p_value(value: float | None) -> Cell:
    """A cell with a p value, or an empty text."""
    return Cell("") if value is None or value != value else Cell(f"{value:.2g}", value)
