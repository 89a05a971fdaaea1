"""`--json`: one object on standard output and nothing beside it, for every command that has it."""

import json
import os
import subprocess
import sys

import pytest

from bleuberi.cli.main import COMMANDS
from tests.conftest import ROOT, pool_rows
from tests.end_to_end.experiment import write_pools, write_protocol

pytest.importorskip("trl")

CANNED = ["--engine", "canned", "--answers", "answers.jsonl", "--model", "m"]
SFT = ["--config", "sft_cpu", "--dataset_path", "out/data_sft/made_SFT", "--model_name_or_path", "TINY"]
SAMPLES = (("the one", 0.1), ("the other one", 0.4))
CHAIN = {  # command -> its words, and keys of its object; each finds what those before it left
    "data import": (["pool.jsonl", "--output", "new.jsonl"], {"output", "instructions", "references"}),
    "data generate": (["--rows", "5", "--output", "facts.jsonl"], {"output", "rows", "reused", "dials"}),
    "references": (
        ["--hf_dataset_path", "new.jsonl", "--output", "more.jsonl", "--name", "third", *CANNED],
        {"path", "rows", "flags"},
    ),
    "data check": (["new.jsonl"], {"rows", "table", "files"}),
    "data grpo": (
        ["--hf_dataset_path", "new.jsonl", "--metric", "bleu", *CANNED, "--num_examples", "8", "--output_dir", "out",
         "--output_dataset_name", "made"],
        {"folder", "rows", "reused", "hub", "manifest"},
    ),
    "data sft": (["--input_data_path", "out/data_grpo/made", "--output_dir", "out"], {"folder", "rows", "manifest"}),
    "data export": (["new.jsonl", "--to", "trl", "--output", "exported.jsonl"], {"path", "rows", "dropped", "hub"}),
    "data bestof": (
        ["--input_data_path", "out/data_grpo/made", "--outputs", "samples.jsonl"], {"folder", "rows", "manifest"}
    ),
    "data pairs": (
        ["--input_data_path", "out/data_grpo/made", "--outputs", "samples.jsonl"], {"folder", "rows", "manifest"}
    ),
    "headroom": (
        ["--input_data_path", "new.jsonl", "--outputs", "samples.jsonl", "--metric", "bleu"],
        {"verdict", "sentence", "means", "gains"},
    ),
    "doctor": ([*SFT, "--output_dir", "run", "--deepspeed", "zero2"], {"problems", "warnings", "findings"}),
    "train sft": ([*SFT, "--output_dir", "run", "--max_steps", "1"], {"folder", "manifest", "metrics"}),
    "explain": (["--response", "the cat", "--reference", "a cat"], {"score", "orders"}),
    "evaluate": (
        ["--models", "a=m", "--engine", "canned", "--answers", "answers.jsonl", "--prompts", "new.jsonl",
         "--output_dir", "evaluation"],
        {"prompts", "models", "groups"},
    ),
    "card": (["run", "--evaluation", "evaluation", "--name", "a"], {"path", "results", "hub"}),
    "agreement": (
        ["--preferences", "pairs.jsonl", "--resamples", "20", "--no_figures", "--output_dir", "agreement"],
        {"verdict"},
    ),
    "compare": (["--protocol", "exp/protocol.yaml", "--dry_run"], {"folder", "runs", "made", "missing", "table"}),
    "cache ls": (["out"], {"caches"}),
    "report": (["evaluation", "--no_figures"], {"page", "files", "sections"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_model):
    folder = tmp_path_factory.mktemp("json")
    rows = pool_rows(24)
    write_pools(folder)
    write_protocol(folder / "exp/protocol.yaml", tiny_model)

    def lines(name, rows):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    lines("pool.jsonl", rows)
    lines("answers.jsonl", ({"id": row["id"], "response": row["prompt"]} for row in rows))
    samples = [{"id": row["id"], "response": text, "score": score} for row in rows for text, score in SAMPLES]
    lines("samples.jsonl", samples)
    pair = {"response_a": "the cat sat", "response_b": "a dog", "ref_output_x": "the cat sat down"}
    lines("pairs.jsonl", ({"id": str(n), "prompt": f"P{n}", **pair, "winner": "ab"[n % 2]} for n in range(8)))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", CHAIN)
def test_one_object_and_nothing_beside_it(name, place, tiny_model):
    words, keys = CHAIN[name]
    words = [*name.split(), *(word.replace("TINY", str(tiny_model)) for word in words), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "bleuberi.cli.main", *words],
        cwd=place, env={**os.environ, "PYTHONPATH": f"{ROOT}/src"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in ((0, 2) if name == "doctor" else (0,)), done.stderr
    told = json.loads(done.stdout)
    assert keys <= told.keys()


def test_every_command_that_offers_it_is_here():
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    offering = {name for name in COMMANDS if "--json" in page.split(f"## `bleuberi {name}`")[1].split("\n## ")[0]}
    assert offering - {"train grpo", "train dpo"} == CHAIN.keys()  # both go the way of train sft
