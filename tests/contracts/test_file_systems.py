"""Commands work on file systems with other locks than a local disk: NFSv4, and those that have none.

Their rules are put under the real commands by a `sitecustomize` that changes what Python's `fcntl` and `os` do.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bleuberi.atomic_files import fresh_file
from tests.conftest import ROOT, pool_rows

RULES = """
import errno, fcntl, os, stat

kind = os.environ["FILE_SYSTEM"]
real_flock, real_unlink, real_rmdir = fcntl.flock, os.unlink, os.rmdir


def flock(file, operation):
    number = file if isinstance(file, int) else file.fileno()
    if kind != "nfs4":
        code = getattr(errno, kind)
        raise OSError(code, os.strerror(code))
    # The server knows byte-range locks alone, and an exclusive one needs a file that is open for writing (flock(2)).
    writable = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    if operation & fcntl.LOCK_EX and (not writable or stat.S_ISDIR(os.fstat(number).st_mode)):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    real_flock(file, operation)


def opened(path):
    own = os.lstat(path)
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.path.samestat(os.fstat(int(number)), own):
                return True
        except OSError:
            pass
    return False


def below(path, dir_fd):
    return os.fspath(path) if dir_fd is None else os.path.join(f"/proc/self/fd/{dir_fd}", path)


def unlink(path, *, dir_fd=None):
    # An open file stays under another name until it is closed, and keeps its folder from being removed.
    path = below(path, dir_fd)
    if opened(path):
        os.rename(path, os.path.join(os.path.dirname(path), f".nfs{os.lstat(path).st_ino:016x}"))
    else:
        real_unlink(path)


def rmdir(path, *, dir_fd=None):
    path = below(path, dir_fd)
    for name in os.listdir(path):
        if name.startswith(".nfs") and not opened(os.path.join(path, name)):
            real_unlink(os.path.join(path, name))
    real_rmdir(path)


fcntl.flock = flock
if kind == "nfs4":
    os.unlink = os.remove = unlink
    os.rmdir = rmdir
"""
NO_LOCKS = ("ENOLCK", "ENOSYS", "EOPNOTSUPP")
NESTED = """
import pathlib, sys
from bleuberi.atomic_files import fresh_file, fresh_folder
place = pathlib.Path(sys.argv[1])
with fresh_folder(place / "data") as slow, fresh_file(place / "rows.jsonl") as slow_file:
    with fresh_folder(place / "data") as quick, fresh_file(place / "rows.jsonl") as quick_file:
        quick_file.write_text("quick")
    slow_file.write_text("slow")
    (slow / "slow").write_text("slow")
"""
KILLED = """
import os, pathlib, sys
from bleuberi.atomic_files import fresh_file, fresh_folder
place = pathlib.Path(sys.argv[1])
with fresh_folder(place / "data") as folder, fresh_file(place / "rows.jsonl") as file:
    (folder / "half").write_text("half")
    file.write_text("half")
    os._exit(9)
"""


@pytest.fixture
def on(tmp_path):
    """Runs Python in `tmp_path/disk` on a file system of that kind; gives the finished process."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/sitecustomize.py").write_text(RULES)
    (tmp_path / "disk").mkdir()

    def call(kind, *words):
        kept = {**os.environ, "PYTHONPATH": f"{tmp_path / 'rules'}:{ROOT / 'src'}", "FILE_SYSTEM": kind}
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path / "disk", env=kept, capture_output=True, text=True, check=False
        )

    return call


@pytest.fixture
def disk(tmp_path, on):
    """A folder on the other file system with a pool, answers to it, and an instruction file."""
    place = tmp_path / "disk"
    rows = pool_rows(12, ref_output_second="Another text.")
    files = {
        "alpaca.jsonl": [{"instruction": row["prompt"], "output": row["ref_output_gold"]} for row in rows],
        "pool.jsonl": rows,
        "answers.jsonl": [{"id": row["id"], "response": f"It may be {row['id']}."} for row in rows],
    }
    for name, content in files.items():
        (place / name).write_text("".join(json.dumps(row) + "\n" for row in content))
    return place


def bleuberi(on, kind, *words):
    done = on(kind, "-m", "bleuberi.cli.main", *words)
    assert done.returncode == 0, done.stderr
    return done


