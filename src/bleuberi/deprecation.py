"""Old public names that still work, with a warning. The rule is in docs/architecture.md, "Public API"."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module


def moved_names(module: str, moved: Mapping[str, str], *, removed_in: str) -> Callable[[str], object]:
    """Create the `__getattr__` of a module whose public names moved.

    `moved` maps each old name to its new place, as `package.module:Name`. Using an old name gives the new object and a
    `DeprecationWarning` with the new place and the version that removes the old name.
    """

    def find(name: str) -> object:
        if name not in moved:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new_module, _, new_name = moved[name].partition(":")
        warnings.warn(
            f"{module}.{name} is now {new_module}.{new_name}; the old name is removed in bleuberi {removed_in}.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(import_module(new_module), new_name)

    return find
