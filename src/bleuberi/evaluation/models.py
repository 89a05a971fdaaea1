"""The models to compare, and their groups: seeds of one training."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from bleuberi.artifacts import local_path
from bleuberi.data.tables import table_format
from bleuberi.errors import UserError


class EvaluatedModel(NamedTuple):
    """A model under its name. `grpo@0` is the seed 0 of the group `grpo`; a plain name is a group of its own."""

    name: str
    model: str  # hub id, folder, or file of responses

    @property
    def group(self) -> str:
        return self.name.partition("@")[0]

    @property
    def seed(self) -> str | None:
        return self.name.partition("@")[2] or None

    @property
    def response_file(self) -> Path | None:
        """The path if the model is a file of responses (which may be missing); None for a real model."""
        path = local_path(self.model)
        named_so = table_format(self.model) is not None and not path.is_dir()
        return path if named_so or path.is_file() else None


class Group(NamedTuple):
    """Seeds of one training, or a single model."""

    name: str
    members: tuple[str, ...]  # names of models


class Primary(NamedTuple):
    """The comparison declared in advance: whether `other` is better than `base` in `metric`."""

    other: str
    base: str
    metric: str | None = None  # None: the first

    @property
    def pair(self) -> tuple[str, str]:
        """Base and other, the key of their difference."""
        return self.base, self.other

    def word(self) -> str:
        """The comparison in the form that `--primary` accepts."""
        return ":".join(part for part in self if part is not None)


def read_primary(word: str) -> Primary:
    """Parse `OTHER:BASE` or `OTHER:BASE:METRIC`. Errors: `UserError`."""
    other, _, rest = word.partition(":")
    base, _, metric = rest.partition(":")  # names of metrics may have colons
    if not other or not base or other == base or rest.endswith(":"):
        raise UserError(f"--primary got {word!r}.", "Write OTHER:BASE or OTHER:BASE:METRIC, e.g. grpo:base:bleu.")
    return Primary(other, base, metric or None)


def read_models(words: Sequence[str]) -> tuple[EvaluatedModel, ...]:
    """Parse the words `NAME=MODEL` or `NAME@SEED=MODEL`. Errors: `UserError`."""
    models = []
    for word in words:
        name, _, model = word.partition("=")
        # No shell expands a ~ behind a `=`.
        entry = EvaluatedModel(name, str(local_path(model)) if model.startswith("~") else model)
        if not model or not entry.group or name.endswith("@") or name.count("@") > 1 or ":" in name:
            raise UserError(
                f"--models got {word!r}.",
                "Write NAME=FILE or NAME=MODEL, e.g. base=org/model; seeds as NAME@SEED=..., e.g. grpo@1=a.jsonl.",
            )
        models.append(entry)
    return tuple(models)


def groups_of(models: Sequence[EvaluatedModel]) -> list[Group]:
    """The groups in the order of their first models; the first is the base. Errors: `UserError` if two models have the
    same name."""
    names = [entry.name for entry in models]
    if len(set(names)) < len(names):
        raise UserError(
            "Two models have the same name.",
            "Give different names: --models base=... trained=...; seeds of one training: grpo@0=... grpo@1=...",
        )
    members: dict[str, list[EvaluatedModel]] = {}
    for entry in models:
        members.setdefault(entry.group, []).append(entry)
    for group, entries in members.items():
        if len(entries) > 1 and any(entry.seed is None for entry in entries):
            raise UserError(
                f"{group} is both a model and a group of seeds.",
                f"Give every one its seed: {group}@0=... {group}@1=...",
            )
    return [Group(group, tuple(entry.name for entry in entries)) for group, entries in members.items()]


def check_groups(groups: Sequence[Group], placebo: Sequence[str], untrained: Sequence[str]) -> None:
    """Errors: `UserError` if a named group does not exist, or if the base is named as a placebo."""
    names = [group.name for group in groups]
    for flag, asked, known in (("--placebo", placebo, names[1:]), ("--untrained", untrained, names)):
        unknown = next((name for name in asked if name not in known), None)
        if unknown is not None:
            raise UserError(
                f"{flag} names {unknown}, which is not one of the groups to choose from.",
                f"Choose from: {', '.join(known) or 'none (--models has one group)'}.",
            )


def primary_of(
    asked: Primary | None,
    groups: Sequence[Group],
    scores: Sequence[str],
    trained_here: Collection[str],
    last: Collection[str],
) -> Primary | None:
    """The primary comparison: the requested one, else the first trained group against the base in the first score.

    A group that was trained here comes before others, and those of `last` (placebos, groups without a training) last.
    None if there are no two groups, or no score. Errors: `UserError` for a metric that is not computed.
    """
    if asked is not None and asked.metric is not None and asked.metric not in scores:
        raise UserError(
            f"--primary has the metric {asked.metric}, which is not computed.",
            f"Choose from: {', '.join(scores) or 'none'}, or add it to --metrics.",
        )
    if len(groups) < 2 or not scores:
        return None
    if asked is not None:
        return asked._replace(metric=asked.metric or scores[0])
    names = sorted((group.name for group in groups[1:]), key=lambda name: (name in last, name not in trained_here))
    return Primary(names[0], groups[0].name, scores[0])
