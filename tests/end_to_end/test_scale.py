"""Commands that read pools take time in proportion to the rows, and memory that hardly grows with them."""

import json
import math
import random
import subprocess
import sys
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

EXPONENT = 1.15
BYTES_PER_ROW = 100
CACHES = 8 << 20  # bytes; what databases keep in memory, however many rows there are
SMALL, LARGE = 6_000, 24_000
WORDS = [f"word{number}" for number in range(500)]
RUN = """
import resource, sys
from pathlib import Path
from bleuberi.cli.main import find_command
command, words = find_command(sys.argv[2:])
assert command(words) == 0
used = resource.getrusage(resource.RUSAGE_SELF)
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
Path(sys.argv[1]).write_text(f"{used.ru_utime + used.ru_stime} {int(peak) * 1024}")
"""  # a child's ru_maxrss begins with its parent's


class Used(NamedTuple):
    seconds: float
    peak_bytes: float


def write_pool(path, count, words=60):
    """Rows of 600 bytes in each text, without equal prompts."""
    draw = random.Random(count)
    with path.open("w") as stream:
        for number in range(count):
            texts = [" ".join(draw.choices(WORDS, k=words)) for _ in range(3)]
            stream.write(json.dumps({"id": f"r{number}", "prompt": f"{number} {texts[0]}",
                                     "ref_output_gold": texts[1], "ref_output_other": texts[2]}) + "\n")  # fmt: skip
    return path


def write_answers(pool, *, several=False):
    """To each row of a pool its prompt as the response, or four responses, each closer to the reference."""
    path = pool.with_suffix(".samples.jsonl" if several else ".answers.jsonl")
    with pool.open() as rows, path.open("w") as stream:
        for row in map(json.loads, rows):
            for part in range(4 if several else 1):
                text = row["ref_output_gold"][: 120 * part] + row["prompt"][120 * part :]
                stream.write(json.dumps({"id": row["id"], "response": text}) + "\n")
    return path


def used(tmp_path, words, before=""):
    """CPU seconds and peak memory of a command in a process of its own."""
    told = tmp_path / "used"
    subprocess.run(
        [sys.executable, "-c", f"{before}\n{RUN}", told, *map(str, words)], check=True, cwd=ROOT, capture_output=True
    )
    return Used(*map(float, told.read_text().split()))


def assert_grows_little(tmp_path, words_of, small=SMALL, large=LARGE, before=""):
    """`words_of`: pool and folder -> command line. `before`: a statement that is run first."""
    exponents = []
    # What grows faster than its rows does so each time; a processor that slows down in between does not.
    while len(exponents) < 3 and (not exponents or exponents[-1] >= EXPONENT):
        place = tmp_path / f"attempt-{len(exponents)}"
        place.mkdir()
        none, some, many = (
            used(tmp_path, words_of(write_pool(place / f"{count}.jsonl", count), place / str(count)), before)
            for count in (10, small, large)
        )
        seconds = (many.seconds - none.seconds) / (some.seconds - none.seconds)
        exponents.append(round(math.log(seconds, large / small), 2))
        grown = many.peak_bytes - some.peak_bytes
        assert grown < CACHES + BYTES_PER_ROW * (large - small), f"{grown / (large - small):.0f} bytes per row"
    assert exponents[-1] < EXPONENT, f"time grows as rows to the power of {exponents}"


def test_data_import(tmp_path):
    assert_grows_little(tmp_path, lambda pool, folder: ["data", "import", pool, "--output", f"{folder}-pool.jsonl"])


def test_data_check(tmp_path):
    assert_grows_little(
        tmp_path,
        lambda pool, folder: ["data", "check", pool, "--output_dir", folder, "--held_out", "5",
                              "--drop", "duplicate_prompt"],
    )  # fmt: skip


def test_data_grpo(tmp_path):
    def words_of(pool, folder):
        return ["data", "grpo", "--hf_dataset_path", pool, "--ref_models", "gold", "other", "--metric", "bleu",
                "--selection_mode", "medium", "--num_examples", "2000", "--outputs", write_answers(pool),
                "--output_dir", folder]  # fmt: skip

    assert_grows_little(tmp_path, words_of)


def test_references(tmp_path):
    def words_of(pool, folder):
        return ["references", "--hf_dataset_path", pool, "--model", "third", "--engine", "canned", "--answers",
                write_answers(pool), "--output", f"{folder}-third.jsonl"]  # fmt: skip

    assert_grows_little(tmp_path, words_of)


