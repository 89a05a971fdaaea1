"""The demo's pool, cut into rows to train on and rows held out. Knows ids; knows nothing of models."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Final

from bleuberi.artifacts import write_text

HELD_OUT: Final = 48


def split_demo_pool(folder: Path) -> tuple[Path, Path]:
    """Write `train.jsonl` and `held_out.jsonl`; held out are the 48 ids with the smallest SHA-256 hashes."""
    lines = (files("bleuberi.demo") / "pool.jsonl").read_text(encoding="utf-8").splitlines()
    by_hash = sorted(lines, key=lambda line: hashlib.sha256(json.loads(line)["id"].encode()).hexdigest())
    held_out = set(by_hash[:HELD_OUT])
    paths = folder / "train.jsonl", folder / "held_out.jsonl"
    for path, is_held_out in zip(paths, (False, True), strict=True):
        text = "".join(line + "\n" for line in lines if (line in held_out) == is_held_out)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    return paths
