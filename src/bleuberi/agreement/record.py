"""The result of an agreement: `agreement.json`, and a manifest with its request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from bleuberi import made
from bleuberi.agreement.config import AgreementConfig, Sureness
from bleuberi.agreement.record_parts import (
    Annotators,
    BestOfN,
    Comparison,
    CurvePoint,
    ExpectedOrder,
    Figure1Entry,
    JudgedPart,
    PairCounts,
    PairsScore,
    RankedModel,
    ReferenceCounts,
    ReferencesScore,
    SystemCounts,
    SystemsScore,
)
from bleuberi.artifacts import MANIFEST, file_hash, make_manifest, read_json, source_hash, write_json
from bleuberi.errors import UserError
from bleuberi.records import from_json
from bleuberi.rewards import Reward

SCHEMA: Final = "bleuberi.agreement/1"
RESULT_FILE: Final = "agreement.json"
KIND: Final = "agreement"
SOURCES: Final = ("preferences", "pool", "outputs", "labels")
"""Fields of the configs that name a file, a folder or a hub id."""
NOT_DECIDING: Final = ("output_dir", "overwrite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The fields that all three kinds of agreement share."""

    sureness: Sureness
    length_baseline: str
    verdict: str
    warnings: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    @property
    def how(self) -> str:
        """The method of the intervals."""
        return f"{self.sureness.confidence:.0%} intervals, {self.sureness.resamples:,} resamples"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPairs(Agreement):
    """Agreement with people's preferences."""

    counts: PairCounts
    rewards: tuple[PairsScore, ...]
    balanced_comparisons: tuple[Comparison, ...] = ()
    annotators: Annotators
    curves: tuple[CurvePoint, ...] = ()
    figure_1: tuple[Figure1Entry, ...] = ()
    judge: JudgedPart = field(default_factory=JudgedPart)
    annotators_sentence: str = ""
    judge_sentence: str = ""
    choice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSystems(Agreement):
    """Agreement with labels of models."""

    label: str
    counts: SystemCounts
    rewards: tuple[SystemsScore, ...]
    balanced_comparisons: tuple[Comparison, ...] = ()
    best_of_n: BestOfN = field(default_factory=BestOfN)
    systems: tuple[RankedModel, ...] = ()
    orders: tuple[ExpectedOrder, ...] = ()
    choice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnReferences(Agreement):
    """Rewards compared with references only."""

    counts: ReferenceCounts
    damage_kinds: Mapping[str, Any]
    rewards: tuple[ReferencesScore, ...]


AnyAgreement = OnPairs | OnSystems | OnReferences
_RECORDS: Final[Mapping[str, type[AnyAgreement]]] = {"pairs": OnPairs, "systems": OnSystems, "references": OnReferences}


def load_agreement(folder: Path) -> AnyAgreement:
    """The result in `folder`. Errors: `UserError` if it is missing or damaged."""
    path = folder / RESULT_FILE
    content = read_json(path) if path.is_file() else None
    form = _RECORDS.get(str(content.get("kind"))) if isinstance(content, dict) else None
    if form is None:
        raise UserError(f"{folder} has no agreement.", "Give a folder that bleuberi agreement wrote.")
    return from_json(form, content, RESULT_FILE)


def request_of(config: AgreementConfig, kind: str, rewards: Mapping[str, Reward]) -> dict[str, Any]:
    """Everything that decides a result: all fields of the config, with rewards as signatures and files as hashes, so
    files may be moved. A data set on the hub is identified by its name."""
    request: dict[str, Any] = {"kind": kind}
    for name in (one.name for one in fields(config) if one.name not in NOT_DECIDING):
        value = getattr(config, name)
        request[name] = (source_hash(value) or value) if name in SOURCES and value is not None else value
    request["sureness"] = {one.name: getattr(config.sureness, one.name) for one in fields(config.sureness)}
    return {**request, "rewards": [f"{name}: {reward.signature()}" for name, reward in rewards.items()]}


def find_agreement(
    config: AgreementConfig, request: Mapping[str, Any], log: Callable[[str], None]
) -> dict[str, Any] | None:
    """The earlier result of an equal request, or None. Errors: as `made.find`."""
    folder = config.output_dir
    if not (folder / MANIFEST).exists():  # the folder may have other things in it
        return None
    cure = "Choose another --output_dir, or replace the result with --overwrite."
    if made.find(folder, KIND, request, cure, overwrite=config.overwrite) is None:
        return None
    log(f"{folder} was made by an equal request and is reused")
    document: dict[str, Any] = read_json(folder / RESULT_FILE)
    return document


def write_result(document: Mapping[str, object], folder: Path, request: Mapping[str, Any]) -> None:
    """Write the result, and last the manifest."""
    (folder / MANIFEST).unlink(missing_ok=True)  # of a result that this one replaces
    write_json(folder / RESULT_FILE, document)
    files = {RESULT_FILE: file_hash(folder / RESULT_FILE)}
    write_json(folder / MANIFEST, make_manifest(KIND, made.as_stored(request), files_sha256=files))
