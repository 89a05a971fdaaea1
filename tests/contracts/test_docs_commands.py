"""The documents are true: docs/cli.md is what the commands say, and every command that is shown exists as shown."""

import argparse
import contextlib
import dataclasses
import functools
import re
import runpy
import shlex
import sys

import pytest

from bleuberi.cli.main import COMMANDS, find_command, main
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "training/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown_lines():
    """Each line of the pages' shell blocks, its continuation lines joined: page, line."""
    for page in PAGES:
        if page.name == "cli.md":
            continue
        for block in re.findall(r"```(?:bash|sh|console)?\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                line = re.split(r"\s{2,}", line.strip().removeprefix("$ "))[0]  # a gloss may stand beside it
                yield page.name, line


def shown_commands(start):
    """The words after `start` of each line that begins with it; `python training/...` is the same front door."""
    for page, line in shown_lines():
        if line.startswith(start):
            words = shlex.split(line.removeprefix(start), comments=True)
            yield page, words[: next((at for at, word in enumerate(words) if word in ("|", ">", "&&", "||")), None)]


SHOWN = list(shown_commands("bleuberi "))
FRONT_DOOR = "python training/create_training_data.py "
SHOWN += [(page, ["data", *words]) for page, words in shown_commands(FRONT_DOOR)]
CHEAP = [
    (page, words) for page, words in SHOWN if "--help" in words or (words[0] == "explain" and "--file" not in words)
]


class ParsedError(Exception):
    """Ends a command where its words are read."""


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse of Python 3.13 words its help otherwise")
def test_the_reference_is_what_the_commands_say(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    made = runpy.run_path(str(ROOT / "docs/make_cli_reference.py"))["reference"]()
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == made, "type: make docs"


def test_pages_show_commands():
    assert len(SHOWN) >= 5


def ids(shown):
    return [f"{page}: {' '.join(words)[:50]}" for page, words in shown]


@pytest.mark.parametrize(("page", "words"), SHOWN, ids=ids(SHOWN))
def test_every_command_that_is_shown_is_read_by_its_parser(page, words, capsys, monkeypatch):
    if words[0] in ("--help", "--version"):
        return
    command, rest = find_command(words)
    left_out = page == "lab_log.md" or any("..." in word or "…" in word for word in words)  # a note, or an outline
    if left_out or words[0] in ("train", "doctor"):  # the latter's flags are TRL's fields for the most part
        with contextlib.suppress(SystemExit):
            command(["--help"])
        known = capsys.readouterr().out
        if words[0] in ("train", "doctor"):
            known += "".join(f" --{name}" for name in trl_fields())
        for flag in (word.partition("=")[0] for word in rest if word.startswith("--")):
            assert flag in re.findall(r"--\w+", known), f"{page} shows {flag}, which bleuberi {words[0]} has not"
        return
    really_parse = argparse.ArgumentParser.parse_args

    def parse(*given, **named):
        really_parse(*given, **named)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    with pytest.raises((ParsedError, SystemExit)) as ended:
        command(rest)
    assert ended.type is ParsedError or ended.value.code == 0


@functools.cache
def trl_fields():
    trl = pytest.importorskip("trl")
    from bleuberi.training.run_config import RunConfig

    kinds = (trl.GRPOConfig, trl.SFTConfig, trl.ModelConfig, RunConfig)
    return {field.name for kind in kinds for field in dataclasses.fields(kind)} | {"config"}


@pytest.mark.parametrize(("page", "words"), CHEAP, ids=ids(CHEAP))
def test_cheap_commands_that_are_shown_run(page, words, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bleuberi", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out


def test_targets_and_scripts_that_are_shown_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    found = 0
    for page in PAGES:
        said = page.read_text(encoding="utf-8")
        shown = re.findall(r"(?:`|^)make ([a-z-]+)", said, re.MULTILINE)
        scripts = re.findall(r"(?:bash|python|sbatch) ((?:training|benchmarks|tests|docs)/[\w/.-]+)", said)
        assert set(shown) <= targets, page
        assert [script for script in scripts if not (ROOT / script).is_file()] == [], page
        found += len(shown) + len(scripts)
    assert found >= 20


def test_every_command_is_in_the_reference():
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert all(f"## `bleuberi {name}`" in page for name in COMMANDS)