def hidden(place):
    """What a command left beside its results; a folder's own lock stays in it."""
    return [path for path in place.rglob(".*") if path.name != ".lock" and not path.name.startswith(".nfs")]


def warnings(done):
    return [line for line in done.stderr.splitlines() if "does not support file locks" in line]


@pytest.mark.parametrize("kind", ["nfs4", *(pytest.param(kind, marks=pytest.mark.slow) for kind in NO_LOCKS)])
def test_a_pool_is_imported_and_checked(on, disk, kind):
    done = bleuberi(on, kind, "data", "import", "alpaca.jsonl", "--output", "made/new.jsonl")
    assert sorted(path.name for path in (disk / "made").iterdir()) == ["new.jsonl", "new.manifest.json"]
    assert len((disk / "made/new.jsonl").read_text().splitlines()) == 12
    assert len(warnings(done)) == (kind in NO_LOCKS), done.stderr
    for _ in range(2):  # the second replaces a folder
        bleuberi(on, kind, "data", "check", "pool.jsonl", "--held_out", "3", "--output_dir", "checked", "--overwrite")
    assert sorted(path.name for path in (disk / "checked").iterdir()) == [
        "check.json", "flags.jsonl", "held_out.jsonl", "manifest.json", "train.jsonl",
    ]  # fmt: skip
    assert hidden(disk) == []


@pytest.mark.parametrize("kind", [pytest.param("nfs4", marks=pytest.mark.slow), "ENOLCK"])
def test_a_data_set_is_made_and_its_cache_removed(on, disk, kind):
    pytest.importorskip("datasets")
    words = ["--hf_dataset_path", "pool.jsonl", "--metric", "bleu", "--model", "m", "--num_examples", "3"]
    words += ["--engine", "canned", "--answers", "answers.jsonl", "--output_dir", "out"]
    done = bleuberi(on, kind, "data", "grpo", *words, "--output_dataset_name", "made")
    assert len(warnings(done)) == (kind in NO_LOCKS), done.stderr
    assert json.loads((disk / "out/data_grpo/made/manifest.json").read_text())["rows_out"] == 3
    assert hidden(disk) == []
    (cache,) = (disk / "out/inference_outputs").iterdir()
    assert (cache / "cache.json").is_file()
    on(kind, "-c", KILLED, str(cache))
    assert len(hidden(cache)) == 2
    bleuberi(on, kind, "cache", "prune", "out", "--yes")
    assert hidden(cache) == []
    bleuberi(on, kind, "cache", "prune", "out", "--model", "m", "--yes")
    assert list((disk / "out/inference_outputs").iterdir()) == []


@pytest.mark.parametrize("kind", ["nfs4", *NO_LOCKS])
def test_what_a_living_process_writes_is_never_cleared(on, disk, kind):
    done = on(kind, "-c", NESTED, str(disk))
    assert done.returncode == 0, done.stderr
    assert (disk / "rows.jsonl").read_text() == "slow"
    assert [path.name for path in (disk / "data").iterdir()] == ["slow"]
    assert hidden(disk) == []


def test_what_killed_runs_left_on_nfs_is_cleared(on, disk):
    assert on("nfs4", "-c", KILLED, str(disk)).returncode == 9
    assert len(hidden(disk)) == 2
    assert on("nfs4", "-c", NESTED, str(disk)).returncode == 0
    assert hidden(disk) == []


def test_two_runs_on_nfs_are_kept_apart(on, disk):
    code = "import pathlib, sys; from bleuberi.atomic_files import folder_lock\n"
    code += "with folder_lock(pathlib.Path(sys.argv[1])), folder_lock(pathlib.Path(sys.argv[1])): pass"
    done = on("nfs4", "-c", code, str(disk / "run"))
    assert f"Another run is writing to {disk / 'run'} right now." in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_that_another_user_writes_is_left_alone():
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        place = Path(name)
        place.chmod(0o777)
        with fresh_file(place / "rows") as mine:
            mine.write_text("mine")
            os.seteuid(65534)
            try:
                with fresh_file(place / "rows") as other:
                    other.write_text("another's")
            finally:
                os.seteuid(0)
            assert (place / "rows").read_text() == "another's"
        assert (place / "rows").read_text() == "mine"
