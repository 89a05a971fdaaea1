"""The settings of `bleuberi agreement`: on pairs, on labelled models, or with references only. Loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bleuberi import columns
from bleuberi.errors import UserError
from bleuberi.flags import REWARDS, SPLIT, flag
from bleuberi.generation.options import JudgeConfig


@dataclass(frozen=True, slots=True)
class Sureness:
    """Settings for intervals."""

    resamples: int = flag(10_000, "bootstrap resamples", metavar="N", least=1)
    seed: int = flag(0, "random seed for resamples, orders and folds", least=0)
    confidence: float = flag(0.95, "confidence level of the intervals", metavar="P")


@dataclass(frozen=True, slots=True)
class JudgedMargins:
    """The judge's settings, and the largest share of the decisive pairs to judge: those with the smallest margins."""

    judge: JudgeConfig
    share: float = flag(0.2, "share of the pairs to judge, smallest margins of the first reward first", metavar="P")

    def settings(self) -> dict[str, Any]:
        """The settings that decide the verdicts and the curve."""
        return {**self.judge.settings(), "share": self.share}

    def check(self) -> None:
        """Errors: `UserError` for an invalid share."""
        if not 0.0 < self.share <= 1.0:
            raise UserError(f"--judge_share is {self.share:g}.", "Give a share above 0, up to 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementConfig:
    """The settings that all three kinds of agreement share."""

    output_dir: Path = field(metadata={"help": "folder for agreement.json and figures", "metavar": "DIR"})
    rewards: tuple[str, ...] = flag(
        ("bleu", "rouge", "bleu_rouge_f1"), f"{REWARDS}, or all; the verdict is about the first",
        metavar="NAME", nargs="*",
    )  # fmt: skip
    ref_models: tuple[str, ...] = flag(
        (), "reference models, in order of preference (default: all ref_output_ columns in file order)",
        metavar="MODEL",
    )  # fmt: skip
    max_references: int = flag(5, "at most K per prompt", metavar="K", least=1)
    pool: str | None = flag(
        None, "pool with the references, joined by prompt; without other data: compare rewards by its references",
        metavar="FILE",
    )  # fmt: skip
    sureness: Sureness = field(default_factory=Sureness)
    overwrite: bool = flag(False, "replace a result with different settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsConfig(AgreementConfig):
    """Settings of `bleuberi agreement --preferences`."""

    preferences: str  # with `arena`: the folder of the paper's files
    sources: tuple[str, ...] = flag((), "only rows of these sources", metavar="NAME")
    score_columns: tuple[str, ...] = flag(
        (), "precomputed scores in columns NAME_a and NAME_b (for chosen/rejected: NAME_chosen, NAME_rejected)",
        metavar="NAME",
    )  # fmt: skip
    combine: tuple[str, ...] = flag(
        (), "mixes of scores, each as z-scored mean and as cross-validated logistic mix "
        "(default: the first reward with every score column, and with longer_words)",
        metavar="A+B",
    )  # fmt: skip
    curve_orders: int = flag(
        5, "sampled reference orders for the curve over 1..K references; 0: no curve", metavar="N", least=0
    )
    split: str = flag("train", SPLIT)
    arena: bool = False
    judged: JudgedMargins | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemsConfig(AgreementConfig):
    """Settings of `bleuberi agreement --outputs`."""

    outputs: str
    labels: str | None = flag(None, ".csv or .jsonl with model and label (default: --outputs)", metavar="FILE")
    label_column: str = field(
        metadata={"help": "win rate, Elo, judge's score ...; higher is better", "metavar": "NAME", "required": False}
    )
    id_column: str = flag("prompt_id", "column with the prompt id in --outputs", metavar="NAME")
    pool_id_column: str = flag(columns.ID, "column with the prompt id in --pool", metavar="NAME")
    exclude_systems: tuple[str, ...] = flag(
        (), "also exclude these models (models used as references are always excluded)", metavar="MODEL"
    )
    expect_order: tuple[str, ...] = flag(
        (), "expected orders of models' mean scores to check, e.g. 'base<sft<bleu'", metavar="A<B<C"
    )
    split: str = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencesConfig(AgreementConfig):
    """Settings of `bleuberi agreement --pool` without preferences and labels."""

    pool: str
    outputs: str | None = None
    num_examples: int = flag(500, "number of prompts, drawn at random", metavar="N", least=1)
    model: str | None = flag(None, "model whose rows to use, if --outputs has several", metavar="NAME")
