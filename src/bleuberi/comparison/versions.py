"""Git versions of files and of this package's source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import bleuberi
from bleuberi.artifacts import library_versions

_TIMEOUT_SECONDS = 30


def is_committed(path: Path) -> bool | None:
    """Whether the file's or folder's current content is committed; None outside of a repository."""
    if _git(path, "rev-parse", "--is-inside-work-tree") != "true":
        return None
    return bool(_git(path, "ls-files", "--", path.name)) and _git(path, "status", "--porcelain", "--", path.name) == ""


def last_commit(path: Path) -> str | None:
    """The last commit of a file or folder; None if its current content is not committed."""
    return (_git(path, "log", "-1", "--format=%H", "--", path.name) or None) if is_committed(path) else None


def versions() -> dict[str, str]:
    """Versions of libraries, and in a clone the commit of this package's source."""
    package = Path(bleuberi.__file__).resolve().parent
    in_clone = bool(_git(package, "ls-files", "--", package.name))
    return {**library_versions(), **({"source": last_commit(package) or "changed"} if in_clone else {})}


def _git(path: Path, *words: str) -> str | None:
    """Git's output in the path's folder; None without git or outside of a repository."""
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=path.resolve().parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
