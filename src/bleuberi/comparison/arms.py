"""The arms of an experiment: kinds, runs and order of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bleuberi.columns import safe_name
from bleuberi.comparison.fields import Fields
from bleuberi.errors import UserError
from bleuberi.selection.config import Kind
from bleuberi.selection.modes import MODES

_TRAINED: Final = (
    "kind",
    "seeds",
    "settings",
    "start",
    "data",
    "shuffle_seed",
    "examples",
    "ref_models",
    "min_references",
)
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "base": ("kind",),
    "prompted": ("kind", "instruction"),
    "sft": _TRAINED,
    "bestof": (*_TRAINED, "reward", "samples", "sampling"),
    "dpo": (*_TRAINED, "reward", "samples", "sampling"),
    "grpo": (*_TRAINED, "reward"),
}
"""Kind -> allowed fields."""
CONFIGS: Final = {"sft": "sft_cpu", "bestof": "sft_cpu", "dpo": "dpo_cpu", "grpo": "grpo_cpu"}
"""Trained kinds -> default preset."""
TRAINERS: Final = {"sft": "sft", "bestof": "sft", "dpo": "dpo", "grpo": "grpo"}
"""Trained kinds -> the command of `bleuberi train`."""
SAMPLING: Final[Mapping[str, Any]] = {
    "num_samples": 8, "sample_temperature": 0.9, "sample_top_p": 1.0, "sample_top_k": 50, "seed": 42
}  # fmt: skip
"""How an arm of kind bestof or dpo draws samples if the protocol does not say otherwise: flags of `data bestof`."""
SAMPLED: Final[Mapping[str, Kind]] = {"bestof": "bestof", "dpo": "pairs"}
"""Kinds that train on scored samples of the base -> the command of `bleuberi data` that chooses among them."""
RUNNERS_OWN: Final = frozenset(
    {
        "seed",
        "dataset_path",
        "model_name_or_path",
        "output_dir",
        "reward_funcs",
        "resume_from_checkpoint",
        "push_to_hub",
        "chat_template_kwargs",
    }
)
_DATA_OWN: Final = frozenset(
    {
        "hf_dataset_path",
        "model",
        "output_dir",
        "output_dataset_name",
        "outputs",
        "overwrite",
        "json",
        "shuffle_references",
        "chat_template_kwargs",
    }
)


@dataclass(frozen=True, slots=True)
class Examples:
    """The choice of training examples, made by `bleuberi data grpo`."""

    mode: str
    count: int
    seed: int
    ref_models: tuple[str, ...]
    min_references: int | None
    flags: Mapping[str, Any]  # further flags of `data grpo`, e.g. metric
    shuffle: int | None = None  # seed of the placebo's shuffle


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm. `seeds` is empty for untrained arms."""

    name: str
    kind: str
    seeds: tuple[int, ...] = ()
    instruction: str = ""
    start: str = ""  # the arm whose run with the same seed is the start; empty: the base
    rewards: tuple[str, ...] = ()  # several are summed, as in `--reward_funcs`
    config: str = ""  # a preset, or a file relative to the protocol's folder
    settings: Mapping[str, Any] | None = None  # override the config
    examples: Examples | None = None
    sampling: Mapping[str, Any] | None = None  # of bestof and dpo: flags of `data bestof` and `data pairs`

    @property
    def trained(self) -> bool:
        return self.kind in CONFIGS

    @property
    def placebo(self) -> bool:
        return self.examples is not None and self.examples.shuffle is not None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an arm. Its name is the arm's, with `@` and the seed if the arm is trained."""

    arm: Arm
    seed: int | None = None

    @property
    def name(self) -> str:
        return self.arm.name if self.seed is None else f"{self.arm.name}@{self.seed}"


def read_arms(fields: Fields, settings: Fields | None, examples: Examples | None) -> dict[str, Arm]:
    """Read and check the arms, in the protocol's order. Errors: `UserError`."""
    if settings is not None:
        settings.only(CONFIGS)
    shared = {kind: settings.settings(kind) if settings is not None else {} for kind in CONFIGS}
    arms = {}
    for name in fields.names():
        if name != safe_name(name) or "@" in name or ":" in name or "=" in name:
            fields.refuse(name, "may only contain letters, digits, _, - and .")
        arms[name] = _read_arm(name, fields.child(name), shared, examples)
    bases = [arm.name for arm in arms.values() if arm.kind == "base"]
    if bases != list(arms)[:1]:
        fields.refuse("", "must start with the only arm of kind base, with which the others are compared")
    for arm in arms.values():
        _check_start(arm, arms, fields)
    return arms


def _read_arm(name: str, fields: Fields, shared: Mapping[str, dict[str, Any]], examples: Examples | None) -> Arm:
    kind = fields.text("kind", choices=tuple(KINDS))
    fields.only(KINDS[kind], f"of an arm of kind {kind}")
    if kind not in CONFIGS:
        return Arm(name, kind, instruction=fields.text("instruction") if kind == "prompted" else "")
    if examples is None:
        fields.refuse("", "is trained, but the protocol has no `examples` and `pool.train`")
    settings = {**shared[kind], **fields.settings("settings")}
    config = settings.pop("config", CONFIGS[kind])
    if taken := sorted(RUNNERS_OWN & settings.keys()):
        field = "settings" if "settings" in fields else ""
        fields.refuse(
            field,
            f"sets {taken[0]}, which bleuberi compare sets itself",
            "Use `seeds`, `start` or `reward` of the arm, or `chat_template_kwargs` of the protocol.",
        )
    steps = settings.get("max_steps")
    if isinstance(steps, int) and steps < 1 and steps != -1:
        fields.refuse("settings" if "settings" in fields else "", f"has max_steps {steps}: less than one step")
    return Arm(
        name,
        kind,
        seeds=fields.wholes("seeds"),
        start=fields.text("start", ""),
        rewards=_rewards(fields, kind),
        config=str(config),
        settings=settings,
        examples=_own_examples(fields, examples),
        sampling=_sampling(fields) if kind in SAMPLED else None,
    )


