"""Folders and files are whole or absent; damaged shards are set aside; one process at a time writes."""

import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bleuberi.artifacts import (
    SCHEMA_VERSION,
    content_hash,
    json_hash,
    make_manifest,
    read_manifest,
    shard_body,
    user_cache,
    write_json,
    write_shard,
    write_text,
)
from bleuberi.atomic_files import folder_lock, fresh_file, fresh_folder
from bleuberi.errors import UserError


class TroubleError(Exception):
    """Stands for anything that goes wrong while a folder is written."""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_whole(tmp_path):
    with fresh_folder(tmp_path / "deep/data") as partial:
        (partial / "sub").mkdir()
        write_text(partial / "sub/rows", "1\n")
        assert not (tmp_path / "deep/data").exists()
    assert names(tmp_path / "deep") == ["data"]
    assert (tmp_path / "deep/data/sub/rows").read_text() == "1\n"


def half_a_folder(path):
    with fresh_folder(path) as partial:
        write_text(partial / "rows", "1\n")
        raise TroubleError


def half_a_file(path):
    with fresh_file(path) as partial:
        partial.write_text("half")
        raise TroubleError


def test_a_failure_inside_leaves_nothing(tmp_path):
    with pytest.raises(TroubleError):
        half_a_folder(tmp_path / "data")
    with pytest.raises(TroubleError):
        half_a_file(tmp_path / "file.json")
    assert names(tmp_path) == []


def test_the_older_one_stays_until_the_new_one_is_whole(tmp_path):
    for text in ("old", "new"):
        with fresh_folder(tmp_path / "data") as partial:
            write_text(partial / text, text)
    assert names(tmp_path / "data") == ["new"]
    write_text(tmp_path / "file", "old")
    with pytest.raises(TroubleError):
        half_a_folder(tmp_path / "data")
    with pytest.raises(TroubleError):
        half_a_file(tmp_path / "file")
    assert names(tmp_path) == ["data", "file"]
    assert names(tmp_path / "data") == ["new"]
    assert (tmp_path / "file").read_text() == "old"


def test_folders_that_killed_runs_left_are_cleared_but_not_those_of_others(tmp_path):
    code = "import os, sys, pathlib; from bleuberi.atomic_files import fresh_folder\n"
    code += "with fresh_folder(pathlib.Path(sys.argv[1])): os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "data")], check=False)
    assert len(names(tmp_path)) == 1
    with fresh_folder(tmp_path / "data.v2"), fresh_folder(tmp_path / "data") as slow:
        with fresh_folder(tmp_path / "data") as quick:
            write_text(quick / "quick", "")
        write_text(slow / "slow", "")
    assert names(tmp_path) == ["data", "data.v2"]
    assert names(tmp_path / "data") == ["slow"]


def test_files_that_killed_runs_left_are_cleared(tmp_path):
    code = "import os, sys, pathlib; from bleuberi.atomic_files import fresh_file\n"
    code += "with fresh_file(pathlib.Path(sys.argv[1])) as partial: partial.write_text('half'); os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "rows.jsonl")], check=False)
    assert len(names(tmp_path)) == 1
    with fresh_file(tmp_path / "rows.jsonl") as slow:
        write_text(tmp_path / "rows.jsonl", "quick")
        slow.write_text("slow")
    assert names(tmp_path) == ["rows.jsonl"]
    assert (tmp_path / "rows.jsonl").read_text() == "slow"


def test_many_may_write_one_file_at_once(tmp_path):
    def write(number):
        for _ in range(200):
            write_text(tmp_path / "file", f"{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert names(tmp_path) == ["file"]


def test_a_folder_that_a_kill_moved_out_of_the_way_comes_back(tmp_path):
    retired = tmp_path / ".data.abcd1234.partial"
    write_text(retired / "old/rows", "old")
    with pytest.raises(TroubleError):
        half_a_folder(tmp_path / "data")
    assert names(tmp_path) == ["data"]
    assert (tmp_path / "data/rows").read_text() == "old"


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file", "/elsewhere/font"), ConnectionResetError(104)])
def test_trouble_elsewhere_is_not_said_to_be_the_folders(tmp_path, error):
    with pytest.raises(type(error)), fresh_folder(tmp_path / "data"):
        raise error
    assert names(tmp_path) == []


def test_results_are_as_open_as_other_files(tmp_path):
    before = os.umask(0o022)
    try:
        with fresh_folder(tmp_path / "data") as partial:
            write_text(partial / "rows", "")
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o755
        assert (tmp_path / "data/rows").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)


