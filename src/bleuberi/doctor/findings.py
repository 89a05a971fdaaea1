"""What the preflight found, as lines with a verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from bleuberi.errors import UserError

Verdict = Literal["ok", "warning", "problem"]
LINE_WIDTH: Final = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was looked at, the verdict, what was found, and what to do about it."""

    topic: str
    verdict: Verdict
    text: str
    cure: str = ""


@dataclass
class Report:
    """Findings in the order in which they were made, and the numbers behind them for `--json`."""

    findings: list[Finding] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    def add(self, topic: str, verdict: Verdict, text: str, cure: str = "") -> None:
        """Append one finding."""
        self.findings.append(Finding(topic, verdict, text, cure))

    def add_error(self, topic: str, error: UserError) -> None:
        """A mistake that the run itself would have ended with."""
        self.add(topic, "problem", error.what, error.cure)

    def count(self, verdict: Verdict) -> int:
        """How many findings have that verdict."""
        return sum(finding.verdict == verdict for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """2 where the run would fail, as for every error that the user can mend; else 0."""
        return 2 if self.count("problem") else 0

    def as_dict(self) -> dict[str, Any]:
        """The report for `--json`."""
        return {
            "problems": self.count("problem"),
            "warnings": self.count("warning"),
            "findings": [asdict(finding) for finding in self.findings],
            "numbers": self.numbers,
        }

    def as_text(self) -> str:
        """Aligned plain text: verdict, topic, what was found; the cure of a problem under it."""
        width = max((len(finding.topic) for finding in self.findings), default=0)
        lines: list[str] = []
        for finding in self.findings:
            head = f"{finding.verdict:<9}{finding.topic:<{width}}  "
            lines += _wrapped(head, finding.text)
            if finding.cure and finding.verdict != "ok":
                lines += _wrapped(" " * (len(head) - 3) + "-> ", finding.cure)
        problems, warnings = self.count("problem"), self.count("warning")
        return "\n".join([*lines, "", f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}"])


def _wrapped(head: str, text: str) -> list[str]:
    hanging = " " * len(head)
    return textwrap.wrap(text, LINE_WIDTH, initial_indent=head, subsequent_indent=hanging, break_on_hyphens=False)


def counted(number: int, noun: str) -> str:
    """E.g. `1 problem`, `2 problems`, `2 processes`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "es" if noun.endswith("s") else "s")


def gigabytes(number: float) -> str:
    """Bytes as people read them, e.g. `14.2 GB` (10^9 bytes)."""
    return f"{number / 1e9:.1f} GB" if number < 1e11 else f"{number / 1e9:,.0f} GB"


def quantiles(numbers: Sequence[int], shares: Iterable[float] = (0.5, 0.95, 1.0)) -> list[int]:
    """The values below or at which these shares of the numbers lie (nearest rank)."""
    ordered = sorted(numbers)
    return [ordered[max(0, min(len(ordered) - 1, round(share * len(ordered)) - 1))] for share in shares]
