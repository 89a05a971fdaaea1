"""The protocol of an experiment: a YAML file, written before the first run, that defines runs and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import file_hash
from bleuberi.comparison.arms import Arm, Examples, Run, read_arms, read_examples, runs_in_order
from bleuberi.comparison.fields import Fields, read_fields
from bleuberi.comparison.pool_parts import PoolPart, read_pool_parts
from bleuberi.comparison.search import Search, read_search

FILE: Final = "protocol.yaml"
FIELDS: Final = (
    "name", "question", "note", "model", "pool", "prompts", "ref_models", "min_references", "examples",
    "max_new_tokens", "answer_dtype", "chat_template_kwargs", "threads", "settings", "arms", "primary",
    "smallest_visible", "stopping", "texts", "evaluate", "search",
)  # fmt: skip
_EVALUATE_OWN: Final = frozenset(
    {"models", "prompts", "output_dir", "ref_models", "min_references", "max_new_tokens", "overwrite", "json",
     "primary", "placebo", "untrained", "engine", "cache_dir"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Primary:
    """The experiment's primary comparison: `arm - against` in `metric`."""

    arm: str
    against: str
    metric: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """A checked protocol."""

    path: Path
    sha256: str
    name: str
    question: str
    note: str
    model: str  # `demo`, a hub id, or a folder
    pool: Mapping[str, PoolPart]
    prompts: str  # the part of the pool answered by every run
    examples: Examples  # default for arms; its references are also used in the evaluation
    max_new_tokens: int
    answer_dtype: str  # of the weights when generating responses
    chat_template_kwargs: Mapping[str, Any]  # for every prompt: in data creation, training and evaluation
    threads: int
    arms: Mapping[str, Arm]
    primary: Primary
    smallest_visible: Mapping[str, Any]
    stopping: str
    texts: str  # `commit` or `scores_only`
    evaluate: Mapping[str, Any]  # further flags of `bleuberi evaluate`
    search: Search  # the pilots in which arms' settings were chosen

    @property
    def folder(self) -> Path:
        """The results folder: that of protocol.yaml; for other file names, a subfolder of that name."""
        return self.path.parent if self.path.name == FILE else self.path.parent / self.path.stem

    @property
    def runs(self) -> list[Run]:
        return runs_in_order(self.arms)

    @property
    def placebos(self) -> list[str]:
        """Arms trained on shuffled references."""
        return [arm.name for arm in self.arms.values() if arm.placebo]

    def promises(self) -> dict[str, Any]:
        """The decisions that readers must know were made before the first run."""
        return {
            "primary": f"{self.primary.arm} - {self.primary.against} in {self.primary.metric}",
            "smallest_visible": dict(self.smallest_visible),
            "stopping": self.stopping,
            "runs": {arm.name: list(arm.seeds) for arm in self.arms.values()},
            **({"search": {name: list(tried) for name, tried in self.search.items()}} if self.search else {}),
        }


def read_protocol(path: Path) -> Protocol:
    """Read and check a protocol. Errors: `UserError` with the line number."""
    fields = read_fields(path)
    fields.only(FIELDS)
    pool = read_pool_parts(fields.child("pool"), path.parent)
    prompts = fields.text("prompts", "test", choices=("test", "dev"))
    if prompts not in pool:
        fields.refuse("pool", f"has no part {prompts}, whose prompts the runs answer")
    examples = Examples("random", 0, 1, fields.words("ref_models", ("all",)), _optional(fields, "min_references"), {})
    trained = "examples" in fields and "train" in pool
    if "examples" in fields:
        if not trained:
            fields.refuse("pool", "has no part train, which the examples are taken from")
        examples = read_examples(fields.child("examples"), examples)
    arms = read_arms(
        fields.child("arms"), fields.child("settings") if "settings" in fields else None, examples if trained else None
    )
    evaluate = fields.settings("evaluate")
    if taken := sorted(_EVALUATE_OWN & evaluate.keys()):
        fields.refuse("evaluate", f"sets {taken[0]}, which bleuberi compare sets itself")
    return Protocol(
        path=path,
        sha256=file_hash(path),
        name=fields.text("name"),
        question=fields.text("question"),
        note=fields.text("note", ""),
        model=fields.text("model"),
        pool=pool,
        prompts=prompts,
        examples=examples,
        max_new_tokens=fields.whole("max_new_tokens", 1),
        answer_dtype=fields.text("answer_dtype", "float32", choices=("float32", "bfloat16")),
        chat_template_kwargs=fields.settings("chat_template_kwargs"),
        threads=fields.whole("threads", 1, 1, most=1024),
        arms=arms,
        primary=_primary(fields.child("primary"), arms),
        smallest_visible=fields.settings("smallest_visible"),
        stopping=fields.text("stopping"),
        texts=fields.text("texts", choices=("commit", "scores_only")),
        evaluate=evaluate,
        search=read_search(fields.child("search"), arms) if "search" in fields else {},
    )


def _optional(fields: Fields, name: str) -> int | None:
    return fields.whole(name, 1) if name in fields else None


def _primary(fields: Fields, arms: Mapping[str, Arm]) -> Primary:
    fields.only(("arm", "against", "metric"))
    primary = Primary(fields.text("arm"), fields.text("against"), fields.text("metric"))
    for name, arm in (("arm", primary.arm), ("against", primary.against)):
        if arm not in arms:
            fields.refuse(name, f"is {arm!r}, which is not an arm", f"Arms: {', '.join(arms)}.")
    if primary.arm == primary.against:
        fields.refuse("against", "must be a different arm")
    return primary
