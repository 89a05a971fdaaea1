"""222 runs of the method's original program on real pools: the same names, rows, order and scores."""

import csv
import gzip
import json

import pytest

from bleuberi.columns import SHORT_REFERENCE_NAMES
from bleuberi.selection.config import GrpoDataConfig
from bleuberi.selection.create import create_grpo_data
from tests.conftest import DATA

datasets = pytest.importorskip("datasets")

RUNS = DATA.parent / "golden" / "original_selection.json.gz"
OUTPUTS = DATA / "dev_policy_outputs.jsonl.gz"
MODEL = "Qwen/Qwen2.5-7B"  # the name that the original was given; the responses are of smaller models

pytestmark = pytest.mark.skipif(not (RUNS.exists() and OUTPUTS.exists()), reason="../shared is not here")


def lines(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def golden():
    return json.loads(gzip.decompress(RUNS.read_bytes())) if RUNS.exists() else []


def write_csv(path, rows):
    """The response file as the original wrote it: all cells quoted, `\\` as escape character (and so doubled)."""
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL, escapechar="\\", lineterminator="\n")
        writer.writerow(["id", "source", "prompt", "response"])
        writer.writerows(rows)


def config_of(run, metric, pool, folder):
    """The settings behind a generated name, e.g. `pool_bleu_Qwen2.5-7B_2ref-gold-claude_hard_36`."""
    names = {short: published for published, short in SHORT_REFERENCE_NAMES.items()}
    label, mode, count = run["name"].rsplit("_", 2)
    references = tuple(names[short] for short in label.rsplit("ref-", 1)[1].split("-"))
    return GrpoDataConfig(
        str(pool), ref_models=references, selection_mode=mode, num_examples=int(count), metric=metric, model=MODEL,
        output_dir=folder,
    )  # fmt: skip


def test_there_are_222_runs():
    assert [len(golden()), sum(len(runs["configs"]) for runs in golden())] == [8, 222]


@pytest.mark.parametrize("which", range(8), ids=lambda which: f"pool {which}")
def test_the_originals_runs_are_repeated_to_the_row(which, tmp_path):
    runs = golden()[which]
    by_id = {str(row["id"]): row for row in lines(DATA / runs["pool_file"])}
    rows = [by_id[row_id] for row_id in runs["pool_ids"]]
    pool = tmp_path / runs["pool_file"].removesuffix(".gz")
    with pool.open("w", encoding="utf-8") as stream:
        for row in rows:
            kept = {name: row[name] for name in ("id", "source", "messages", "prompt", "ref_output_gold")}
            stream.write(json.dumps(kept | {new: row.get(old) for new, old in runs["columns"].items()}) + "\n")
    responses = {}
    for row in lines(OUTPUTS):
        if row["model"] == runs["outputs_of"]:
            responses.setdefault(row["id"], row["output"].strip())
    write_csv(
        tmp_path / f"data/inference_outputs/{MODEL.split('/')[1]}_inference_results.csv",
        [[row["id"], row["source"], row["prompt"], responses[row["id"]]] for row in rows],
    )
    for run in runs["configs"]:
        made = create_grpo_data(config_of(run, runs["metric"], pool, tmp_path / "data"))
        assert made.folder.name == run["name"]
        assert made.generated_now == 0
        found = datasets.load_from_disk(str(made.folder))["train"].to_list()
        assert [row["id"] for row in found] == run["ids"], run["name"]
        assert [row[f"{runs['metric']}_score"] for row in found] == pytest.approx(run["scores"], abs=1e-12)
        assert {len(row["references"]) for row in found} == {run["n_references"]}
