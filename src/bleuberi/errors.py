"""Expected errors, reported in two lines.

A `UserError` reaches the shell as two lines and exit code 2 (`cli.main`). Anything else is a bug and keeps
its traceback.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from bleuberi.plain_text import one_line

TRAIN_MODULES: Final = {
    "datasketch": ("datasketch", "check"), "jinja2": ("jinja2", "report"), "scipy": ("scipy", "report"),
    "pyarrow": ("pyarrow", "report"), "vl_convert": ("vl-convert-python", "report"), "torch": ("torch", "train"),
    "transformers": ("transformers", "train"), "trl": ("trl", "train"), "datasets": ("datasets", "train"),
    "huggingface_hub": ("huggingface-hub", "train"), "accelerate": ("accelerate", "train"), "yaml": ("pyyaml", "train"),
    "peft": ("peft", "train"), "gguf": ("gguf", "train"),
}  # fmt: skip
"""Module -> package and smallest extra, of everything that the extra `train` installs."""


class UserError(Exception):
    """A problem the user can fix: what happened, and what to type or change.

    Both parts are one line each, so that terminals, logs and job mails show them completely.
    """

    def __init__(self, what: str, cure: str) -> None:
        self.what = one_line(what)
        self.cure = one_line(cure)
        super().__init__(f"{self.what}\n{self.cure}")

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str]]:
        # The default would pass the joined text to __init__ as one argument when unpickling from a worker process.
        return type(self), (self.what, self.cure)


class MissingExtraError(UserError):
    """A library of an optional extra is not installed."""

    def __init__(self, package: str, extra: str, needed_for: str) -> None:
        self.package, self.extra, self.needed_for = package, extra, needed_for
        super().__init__(
            f"{needed_for} needs the package {package}, which is not installed.",
            f'Install it with: pip install "bleuberi[{extra}]"',
        )

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str]]:  # type: ignore[override]
        return type(self), (self.package, self.extra, self.needed_for)


def missing_extra(error: ModuleNotFoundError, needed_for: str) -> MissingExtraError | None:
    """The error of an extra that is not installed; None if another module is missing."""
    module = (error.name or "").partition(".")[0]
    if module not in TRAIN_MODULES or find_spec(module) is not None:
        return None
    return MissingExtraError(*TRAIN_MODULES[module], needed_for)
