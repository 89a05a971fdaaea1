"""Which code computes BLEU and ROUGE-L: the compiled extension or pure Python.

Both give identical bits. The environment variable BLEUBERI_BACKEND (`native`, `python`) selects one; by default
the extension is used if it was built.
"""

from __future__ import annotations

import os
from types import ModuleType

from bleuberi.errors import UserError

_REVISION = 2  # as in _native.cpp
_native: ModuleType | None
try:
    from bleuberi.rewards import _native
except ImportError:  # no compiler at install time
    _native = None
_is_other = _native is not None and getattr(_native, "REVISION", None) != _REVISION  # built before the source changed
if _is_other:
    _native = None

VARIABLE = "BLEUBERI_BACKEND"


def native() -> ModuleType | None:
    """The compiled extension, or None if pure Python is used. Errors: `UserError` if the extension is requested but
    was not built."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "python":
        return None
    if wanted not in {"", "native"}:
        raise UserError(f"Invalid {VARIABLE}={wanted!r}.", f"Set {VARIABLE} to native or python, or unset it.")
    if wanted == "native" and _native is None:
        raise UserError(
            f"{VARIABLE} requests the compiled extension, which was not built from this source.",
            f"Install a C++ compiler and install bleuberi again, or unset {VARIABLE}.",
        )
    return _native


def describe() -> str:
    """The back end in use: `compiled` or `pure Python`, and why if an extension is not used."""
    if native() is not None:
        return "compiled"
    outdated = _is_other and os.environ.get(VARIABLE) != "python"
    return "pure Python" + "; the compiled extension is from other source: install bleuberi again" * outdated


def available_threads() -> int:
    """This process's share of the processor cores: a launcher such as torchrun starts several on one machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ranks = os.environ.get("LOCAL_WORLD_SIZE", "")
    return max(1, cores // int(ranks)) if ranks.isdecimal() and int(ranks) else cores
