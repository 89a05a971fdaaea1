"""`data grpo` through its command, on real files: `--selection_mode signal`, and the numbers of `hard`."""

import gzip
import json
import os
import random
from collections import Counter

import numpy as np
import pytest

from bleuberi.cli.create_training_data import grpo
from bleuberi.cli.parser import run
from bleuberi.doctor.findings import Report
from bleuberi.doctor.signal import check_signal
from bleuberi.rewards import Bleu
from tests.conftest import DATA
from tests.end_to_end.demo_rows import DEMO, lines, pool_rows, write

SETTINGS = {"temperature": 0.9, "top_p": 1.0, "top_k": 50, "max_new_tokens": 512}


def signal_samples(tmp_path, k=4, **changes):
    """k samples for 40 rows of the demo pool: parts of the references, more or less of them by row and sample."""
    generator = random.Random(3)
    rows = []
    for place, row in enumerate(pool_rows()[:40]):
        words = row["ref_output_gold"].split()
        for _ in range(k):
            kept = [word if generator.random() > place / 60 else "other" for word in words]
            rows.append({"id": row["id"], "response": " ".join(kept), "finish_reason": "stop", "sampling": SETTINGS})
            rows[-1].update(changes)
    return write(tmp_path / "samples.jsonl", rows)


def signal(tmp_path, outputs, *more):
    words = ["--hf_dataset_path", str(DEMO), "--selection_mode", "signal", "--metric", "bleu"]
    return [*words, "--outputs", str(outputs), "--output_dir", str(tmp_path / "data"), *more]


def test_signal_picks_by_spread_and_leaves_a_record(tmp_path):
    from datasets import load_from_disk

    words = signal(tmp_path, signal_samples(tmp_path), "--num_examples", "10", "--output_dataset_name", "picked")
    assert grpo([*words, "--stratify", "none"]) == 0
    folder = tmp_path / "data/data_grpo/picked"
    rows = load_from_disk(str(folder))["train"].to_list()
    record = json.loads((folder / "selection.json").read_text())
    signals = [row["bleu_signal_score"] for row in rows]
    assert len(rows) == 10
    assert signals == sorted(signals, reverse=True)
    texts: dict[str, list[str]] = {}
    for sample in lines(tmp_path / "samples.jsonl"):
        texts.setdefault(sample["id"], []).append(sample["response"])
    for row in rows:
        scores = Bleu()(prompts=None, responses=texts[row["id"]], references=[row["references"]] * 4)
        assert row["bleu_score"] == pytest.approx(np.mean(scores))
        assert row["bleu_deviation_score"] == pytest.approx(np.std(scores, ddof=1))
        assert 0 < row["bleu_signal_score"] < row["bleu_deviation_score"]
    assert record["kept"] == 10
    assert record["kept"] + sum(record["dropped"].values()) == record["rows_in"] == len(lines(DEMO))
    assert record["signal"]["samples_of_a_prompt"] == 4
    assert [row["id"] for row in record["rows"]] == [row["id"] for row in rows]
    assert sum(kind["picked"] for kind in record["source_mix"].values()) == 10
    assert (folder / "selection.png").stat().st_size > 10_000
    assert grpo([*words, "--stratify", "none"]) == 0  # found made
    report = Report()
    check_signal(report, folder)
    assert report.numbers["signal"]["candidates"] >= 10


def test_the_mix_of_the_pool_is_kept(tmp_path):
    outputs = signal_samples(tmp_path)
    assert grpo(signal(tmp_path, outputs, "--num_examples", "16", "--output_dataset_name", "mixed")) == 0
    record = json.loads((tmp_path / "data/data_grpo/mixed/selection.json").read_text())
    assert record["signal"]["stratify"] == ["source", "length"]
    assert len([kind for kind in record["reference_length_mix"].values() if kind["picked"]]) >= 3


@pytest.mark.parametrize(
    ("k", "changes", "more", "said"),
    [
        (1, {}, [], "has 1 sample of a prompt at most; --selection_mode signal needs 4 or more"),
        (4, {}, ["--num_samples", "1"], "--num_samples is 1: one sample has no spread"),
        (
            4,
            {},
            ["--sample_temperature", "0"],
            "--sample_temperature is 0.0, so all samples of a prompt would be equal.",
        ),
        (4, {}, ["--stratify", "sauce"], "--stratify got 'sauce'"),
        (4, {"finish_reason": "length"}, [], "40 with empty or cut outputs"),
        (4, {"response": "zzz yyy " * 30}, [], "with all samples at the floor"),
        (4, {"response": ""}, [], "40 with empty or cut outputs"),
    ],
)
def test_bad_input_of_signal_says_what_took_the_rows(tmp_path, capsys, k, changes, more, said):
    outputs = signal_samples(tmp_path, k, **changes)
    assert run(lambda words: grpo(words), signal(tmp_path, outputs, *more)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "data/data_grpo").exists()


