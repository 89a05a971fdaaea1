"""Which code computes BLEU and ROUGE-L: the compiled extension or pure Python.

Both give equal bits. The environment variable BLEUBERI_BACKEND (`native`, `python`) forces one of them; without it
the extension is used wherever it was built.
"""

from __future__ import annotations

import os
from types import ModuleType

from bleuberi.errors import UserError

_native: ModuleType | None
try:
    from bleuberi.rewards import _native
except ImportError:  # no compiler at install time
    _native = None

VARIABLE = "BLEUBERI_BACKEND"


def native() -> ModuleType | None:
    """The compiled extension, or None where pure Python is to be used. Errors: `UserError` where one is forced
    that is not there."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "python":
        return None
    if wanted not in {"", "native"}:
        raise UserError(f"{VARIABLE} is {wanted!r}.", f"Set {VARIABLE} to native or python, or leave it out.")
    if wanted == "native" and _native is None:
        raise UserError(
            f"{VARIABLE} asks for the compiled extension, which was not built.",
            f"Install a C++ compiler and install bleuberi again, or leave {VARIABLE} out.",
        )
    return _native


def describe() -> str:
    """`compiled` or `pure Python`: what scores BLEU and ROUGE-L here."""
    return "pure Python" if native() is None else "compiled"


def available_threads() -> int:
    """This process's share of the processor cores: a launcher such as torchrun starts several on one machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ranks = os.environ.get("LOCAL_WORLD_SIZE", "")
    return max(1, cores // int(ranks)) if ranks.isdecimal() and int(ranks) else cores
