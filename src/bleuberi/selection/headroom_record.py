"""`headroom.json`: the measurements of `bleuberi headroom`. Written by `comparison.headroom_run`, shown by the
report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from bleuberi.artifacts import read_record
from bleuberi.errors import UserError
from bleuberi.statistics import Difference, Estimate
from bleuberi.statistics.shown import difference, number, percent

RECORD: Final = "headroom.json"
MEANINGS: Final[Mapping[str, str]] = {
    "mean": "mean of the samples",
    "best": "best of k, by the same references",
    "chosen": "best of k, by references that did not choose it",
    "cut": "cut to the references' median length",
    "echo": "echo of the prompt at that length",
    "brief": "told to be brief",
    "oracle": "a reference against the others",
}


@dataclass(frozen=True, slots=True)
class Headroom:
    """Means by column, their differences to `baseline` (`greedy`; without greedy responses `mean`), and a verdict."""

    prompts: int
    samples: int  # the fewest of a prompt
    metric: str
    signature: str
    baseline: str
    means: Mapping[str, float]
    gains: Mapping[str, Difference]
    no_spread: Estimate
    at_floor: Estimate
    stuck: Estimate  # no spread, or at the floor
    deviation: float  # mean over prompts of the standard deviation within a prompt
    unfinished: float  # share of the samples that end at the token limit
    verdict: str
    sentence: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """The sentence, then one line per number, for the terminal."""
        shown = [f"{'baseline: ' + self.baseline:<50} {number(self.means[self.baseline])}"]
        for name, gain in self.gains.items():
            shown.append(f"{MEANINGS[name]:<50} {number(self.means[name])}  {difference(gain)}")
        flat, floor = (percent(share, 0) for share in (self.no_spread, self.at_floor))
        stuck = f"{flat} without spread, {floor} with all samples at the floor"
        return [
            self.sentence,
            "",
            f"{self.metric} of {self.prompts:,} prompts, {self.samples} samples each; mean, and gain over the baseline",
            *shown,
            f"Prompts: {stuck}; standard deviation within a prompt {number(self.deviation)} on average.",
            f"Samples that end at the token limit: {self.unfinished:.0%}.",
            "A gain of training is not predicted: 30 calibration runs did not allow it (docs/headroom.md).",
        ]


@dataclass(frozen=True, slots=True)
class HeadroomRecord:
    """The file's content. `meanings`: for readers, the meaning of each name in `headroom.means`."""

    headroom: Headroom
    meanings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Errors: `UserError` if the folder has no such file, or a damaged one."""
        found = read_record(cls, folder / RECORD)
        if found is None:
            raise UserError(f"{folder} has no {RECORD}.", "Give a folder that bleuberi headroom wrote.")
        return found