def test_the_papers_modes_refuse_the_flags_of_signal(tmp_path, capsys):
    words = signal(tmp_path, signal_samples(tmp_path), "--num_samples", "8")
    words[words.index("signal")] = "hard"
    assert run(lambda given: grpo(given), words) == 2
    assert "--selection_mode hard uses one sample" in capsys.readouterr().err


class TextLength:
    """A reward that even a model of random weights gets different numbers from."""

    name = "text_length"

    def __call__(self, *, prompts, responses, references):
        return [float(len(response)) for response in responses]

    def signature(self):
        return "text_length|v:1"


def test_signal_draws_its_own_samples(tmp_path, tiny_model, capsys):
    pool = write(tmp_path / "pool.jsonl", [{**row, "ref_output_gold": "Yes."} for row in pool_rows()[:12]])
    words = ["--hf_dataset_path", str(pool), "--selection_mode", "signal", "--num_samples", "4"]
    words += ["--metric", "tests.end_to_end.test_selection_modes:TextLength", "--num_examples", "6"]
    words += ["--model", str(tiny_model), "--inference_max_new_tokens", "12", "--engine", "transformers"]
    words += ["--output_dir", str(tmp_path), "--output_dataset_name", "own"]
    assert grpo([*words, "--max_cut_share", "1"]) == 0
    caches = sorted((tmp_path / "inference_outputs").iterdir())
    assert len(caches) == 4
    samplings = [json.loads((cache / "cache.json").read_text())["sampling"] for cache in caches]
    assert {(one["temperature"], one["top_p"], one["top_k"]) for one in samplings} == {(0.9, 1.0, 50)}
    assert len({one["seed"] for one in samplings}) == 4
    record = json.loads((tmp_path / "data_grpo/own/selection.json").read_text())
    assert record["kept"] == 6
    assert "tokenizer of" in record["signal"]["reference_lengths"]
    assert "floor_distance" not in record["distributions"]  # where this metric's floor lies is not known
    # Random weights never end an answer: with the default all rows go, and the message says for what.
    assert run(lambda given: grpo(given), [*words[:-1], "strict"]) == 2
    assert "with empty or cut outputs" in capsys.readouterr().err


def independent_bleu(response, reference):
    """Smoothed BLEU written anew, on sacrebleu's tokens."""
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    said, wanted = (Tokenizer13a()(text.strip()).split() for text in (response, reference))
    if not said:
        return 0.0
    product = 1.0
    for order in range(1, 5):
        ours, theirs = (Counter(zip(*(tokens[skip:] for skip in range(order)))) for tokens in (said, wanted))  # noqa: B905
        product *= (sum((ours & theirs).values()) + 1) / (sum(ours.values()) + 1)
    return product**0.25 * min(1.0, np.exp(1 - len(wanted) / len(said)))


def check_hard(model, pool, outputs, tmp_path):
    """The rows, order and scores of `hard` for one model against pandas; how many rows the model has."""
    from datasets import load_from_disk

    words = ["--hf_dataset_path", str(DATA / "dev_pool_short.jsonl"), "--metric", "bleu", "--num_examples", "50"]
    words += ["--outputs", str(DATA / "dev_policy_outputs.jsonl.gz"), "--model", model]
    assert grpo([*words, "--output_dir", str(tmp_path), "--output_dataset_name", model]) == 0
    made = load_from_disk(str(tmp_path / "data_grpo" / model))["train"].to_pandas()
    joined = pool.merge(outputs[outputs.model == model], on="id", how="inner", validate="one_to_one")
    joined["bleu"] = [independent_bleu(*texts) for texts in zip(joined.output, joined.ref_output_gold, strict=True)]
    lowest = joined.sort_values("bleu", kind="stable").head(50).id
    expected = joined[joined.id.isin(lowest)].sort_values("bleu", ascending=False, kind="stable")
    assert made.bleu_score.tolist() == pytest.approx(expected.bleu.tolist(), abs=1e-12)
    assert made.id.tolist() == expected.id.tolist()
    record = json.loads((tmp_path / "data_grpo" / model / "selection.json").read_text())
    assert record["distributions"]["score"]["pool"]["rows"] == len(joined)
    assert record["distributions"]["score"]["pool"]["mean"] == pytest.approx(joined.bleu.mean())
    return len(joined)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_hards_numbers_are_those_of_an_independent_computation(tmp_path):
    import pandas as pd

    pool = pd.read_json(DATA / "dev_pool_short.jsonl", lines=True)
    with gzip.open(DATA / "dev_policy_outputs.jsonl.gz", "rt", encoding="utf-8") as stream:
        outputs = pd.read_json(stream, lines=True)
    outputs = outputs[outputs.id.isin(pool.id)].drop_duplicates(["id", "model"])
    models = [model for model, found in outputs.groupby("model") if len(found) >= 100]
    assert len(models) == 12
    checked = models if os.environ.get("BLEUBERI_ALL_MODELS") else models[:2]
    assert all(check_hard(model, pool, outputs, tmp_path) >= 100 for model in checked)
