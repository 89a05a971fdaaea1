"""Writes docs/cli.md from the commands' own help: `make docs`."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from bleuberi.cli.main import COMMANDS, find_command

PLACE = Path(__file__).with_name("cli.md")
WIDTH = "100"


def reference() -> str:
    """The whole page."""
    os.environ["COLUMNS"] = WIDTH
    parts = ["# Commands", "", "Made from the commands' own help by `make docs`; a test keeps it so.", ""]
    parts += ["| command | what it does |", "|---|---|"]
    parts += [f"| [`bleuberi {name}`](#bleuberi-{name.replace(' ', '-')}) | {entry.summary} |"
              for name, entry in COMMANDS.items()]  # fmt: skip
    for name in COMMANDS:
        parts += ["", f"## `bleuberi {name}`", "", "```text", _help(name), "```"]
    return "\n".join(parts) + "\n"


def _help(name: str) -> str:
    command, _ = find_command(name.split())
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        command(["--help"])
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())


if __name__ == "__main__":
    PLACE.write_text(reference(), encoding="utf-8")
