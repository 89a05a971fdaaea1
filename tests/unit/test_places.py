"""Results go where people put them: mount points, the current folder, links, names of 250 bytes in any script."""

import json
import os
import subprocess
import sys

import pytest

from bleuberi.artifacts import sidecar, write_json, write_text
from bleuberi.atomic_files import clear_abandoned, fresh_file, fresh_folder
from bleuberi.cli.main import find_command
from bleuberi.errors import UserError
from bleuberi.yaml_files import read_yaml

LETTERS = {"latin": "a", "Cyrillic": "ж", "Chinese": "中", "emoji": "😀"}


def long_name(letter, ending=""):
    return letter * ((250 - len(ending)) // len(letter.encode())) + ending


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def run(*words):
    command, rest = find_command([str(word) for word in words])
    return command(rest)


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.jsonl"
    rows = [{"id": str(n), "prompt": f"Prompt {n}", "ref_output_gold": f"The answer is {n}."} for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def mount(tmp_path):
    """An empty file system of its own."""
    folder = tmp_path / "mount"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this user may not mount anything")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_mount_point_gets_results_and_newer_ones(mount, pool):
    (mount / "lost+found").mkdir()
    words = ("data", "check", pool, "--output_dir", mount)
    assert run(*words) == 0
    made = names(mount)
    assert {"check.json", "flags.jsonl", "lost+found", "manifest.json"} == set(made)
    assert run(*words, "--drop", "refusal", "--overwrite") == 0
    assert set(names(mount)) == {*made, "pool.jsonl"}


def test_the_current_folder_gets_results(pool, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for _ in range(2):
        assert run("data", "check", pool, "--output_dir", ".", "--overwrite") == 0
        assert names(tmp_path / "here") == ["check.json", "flags.jsonl", "manifest.json"]
    assert (tmp_path / "here").samefile(".")
    assert os.path.exists("manifest.json")


@pytest.mark.parametrize("state", ["old", "emptied", "replaced"])
def test_a_kill_while_a_folder_is_filled_in_place_is_undone(tmp_path, monkeypatch, state):
    monkeypatch.chdir(tmp_path)
    room = tmp_path / ".@in-place.abcd1234.partial"
    for name in ("new", state):
        (room / name).mkdir(parents=True)
    if state == "old":  # one of two old files has left
        write_text(tmp_path / "b", "old")
        write_text(room / "old/a", "old")
        write_text(room / "new/a", "new")
    else:
        write_text(room / state / "a", "old")
        write_text(room / state / "b", "old")
        write_text(tmp_path / "a", "new")
        write_text(tmp_path / "c", "new")
    clear_abandoned(tmp_path)
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == ({"a": "new", "c": "new"} if state == "replaced" else {"a": "old", "b": "old"})


def test_links_are_followed(tmp_path, caplog):
    caplog.set_level("INFO")
    (tmp_path / "far").mkdir()
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "far/pool.jsonl")
    (tmp_path / "link").symlink_to(tmp_path / "far/data")
    for text in ("one", "two"):
        with fresh_file(tmp_path / "link.jsonl") as partial:
            partial.write_text(text)
        with fresh_folder(tmp_path / "link") as folder:
            write_text(folder / text, "")
    assert (tmp_path / "link.jsonl").is_symlink()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far/pool.jsonl").read_text() == "two"
    assert names(tmp_path / "far/data") == ["two"]
    assert f"link.jsonl is a link; writing to its target {tmp_path / 'far/pool.jsonl'}" in caplog.text
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UserError, match="is a circular link"), fresh_file(tmp_path / "loop") as partial:
        partial.write_text("x")


@pytest.mark.parametrize("script", LETTERS)
def test_names_of_250_bytes(tmp_path, pool, script):
    output = tmp_path / long_name(LETTERS[script], ".jsonl")
    words = ("data", "import", pool, "--output", output)
    assert run(*words) == 0
    assert run(*words) == 0  # found as made by the same command
    assert len(os.fsencode(sidecar(output).name)) <= 255
    folder = tmp_path / long_name(LETTERS[script])
    for _ in range(2):
        assert run("data", "check", output, "--output_dir", folder, "--overwrite") == 0
    assert "manifest.json" in names(folder)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".partial")]


def test_a_long_named_folder_that_a_kill_moved_away_comes_back(tmp_path):
    code = "import os, sys, pathlib; from bleuberi import atomic_files as a\n"
    code += "with a.fresh_folder(pathlib.Path(sys.argv[1])) as p:\n"
    code += "    pathlib.Path(sys.argv[1]).rename(p.parent / 'old'); os._exit(9)"
    folder = tmp_path / long_name("中")
    write_json(folder / "rows", 1)
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert not folder.exists()
    clear_abandoned(tmp_path)
    assert names(folder) == ["rows"]
    assert names(tmp_path) == [folder.name]


def test_no_home(tmp_path, pool):
    """As in a container that runs under a number: HOME is not set, and no list of users has one."""
    code = (
        "import pwd, sys\n"
        "def nobody(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = nobody\n"
        "from bleuberi.cli.main import main; sys.exit(main())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    words = [sys.executable, "-c", code]
    check = ["data", "check", str(pool), "--output_dir", str(tmp_path / "check")]
    for asked in (check, ["report", str(tmp_path / "check"), "--output_dir", str(tmp_path / "page"), "--no_figures"]):
        done = subprocess.run([*words, *asked], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(["a: &a [x, x, x, x, x, x, x, x, x]", *(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]"
                  for a, b in zip("abcdefgh", "bcdefghi", strict=True))]),
        "a: " + "[" * 5000,
        "a: *b",
    ],
)  # fmt: skip
def test_yaml_that_fills_memory(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UserError, match=r"has too many or too deeply nested values|is not valid YAML"):
        read_yaml(tmp_path / "c.yaml")


def test_aliases_of_a_config_are_read(tmp_path):
    (tmp_path / "c.yaml").write_text("a: &a [1, 2]\nb: *a\n")
    assert read_yaml(tmp_path / "c.yaml") == {"a": [1, 2], "b": [1, 2]}
