"""What a cache of outputs survives: kill -9, two writers, a full disk, damage, and half a million rows."""

import json
import multiprocessing
import os
import random
import subprocess
import sys
import time

import pytest

from bleuberi.artifacts import shard_body
from bleuberi.cli import create_training_data
from bleuberi.errors import UserError
from bleuberi.generation.answer_store import JOURNAL, AnswerStore, journal_line, shard_paths, to_row
from bleuberi.generation.base import Output, Sampling
from bleuberi.generation.cached import CachedEngine, prompt_key
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Conversation, Message
from tests.canned import CannedEngine
from tests.conftest import ROOT

KILLS = 20
ROWS = 64
IDENTITY = ModelIdentity("canned", "answers:test", "")
SAMPLING = Sampling(max_new_tokens=8)


def data_words(pool, model, output_dir):
    words = ["grpo", "--hf_dataset_path", str(pool), "--metric", "bleu", "--model", str(model), "--engine"]
    words += ["transformers", "--engine_args", "batch_rows=4", "--inference_max_new_tokens", "8"]
    return [*words, "--output_dir", str(output_dir), "--output_dataset_name", "made"]


def run_data_command(words):
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    raise SystemExit(create_training_data.front_door(words))


def contents(output_dir):
    """Every byte that the command leaves, but for manifests, which carry the time, and files that a kill cut short."""
    kept = {}
    for path in sorted(output_dir.rglob("*")):
        ours = path.suffix in (".arrow", ".json", ".jsonl") and not path.name.startswith(".")
        if path.is_file() and ours and "manifest" not in path.name:
            kept[str(path.relative_to(output_dir))] = path.read_bytes()
    return kept


