"""The settings of `bleuberi compare`. Loads nothing heavy, because they are also flags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bleuberi.flags import flag


@dataclass(frozen=True, slots=True)
class Options:
    """Options of `bleuberi compare`. `cache` is the user's cache folder."""

    protocol: Path = field(metadata={"help": "a YAML file; results are written next to it", "metavar": "FILE"})
    cache: Path
    demo_model: Callable[[], Path]  # creates the demo's model, if the protocol uses it
    only: tuple[str, ...] = flag((), "run only these, e.g. grpo@1, or an arm for all its runs", metavar="RUN")
    keep_weights: bool = flag(False, "keep trained models in the cache ($BLEUBERI_CACHE/experiments)")
    dry_run: bool = flag(False, "check existing runs and list missing ones; run nothing")