def test_trouble_with_the_disk_is_told_in_two_lines(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError) as caught:
        write_text(tmp_path / "file/inside", "x")
    assert str(caught.value).startswith(f"{tmp_path}/file/inside could not be written: ")
    assert str(caught.value).count("\n") == 1


@given(
    st.lists(
        st.dictionaries(
            st.text(), st.none() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        ),
        max_size=5,
    )
)
def test_shards_give_back_what_went_in(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("shards") / "s.jsonl"
    write_shard(path, rows)
    assert [json.loads(line) for line in shard_body(path).splitlines()] == rows


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-30],
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"two", b"too"),
        lambda content: b"",
        lambda content: b"\xff" + content,
        lambda content: content + b"[1]\n",
    ],
)
def test_a_damaged_shard_is_set_aside(tmp_path, damage):
    path = tmp_path / "s.jsonl"
    write_shard(path, [{"key": "a", "text": "one"}, {"key": "b", "text": "two"}])
    path.write_bytes(damage(path.read_bytes()))
    assert shard_body(path) is None
    assert names(tmp_path) == ["s.jsonl.damaged"]


def test_manifests(tmp_path):
    assert read_manifest(tmp_path) is None
    write_json(tmp_path / "manifest.json", make_manifest("dataset", {"a": 1}, rows=3))
    manifest = read_manifest(tmp_path)
    assert (manifest["kind"], manifest["config"], manifest["rows"]) == ("dataset", {"a": 1}, 3)
    assert manifest["schema_version"] == SCHEMA_VERSION
    assert manifest["versions"]["python"] == sys.version.split()[0]


def test_a_manifest_of_a_newer_version_is_not_guessed_at(tmp_path):
    write_json(tmp_path / "manifest.json", {"schema_version": SCHEMA_VERSION + 1})
    with pytest.raises(UserError) as caught:
        read_manifest(tmp_path)
    assert (
        f"newer bleuberi (manifest schema {SCHEMA_VERSION + 1}, this one reads {SCHEMA_VERSION})" in caught.value.what
    )
    assert caught.value.cure.startswith("Upgrade with: pip install -U bleuberi")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema_version": null}'])
def test_a_damaged_manifest(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json cannot be read: .*\nMove the folder away"):
        read_manifest(tmp_path)


def _try_to_hold(folder, results):
    try:
        with folder_lock(folder):
            results.put("held")
    except UserError as error:
        results.put(error)


def test_two_processes_cannot_hold_one_folder(tmp_path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()

    def other():
        process = context.Process(target=_try_to_hold, args=(tmp_path, results))
        process.start()
        result = results.get(timeout=20)
        process.join()
        return result

    with folder_lock(tmp_path):
        refused = other()
    assert refused.what == f"Another run is writing to {tmp_path} right now."
    assert refused.cure == "Wait until it has finished, then rerun."
    assert other() == "held"


@given(st.lists(st.text()), st.lists(st.text()))
def test_no_two_lists_of_parts_share_a_hash(first, second):
    assert (content_hash(*first) == content_hash(*second)) == (first == second)


def test_json_hashes_do_not_depend_on_the_order_of_keys():
    assert json_hash({"a": 1, "b": [2]}) == json_hash(json.loads('{"b": [2], "a": 1}'))
    assert json_hash({"a": 1}) != json_hash({"a": "1"})


def test_the_cache_is_where_the_system_keeps_caches_unless_an_old_one_exists(tmp_path, monkeypatch):
    for name in ("BLEUBERI_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "Library/Caches" / name)  # as on a Mac
    assert user_cache() == tmp_path / "Library/Caches/bleuberi"
    (tmp_path / ".cache/bleuberi").mkdir(parents=True)
    assert user_cache() == tmp_path / ".cache/bleuberi"
    monkeypatch.setenv("BLEUBERI_CACHE", str(tmp_path / "own"))
    assert user_cache() == tmp_path / "own"


def test_a_user_without_a_home_is_told_how_to_name_a_cache(tmp_path, monkeypatch):
    for name in ("BLEUBERI_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("bleuberi.artifacts.home_folder", lambda: None)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: Path("~/.cache") / name)
    with pytest.raises(UserError, match="No home folder"):
        user_cache()
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)  # by XDG_CACHE_HOME
    assert user_cache() == tmp_path / "bleuberi"