def test_evaluate(tmp_path):
    def words_of(pool, folder):
        base, trained = write_answers(pool), pool.with_suffix(".trained.jsonl")
        with pool.open() as rows, trained.open("w") as stream:
            for row in map(json.loads, rows):
                stream.write(json.dumps({"id": row["id"], "response": row["ref_output_other"]}) + "\n")
        return ["evaluate", "--prompts", pool, "--models", f"base={base}", f"grpo={trained}", "--metrics", "bleu",
                "--output_dir", folder]  # fmt: skip

    assert_grows_little(tmp_path, words_of, small=3_000, large=12_000)


def test_data_sft(tmp_path):
    def words_of(pool, folder):
        name = ["--output_dir", folder, "--output_dataset_name", "all"]
        made = ["data", "grpo", "--hf_dataset_path", pool, "--ref_models", "gold", "other", "--selection_mode",
                "random", "--num_examples", "99999", *name]  # fmt: skip
        used(tmp_path, made)
        return ["data", "sft", "--input_data_path", folder / "data_grpo/all", "--output_dir", folder]

    assert_grows_little(tmp_path, words_of)


def test_data_import_of_the_first_rows(tmp_path):
    def words_of(pool, folder):
        return ["data", "import", pool, "--limit", "99999", "--output", f"{folder}-pool.jsonl"]

    assert_grows_little(tmp_path, words_of, small=4_000, large=20_000)


@pytest.mark.parametrize("kind", ["bestof", "pairs"])
def test_data_of_samples(tmp_path, kind):
    def words_of(pool, folder):  # BLEU keeps up to 64 MB of references that neighbouring rows share
        return ["data", kind, "--input_data_path", pool, "--outputs", write_answers(pool, several=True), "--metric",
                "length", "--output_dir", folder]  # fmt: skip

    assert_grows_little(tmp_path, words_of, small=1_000, large=5_000)


def test_signal(tmp_path):
    def words_of(pool, folder):
        return ["data", "grpo", "--hf_dataset_path", pool, "--selection_mode", "signal", "--num_examples", "200",
                "--outputs", write_answers(pool, several=True), "--metric", "bleu", "--ref_models", "gold",
                "--output_dir", folder]  # fmt: skip

    # Drawing takes 300 MB, however many rows there are, which would hide what so few rows take.
    no_charts = "import bleuberi.cli.create_training_data as cli; cli._draw = None"
    assert_grows_little(tmp_path, words_of, small=1_000, large=5_000, before=no_charts)


def test_data_export(tmp_path):
    def words_of(pool, folder):
        return ["data", "export", pool, "--to", "trl", "--output", f"{folder}-made.jsonl"]

    assert_grows_little(tmp_path, words_of, small=4_000, large=20_000)


def test_data_export_of_pairs(tmp_path):
    def words_of(pool, folder):
        return ["data", "export", pool, "--to", "dpo", "--outputs", write_answers(pool, several=True), "--metric",
                "length", "--output", f"{folder}-made.jsonl"]  # fmt: skip

    assert_grows_little(tmp_path, words_of, small=2_000, large=10_000)


@pytest.mark.parametrize("command", ["import", "check", "grpo", "export", "bestof"])
def test_a_full_disk_is_an_error_that_leaves_nothing(tmp_path, command):
    pool = write_pool(tmp_path / "pool.jsonl", 6_000)
    out = tmp_path / "out"
    words = {
        "import": ["data", "import", pool, "--output", out / "new.jsonl"],
        "check": ["data", "check", pool, "--output_dir", out / "checked"],
        "grpo": ["data", "grpo", "--hf_dataset_path", pool, "--selection_mode", "random", "--num_examples", "5",
                 "--output_dir", out],
        "export": ["data", "export", pool, "--to", "trl", "--output", out / "rows.jsonl"],
        "bestof": ["data", "bestof", "--input_data_path", pool, "--outputs", write_answers(pool, several=True),
                   "--metric", "bleu", "--output_dir", out],
    }[command]  # fmt: skip
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))"  # of each file
    done = subprocess.run(
        [sys.executable, "-c", f"{limit}\nfrom bleuberi.cli.main import main\nmain()", *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    told = done.stderr.splitlines()
    assert [
        line for line in told if "directory for temporary files" in line or line.startswith("Free space there")
    ] == told
    assert len(told) == 2
    assert not out.exists() or not list(out.rglob("*"))
