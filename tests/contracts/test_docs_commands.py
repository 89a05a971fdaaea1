"""The documents are true: docs/cli.md is what the commands say, and every command that is shown exists as shown."""

import contextlib
import re
import runpy
import shlex
import sys

import pytest

from bleuberi.cli.main import COMMANDS, find_command
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "training/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown_commands():
    """Each `bleuberi ...` line of the pages' shell blocks, its continuation lines joined: page, words."""
    for page in PAGES:
        if page.name == "cli.md":
            continue
        for block in re.findall(r"```(?:bash|sh|console)?\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                line = line.strip().removeprefix("$ ")
                if line.startswith("bleuberi "):
                    with_comment = shlex.split(line, comments=True)
                    yield page.name, with_comment[1:]


SHOWN = list(shown_commands())


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse of Python 3.13 words its help otherwise")
def test_the_reference_is_what_the_commands_say(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    made = runpy.run_path(str(ROOT / "docs/make_cli_reference.py"))["reference"]()
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == made, "type: make docs"


def test_pages_show_commands():
    assert len(SHOWN) >= 5


@pytest.mark.parametrize(("page", "words"), SHOWN, ids=[f"{page}: {' '.join(words)[:50]}" for page, words in SHOWN])
def test_every_command_that_is_shown_has_the_flags_that_are_shown(page, words, capsys):
    if words[0] in ("--help", "--version"):
        return
    command, rest = find_command(words)
    with contextlib.suppress(SystemExit):
        command(["--help"])
    said = capsys.readouterr().out
    if words[0] == "train":  # its flags are TRL's fields, which its own parser checks
        return
    for flag in (word.partition("=")[0] for word in rest if word.startswith("--")):
        assert flag in said, f"{page} shows {flag}, which bleuberi {words[0]} has not"


def test_every_command_is_in_the_reference():
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert all(f"## `bleuberi {name}`" in page for name in COMMANDS)
