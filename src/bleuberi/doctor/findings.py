"""The preflight's findings, printed as lines with a verdict."""

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
    """One line of the report: the topic, the verdict, a sentence, and the remedy."""

    topic: str
    verdict: Verdict
    text: str
    cure: str = ""


@dataclass
class Report:
    """Findings in the order in which they were added, and the numbers that `--json` prints."""

    findings: list[Finding] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    def add(self, topic: str, verdict: Verdict, text: str, cure: str = "") -> None:
        """Append one finding."""
        self.findings.append(Finding(topic, verdict, text, cure))

    def add_error(self, topic: str, error: UserError) -> None:
        """Append an error with which the run itself would end, as a problem."""
        self.add(topic, "problem", error.what, error.cure)

    def count(self, verdict: Verdict) -> int:
        """The number of findings with that verdict."""
        return sum(finding.verdict == verdict for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """2 if there is a problem, so the run would fail (2 is the exit code of all errors that the user can fix); else
        0."""
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
        """The report as aligned plain text: verdict, topic, sentence; below a problem or warning its remedy."""
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
    """Format a number of bytes, e.g. `14.2 GB` (10^9 bytes)."""
    return f"{number / 1e9:.1f} GB" if number < 1e11 else f"{number / 1e9:,.0f} GB"


def quantiles(numbers: Sequence[int], shares: Iterable[float] = (0.5, 0.95, 1.0)) -> list[int]:
    """For each share, the value that this share of the numbers does not exceed (nearest rank)."""
    ordered = sorted(numbers)
    return [ordered[max(0, min(len(ordered) - 1, round(share * len(ordered)) - 1))] for share in shares]
