"""`bleuberi evaluate` on a small pool, its models and its judge behind a real server; and folders of models."""

import json

import pytest

from bleuberi.cli import evaluate
from bleuberi.cli.parser import run
from bleuberi.evaluation.model_facts import training_facts
from bleuberi.evaluation.verdict import TrainedGroup
from tests.conftest import pool_rows
from tests.unit.generation.chat_server import ChatServer

COUNT = 12


def speak(body):
    """`base` rambles; `good-*` answer as the reference does, but for one prompt each; `judge` likes the reference."""
    asked = body["messages"][-1]["content"].partition("\n\nAnswer in at most")[0]
    if body["model"] == "judge":
        first = asked.split("answer A\n")[1].split("\n>>>")[0]
        second = asked.split("answer B\n")[1].split("\n>>>")[0]
        good = [text.startswith("It is") and len(text.split()) == 3 for text in (first, second)]
        return f"VERDICT: {'TIE' if good[0] == good[1] else 'A' if good[0] else 'B'}"
    number = int(asked.rstrip(".").split()[-1])
    if body["model"] == "thinker" and "<answer>" in body["messages"][0]["content"]:
        return f"<think>Not {number + 1}, so surely {number}.</think>\n<answer>It is {number}.</answer>"
    if body["model"].startswith("good"):
        return "What?" if body["model"] == f"good-{number % 4}" else f"It is {number}."
    return f"It is {number} of all numbers that were asked here today."


@pytest.fixture(scope="module")
def server():
    with ChatServer(speak=speak) as running:
        yield running


@pytest.fixture(scope="module")
def call(server, tmp_path_factory):
    """Runs the command on a small pool; gives the exit code and the output folder."""
    pool = tmp_path_factory.mktemp("pool") / "pool.jsonl"
    pool.write_text("".join(json.dumps(row) + "\n" for row in pool_rows(COUNT)))
    cache = tmp_path_factory.mktemp("cache")

    def words(folder, *more, prompts=pool):
        known = ["--engine", "openai", "--base_url", server.url, "--cache_dir", str(cache), "--max_new_tokens", "32"]
        return run(evaluate.main, ["--prompts", str(prompts), "--output_dir", str(folder), *known, *more])

    return words


@pytest.fixture
def trained(tmp_path):
    """Writes a model folder as training leaves it; gives its group."""

    def make(name, rewards=(), data="d1", steps=6, base="org/base", dataset="gone", method=None, **more):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        parents = {"data_sha256": data if rewards else f"sft-of-{data}"}
        if rewards:
            parents["reward_signatures"] = list(rewards)
        config = {"model_name_or_path": base, "dataset_path": str(tmp_path / dataset), **more}
        config["reward_funcs"] = [signature.partition("|")[0] for signature in rewards] or ["bleu"]
        manifest = {"schema_version": 1, "kind": "model", "config": config, "steps": steps, "rows_used": 24}
        manifest |= {"method": method} if method else {}  # earlier versions have none
        (folder / "manifest.json").write_text(json.dumps({**manifest, "parents": parents}))
        return TrainedGroup(name, training_facts(str(folder)))

    sft_data = tmp_path / "sft_data"
    sft_data.mkdir()
    (sft_data / "manifest.json").write_text(json.dumps({"schema_version": 1, "config": {"input_sha256": "d1"}}))
    return make
