"""Outputs and scores on a real Ray with two workers: the bytes of one process, also where a worker is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from bleuberi.cli import create_training_data, references
from bleuberi.cluster.mapping import map_units
from bleuberi.cluster.options import ClusterOptions
from bleuberi.cluster.session import connect, disconnect
from bleuberi.cluster.workers import Workers
from bleuberi.errors import UserError
from bleuberi.rewards import load_reward
from bleuberi.rewards.cached import CachedReward
from bleuberi.rewards.on_cluster import load_reward_on
from tests.conftest import ROOT
from tests.end_to_end.test_cache_faults import contents
from tests.unit.cluster.work import Noted, Poison, Refusing

pytestmark = pytest.mark.ray
pytest.importorskip("ray")
psutil = pytest.importorskip("psutil")

TWO = Workers(2, 1, 0)


@pytest.fixture(scope="module", autouse=True)
def ray_of_our_own():
    """One Ray for all of these tests, started as a command starts it."""
    os.environ.pop("RAY_ADDRESS", None)
    yield connect(ClusterOptions(workers=2))
    disconnect()


def workers_alive():
    """The processes that Ray Data keeps workers in."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if line.startswith("ray::") and "RayWorker" in line:
            found.append(process)
    return found


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def words(pool, model, output_dir, *engine):
    flags = ["--hf_dataset_path", str(pool), "--metric", "bleu", "--model", str(model), "--num_examples", "30"]
    flags += ["--inference_max_new_tokens", "16", "--output_dir", str(output_dir), "--output_dataset_name", "made"]
    return ["grpo", *flags, *engine]


@pytest.fixture
def pool(tmp_path):
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()[:96]
    path = tmp_path / "pool.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_killed_worker_changes_no_byte(tiny_model, pool, tmp_path, caplog):
    args = ["--engine_args", "batch_rows=2"]
    one = words(pool, tiny_model, tmp_path / "one", "--engine", "transformers", *args)
    assert create_training_data.front_door(one) == 0
    finished_at_the_kill = []

    def kill_one():
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            shards = list((tmp_path / "two").glob("inference_outputs/*/[!.]*.jsonl"))
            if len(shards) >= 3 and (there := workers_alive()):
                finished_at_the_kill.extend((path, path.stat().st_mtime_ns) for path in shards)
                there[0].kill()
                return
            time.sleep(0.005)

    killer = threading.Thread(target=kill_one)
    killer.start()
    flags = ["--engine", "ray", "--ray_engine", "transformers", "--ray_workers", "2", *args]
    with caplog.at_level("INFO", "bleuberi"):
        assert create_training_data.front_door(words(pool, tiny_model, tmp_path / "two", *flags)) == 0
    killer.join()
    assert 3 <= len(finished_at_the_kill) < 24, "the kill came too late to show anything"
    assert "A Ray worker died and was restarted" in caplog.text
    assert all(path.stat().st_mtime_ns == written for path, written in finished_at_the_kill)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert len(contents(tmp_path / "two")) > 24  # each shard is among them


def test_only_what_a_killed_worker_had_in_work_is_done_again(tmp_path):
    notes = tmp_path / "notes"
    found = {}
    killed = None
    for number, square in map_units(Noted(notes), range(60), TWO):
        found[number] = square
        if len(found) == 10:
            killed = workers_alive()[0].pid
            os.kill(killed, signal.SIGKILL)
    assert found == {number: number * number for number in range(60)}
    begun = [line.split() for line in notes.read_text().splitlines()]
    assert len({process for process, _ in begun}) == 3  # the two, and the one that took a place
    again = [number for number, times in Counter(number for _, number in begun).items() if times > 1]
    assert len(begun) == 60 + len(again)
    assert len(again) <= 3  # one in work, and what it had finished but not handed over


def all_cores_are_free(folder):
    """Work that needs all of them begins soon; it would wait for minutes behind workers that stay."""
    begun = time.monotonic()
    done = dict(map_units(Noted(folder / "notes"), range(3), Workers(1, 2, 0)))
    return done == {0: 0, 1: 1, 2: 4} and time.monotonic() - begun < 30


def test_a_unit_that_kills_its_workers_ends_the_run(monkeypatch, tmp_path, caplog):
    caplog.set_level("CRITICAL", "ray.data")  # pytest keeps what is logged: Ray's error, and with it the workers
    monkeypatch.setattr("bleuberi.cluster.mapping._MOST_DEATHS", 1)
    with pytest.raises(UserError, match="Ray workers died 2 times on the same rows") as caught:
        list(map_units(Poison(), range(6), TWO))
    assert "Rerun the command to resume" in caught.value.cure
    assert all_cores_are_free(tmp_path)


def test_what_a_worker_refuses_is_said_here(tmp_path):
    with pytest.raises(UserError, match="The worker has no model"):
        list(map_units(Refusing(), range(3), TWO))
    assert all_cores_are_free(tmp_path)


def test_canned_answers_through_ray_are_the_same_references(pool, tmp_path):
    answers = tmp_path / "answers.jsonl"
    with answers.open("w", encoding="utf-8") as stream:
        for line in pool.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            stream.write(json.dumps({"id": str(row["id"]), "response": f"It is {row['prompt'][:30]}"}) + "\n")
    made = {}
    for name, engine in {"one": ["canned"], "two": ["ray", "--ray_engine", "canned", "--ray_workers", "2"]}.items():
        output = tmp_path / name / "pool.jsonl"
        flags = ["--hf_dataset_path", str(pool), "--model", "org/strong", "--output", str(output)]
        assert references.main([*flags, "--engine", *engine, "--answers", str(answers)]) == 0
        made[name] = output.read_bytes()
    assert made["two"] == made["one"]


def test_a_reward_with_a_model_has_the_same_values_and_keeps_them(encoder, monkeypatch, tmp_path):
    metric = f"emb:{encoder}"
    monkeypatch.setattr("bleuberi.rewards.cached.ROWS_A_TRANSACTION", 3)
    monkeypatch.setattr("bleuberi.rewards.on_cluster.ROWS_A_TRANSACTION", 3)
    responses = ["A cat sat.", "It rains in the north of the country.", "", "Yes", "No, never.", "Seven", "A", "B C"]
    texts = {"responses": responses, "references": [[f"{text} Or so it seems.", "A dog ran."] for text in responses]}
    here = CachedReward(load_reward(metric), tmp_path / "here.sqlite")
    there = CachedReward(load_reward_on(metric, ClusterOptions(workers=1)), tmp_path / "there.sqlite")
    found = there(**texts)
    assert found == here(**texts)
    assert there.signature() == here.signature()
    monkeypatch.setattr("bleuberi.rewards.on_cluster.map_units", None)  # a second time no worker is asked
    assert there(**texts) == found


SESSION = """
import json, sys, time
import psutil
from bleuberi.cluster.options import ClusterOptions
from bleuberi.cluster.session import connect
connect(ClusterOptions(workers=1))
print(json.dumps([process.pid for process in psutil.Process().children(recursive=True)]), flush=True)
time.sleep(600)
"""


def test_rays_processes_end_with_ours_and_it_is_quiet(tmp_path):
    with (tmp_path / "errors").open("wb") as errors:
        process = subprocess.Popen([sys.executable, "-c", SESSION], stdout=subprocess.PIPE, stderr=errors)
        pids = json.loads(process.stdout.readline())
        process.kill()
        process.wait()
        process.stdout.close()
    assert len(pids) >= 3
    deadline = time.monotonic() + 240  # its helpers notice within seconds, on a machine that is not busy
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left
    assert (tmp_path / "errors").read_bytes() == b""