def _rewards(fields: Fields, kind: str) -> tuple[str, ...]:
    if kind == "sft":
        return ()
    rewards = fields.words("reward", ("bleu",))
    if kind in SAMPLED and len(rewards) > 1:
        fields.refuse("reward", "names several rewards, but samples are compared by one")
    return rewards


def _sampling(fields: Fields) -> dict[str, Any]:
    """The settings with which a bestof or dpo arm draws its samples, defaults included."""
    given = fields.settings("sampling")
    if strange := sorted(given.keys() - (SAMPLING.keys() - {"num_samples"})):
        known = ", ".join(sorted(SAMPLING.keys() - {"num_samples"}))
        fields.refuse("sampling", f"sets {strange[0]}", f"Fields: {known}; `samples` is the number of samples.")
    return {**SAMPLING, **given, "num_samples": fields.whole("samples", 2, SAMPLING["num_samples"])}


def _own_examples(fields: Fields, shared: Examples) -> Examples:
    """The protocol's examples, updated by the arm's own fields."""
    own = shared
    if "examples" in fields:
        own = read_examples(fields.child("examples"), shared)
    own = replace(own, ref_models=fields.words("ref_models", own.ref_models))
    if "min_references" in fields:
        own = replace(own, min_references=fields.whole("min_references", 1))
    data = fields.text("data", "real", choices=("real", "shuffled"))
    if data == "real" and "shuffle_seed" in fields:
        fields.refuse("shuffle_seed", "has no effect without `data: shuffled`")
    return replace(own, shuffle=fields.whole("shuffle_seed", 0, 1)) if data == "shuffled" else own


def read_examples(fields: Fields, shared: Examples) -> Examples:
    """Read the choice of examples, with defaults from `shared`. Errors: `UserError`."""
    flags = {**shared.flags, **{k: v for k, v in fields.settings().items() if k not in ("mode", "count", "seed")}}
    if taken := sorted(_DATA_OWN & flags.keys()):
        fields.refuse(taken[0], "is set by bleuberi compare itself")
    mode = fields.text("mode", shared.mode, choices=tuple(MODES))
    if not MODES[mode].needs_scores:
        flags = {}  # no scores needed
    elif "metric" not in flags:
        fields.refuse("", f"selects by score ({mode}), but has no metric", "Add `metric: bleu`.")
    count, seed = fields.whole("count", 1, shared.count or None), fields.whole("seed", 0, shared.seed)
    return replace(shared, mode=mode, count=count, seed=seed, flags=flags)


def _check_start(arm: Arm, arms: Mapping[str, Arm], fields: Fields) -> None:
    if not arm.start:
        return
    seen = {arm.name}
    here = arm
    while here.start:
        start = arms.get(here.start)
        if start is None or not start.trained:
            known = ", ".join(name for name, other in arms.items() if other.trained and name != arm.name)
            fields.child(arm.name).refuse(
                "start", f"is {arm.start!r}, which is not a trained arm", f"Trained arms: {known}."
            )
        if start.name in seen:
            fields.child(arm.name).refuse("start", f"is circular (through {start.name})")
        seen.add(start.name)
        here = start
    if missing := sorted(set(arm.seeds) - set(arms[arm.start].seeds)):
        fields.child(arm.name).refuse(
            "start",
            f"is {arm.start}, which has no seed {missing[0]}",
            f"Add the seed to {arm.start}, or remove it here.",
        )


def runs_in_order(arms: Mapping[str, Arm]) -> list[Run]:
    """All runs: first each arm's first seed, then the second ones, ...; a run follows the run it starts from."""
    ordered: dict[str, Run] = {}

    def add(run: Run) -> None:
        if run.arm.start:
            add(Run(arms[run.arm.start], run.seed))
        ordered.setdefault(run.name, run)

    for turn in range(max((len(arm.seeds) for arm in arms.values()), default=0) or 1):
        for arm in arms.values():
            if not arm.trained and turn == 0:
                add(Run(arm))
            elif turn < len(arm.seeds):
                add(Run(arm, arm.seeds[turn]))
    return list(ordered.values())


def start_of(run: Run, arms: Mapping[str, Arm]) -> Run | None:
    """The run whose trained model this run starts from; None if it starts from the base."""
    return Run(arms[run.arm.start], run.seed) if run.arm.start else None


def find_runs(runs: list[Run], names: list[str], flag: str) -> list[Run]:
    """Find runs by name; an arm's name selects all its runs. Errors: `UserError` for an unknown name."""
    found = []
    for name in names:
        matching = [run for run in runs if name in (run.name, run.arm.name)]
        if not matching:
            raise UserError(f"{flag} {name}: no such run in the protocol.", f"Runs: {', '.join(r.name for r in runs)}.")
        found += matching
    return found
