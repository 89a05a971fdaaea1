"""The documents are true: docs/cli.md is what the commands say, and every command that is shown exists as shown.

`make test-docs` types them all; here their words are read by the real parsers, and only the cheap ones run.
"""

import argparse
import contextlib
import dataclasses
import functools
import os
import re
import runpy
import shlex
import subprocess
import sys

import pytest

from bleuberi.cli.main import COMMANDS, find_command, main
from tests.conftest import ROOT
from tests.documents.given import GIVEN
from tests.documents.left_out import LEFT_OUT, stale
from tests.documents.pages import NOTES, ORIGINAL, blocks, pages, read, shown, unmarked_commands
from tests.documents.shell import Shell

PAGES = [ROOT / "README.md", ROOT / "training/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ALL_SHOWN = [one for page in [*pages(), "docs/lab_log.md"] for one in shown(page)]
SHELL = [one for one in ALL_SHOWN if one.kind != "python"]


def shown_commands(start):
    """The words after `start` of each command that begins with it; `python training/...` is the same front door."""
    for one in SHELL:
        if one.text.startswith(start):
            words = shlex.split(one.text.removeprefix(start), comments=True)
            yield one.page, words[: next((at for at, word in enumerate(words) if word in ("|", ">", "&&", "||")), None)]


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
    left_out = page in NOTES or any("..." in word or "…" in word for word in words)  # a note, or an outline
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
    from bleuberi.training.settings.read import RunConfig

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


def test_all_that_is_shown_can_be_typed():
    for one in SHELL:
        if one.page not in NOTES:
            read_by_bash = subprocess.run(["bash", "-n", "-c", one.text], capture_output=True, text=True, check=False)
            assert read_by_bash.returncode == 0, (one, read_by_bash.stderr)
    for one in ALL_SHOWN:
        if one.kind == "python":
            compile(one.text, f"{one.page}, line {one.line}", "exec")


def test_blocks_with_commands_are_marked_as_such():
    assert {page: unmarked_commands(page) for page in pages() if unmarked_commands(page)} == {}


def test_what_is_left_out_and_what_is_given_still_stands_on_the_pages():
    assert len(LEFT_OUT) < 15, "a short table: what can run does"
    assert stale(ALL_SHOWN) == []
    for page, names in GIVEN.items():
        assert [name for name in names if name.partition(",")[0] not in read(page)] == [], page


def test_the_original_tools_commands_stand_in_the_readme_word_for_word():
    original = [content for _, _, content in blocks(ORIGINAL)]
    assert len(original) == 2
    shown_there = [content for _, _, content in blocks("training/README.md")]
    assert [content for content in original if content not in shown_there] == []


def test_the_shell_of_test_docs_keeps_variables_and_sees_failures(tmp_path):
    (tmp_path / "place").mkdir()
    shell = Shell(tmp_path / "place", {"PATH": os.environ["PATH"]})
    try:
        assert shell.run("WORD=kept").code == 0
        assert shell.run('echo "$WORD" # a gloss').said == "kept\n"
        assert (shell.run("false").code, shell.run("exit_code_of_none").code) == (1, 127)
        assert shell.run("cat").code == 0, "nobody types an answer"
        assert shell.run("sleep 30", timeout_seconds=0.2).code is None
    finally:
        shell.close()


def test_every_page_is_in_the_contents_of_the_site():
    contents = (ROOT / "docs/index.md").read_text(encoding="utf-8").split()
    inside = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    listed = {page for page in inside if page in contents or f"{page.rpartition('/')[0]}/*" in contents}
    assert inside - listed == {"index", "README"}, "name the page in docs/index.md"