@pytest.fixture(scope="module")
def forks():
    """A server that has loaded torch already: a process forked from it starts at once, and can be killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["torch", "datasets", "transformers.models.llama.modeling_llama", "bleuberi.selection.create"]
    )
    return context


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_bytes(forks, tiny_model, tmp_path):
    pool = tmp_path / "pool.jsonl"
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    pool.write_text("\n".join(lines), encoding="utf-8")

    def start(folder):
        process = forks.Process(target=run_data_command, args=(data_words(pool, tiny_model, tmp_path / folder),))
        process.start()
        return process

    warm = start("warm")
    warm.join()
    began = time.monotonic()
    undisturbed = start("undisturbed")
    undisturbed.join()
    seconds = time.monotonic() - began
    assert undisturbed.exitcode == 0
    draw = random.Random(20)
    killed = 0
    progress = []
    while killed < KILLS:
        process = start("disturbed")
        process.join(seconds * draw.uniform(0.05, 0.6))
        if process.exitcode is None:
            process.kill()
            process.join()
            killed += 1
        assert process.exitcode in (-9, 0)
        shards = list((tmp_path / "disturbed").glob("inference_outputs/*/*.jsonl"))
        progress.append(len(shards))
        if process.exitcode == 0:  # finished between two kills: begin anew, so that every kill hits work
            for path in shards[::2]:
                path.unlink()
            (tmp_path / "disturbed/data_grpo/made/manifest.json").unlink()
            (tmp_path / "disturbed/data_grpo/made").rename(tmp_path / f"set_aside_{killed}_{len(progress)}")
    last = start("disturbed")
    last.join()
    assert last.exitcode == 0
    assert any(count for count in progress), "no kill came after a shard: the test proved nothing"
    assert contents(tmp_path / "disturbed") == contents(tmp_path / "undisturbed")
    assert len(contents(tmp_path / "undisturbed")) > ROWS / 8


def conversations(count):
    return [Conversation(str(number), [Message(role="user", content=f"prompt {number}")]) for number in range(count)]


def canned_engine(folder, count, answer=lambda number: f"answer {number}"):
    answers = {str(number): answer(number) for number in range(count)}
    return CachedEngine(IDENTITY, lambda: CannedEngine(answers), folder)


class Halfway(CannedEngine):
    """Dies after some rows, as a process does."""

    def stream(self, requests, sampling):
        for count, pair in enumerate(super().stream(requests, sampling)):
            if count == 30:
                raise KeyboardInterrupt
            yield pair


def test_answers_that_came_one_by_one_outlive_the_run(tmp_path):
    asked = conversations(50)
    answers = {row.id: f"answer {row.id}" for row in asked}
    with pytest.raises(KeyboardInterrupt):
        CachedEngine(IDENTITY, lambda: Halfway(answers), tmp_path).answer(asked, SAMPLING)
    engine = CachedEngine(IDENTITY, lambda: CannedEngine(answers), tmp_path)
    with (engine.folder(SAMPLING) / JOURNAL).open("ab") as stream:
        stream.write(journal_line(to_row(prompt_key(asked[40]), Output("cut", "stop", 1)))[:-9])
    found = engine.answer(asked, SAMPLING)
    assert engine.answered_now == 20
    assert {row: output.text for row, output in found.items()} == answers
    assert not (engine.folder(SAMPLING) / JOURNAL).exists()
    assert sum(len((shard_body(path) or b"").splitlines()) for path in shard_paths(engine.folder(SAMPLING))) == 50


def test_a_second_writer_is_told_and_leaves_the_first_alone(tmp_path):
    asked = conversations(40)

    class Slow(CannedEngine):
        def stream(self, requests, sampling):
            for count, pair in enumerate(super().stream(requests, sampling)):
                if count == 20:
                    with pytest.raises(UserError, match=r"Another run is writing to .*canned_"):
                        canned_engine(tmp_path, 40, lambda number: "of the second").answer(asked, SAMPLING)
                yield pair

    first = CachedEngine(IDENTITY, lambda: Slow({row.id: f"answer {row.id}" for row in asked}), tmp_path)
    found = first.answer(asked, SAMPLING)
    assert [output.text for output in found.values()] == [f"answer {number}" for number in range(40)]
    second = canned_engine(tmp_path, 0)
    assert second.answer(asked, SAMPLING) == found
    assert second.answered_now == 0


def test_a_reader_leaves_files_alone_that_are_being_written(tmp_path):
    engine = canned_engine(tmp_path, 5)
    folder = engine.folder(SAMPLING)
    folder.mkdir()
    half = folder / ".0123.jsonl.abc.partial.jsonl"
    half.write_text('{"key": "00')
    assert len(AnswerStore(folder)) == 0
    assert half.exists()
    engine.answer(conversations(5), SAMPLING)  # with the lock in hand it is known to be a killed run's
    assert not half.exists()
    assert not list(folder.glob("*.damaged"))


@pytest.mark.parametrize("harm", ["cut short", "one byte flipped", "emptied", "binary"])
def test_a_damaged_shard_is_set_aside_and_its_rows_made_again(tmp_path, harm, caplog):
    engine = canned_engine(tmp_path, 3000)
    asked = conversations(3000)
    before = engine.answer(asked, SAMPLING)
    victim, *others = shard_paths(engine.folder(SAMPLING))
    untouched = {path: path.read_bytes() for path in others}
    good = victim.read_bytes()
    lost = len((shard_body(victim) or b"").splitlines())
    spot = len(good) // 3
    victim.write_bytes(
        {
            "cut short": good[:spot],
            "one byte flipped": good[:spot] + bytes([good[spot] ^ 1]) + good[spot + 1 :],
            "emptied": b"",
            "binary": b"\xff\x00" * 50,
        }[harm]
    )
    again = canned_engine(tmp_path, 3000)
    assert again.answer(asked, SAMPLING) == before
    assert again.answered_now == lost
    assert victim.with_name(victim.name + ".damaged").exists()
    assert {path: path.read_bytes() for path in others} == untouched
    assert f"{victim} is damaged" in caplog.text


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one mebibyte."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small disk is not allowed here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("seal_rows", [64, 100_000])  # the disk is full while a shard is written, or a journal line
def test_a_full_disk_is_a_clear_error_and_the_cache_stays_good(small_disk, monkeypatch, seal_rows):
    monkeypatch.setattr("bleuberi.generation.answer_store.SEAL_ROWS", seal_rows)
    asked = conversations(400)

    def text(number):
        return f"{number} " + "x" * 5000

    with pytest.raises(UserError) as caught:
        canned_engine(small_disk, 400, text).answer(asked, SAMPLING)
    assert "No space left on device" in caught.value.what
    assert "the command resumes" in caught.value.cure
    folder = canned_engine(small_disk, 0).folder(SAMPLING)
    for path in shard_paths(folder):
        assert shard_body(path), "a shard was left half-written"
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    again = canned_engine(small_disk, 400, text)
    assert [output.text for output in again.answer(asked, SAMPLING).values()] == [text(n) for n in range(400)]
    assert 0 < again.answered_now < 400


GROWTH = """
import json, resource, sys
from pathlib import Path
from bleuberi.generation.cached import CachedEngine
from bleuberi.generation.canned import CannedFileEngine
from bleuberi.generation.base import Sampling
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Conversation, Message

folder, rows = Path(sys.argv[1]), int(sys.argv[2])

class Questions:
    def __iter__(self):
        return (Conversation(str(n), [Message(role="user", content=f"prompt {n}")]) for n in range(rows))

with (folder / "answers.jsonl").open("w") as stream:
    for n in range(rows):
        stream.write(json.dumps({"id": str(n), "response": f"{n} " + "word " * 60}) + "\\n")
engine = CachedEngine(ModelIdentity("canned", "test", ""), lambda: CannedFileEngine(folder / "answers.jsonl"), folder)
count = sum(output.text.startswith(row.id + " ") for row, output in engine.answer_each(Questions(), Sampling()))
print(json.dumps([count, engine.answered_now, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


@pytest.mark.slow
def test_memory_stays_flat(tmp_path):
    megabytes = {}
    for rows in (5_000, 40_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", GROWTH, str(folder), str(rows)], capture_output=True, text=True, check=True
        )
        count, answered, megabytes[rows] = json.loads(done.stdout)
        assert count == answered == rows
    assert megabytes[40_000] < megabytes[5_000] + 8, (
        megabytes
    )  # the answers themselves, held in memory, would take 25 MB
