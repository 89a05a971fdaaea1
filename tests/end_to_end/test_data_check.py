"""`data check` and `data grpo --selection_mode signal` through their commands, on real files."""

import gzip
import json
import os
import random
from collections import Counter

import numpy as np
import pytest

from bleuberi.cli import data_check
from bleuberi.cli.create_training_data import grpo
from bleuberi.cli.main import COMMANDS, find_command
from bleuberi.cli.parser import run
from bleuberi.data.pool import read_pool
from bleuberi.doctor.findings import Report
from bleuberi.doctor.signal import check_signal
from bleuberi.rewards import Bleu
from tests.conftest import DATA, ROOT

DEMO = ROOT / "src/bleuberi/demo/pool.jsonl"
SETTINGS = {"temperature": 0.9, "top_p": 1.0, "top_k": 50, "max_new_tokens": 512}


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pool_rows():
    return lines(DEMO)[:60]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def dirty_pool(tmp_path):
    """40 sound rows, and one of each trouble behind them."""
    rows = pool_rows()[:40]
    copy = {**rows[0], "id": "copy", "prompt": rows[0]["prompt"].upper()}
    copy.pop("messages", None)
    refused = {**rows[1], "id": "refused", "prompt": "Name seven rivers of the north", "messages": None}
    refused["ref_output_gold"] = "I'm sorry, but I can't help with that."
    tested = {**rows[2], "id": "tested", "messages": None, "prompt": "Who wrote the song about a copper bridge?"}
    return write(tmp_path / "dirty.jsonl", [*rows, copy, refused, tested])


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


def test_the_command_is_in_the_table():
    assert "data check" in COMMANDS
    assert find_command(["data", "check", "x"]) == (data_check.main, ["x"])


def test_the_table_alone_writes_nothing(dirty_pool, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    assert data_check.main([str(dirty_pool)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("43 rows, ")
    assert any(line.split()[0] == "duplicate_prompt" and " 1 " in line for line in printed.splitlines())
    assert sorted(tmp_path.iterdir()) == before


def test_flags_are_dropped_with_a_manifest_and_the_rest_is_left_as_it_was(dirty_pool, tmp_path, capsys):
    tests = write(tmp_path / "tests.jsonl", [{"prompt": "who wrote the song about a copper bridge"}])
    words = [str(dirty_pool), "--against", str(tests), "--output_dir", str(tmp_path / "clean")]
    words += ["--drop", "duplicate_prompt", "refusal", "in_test_prompts"]
    assert data_check.main(words) == 0
    assert "kept 40 of 43 (1 duplicate_prompt, 1 refusal, 1 in_test_prompts)" in capsys.readouterr().out
    assert lines(tmp_path / "clean/pool.jsonl") == lines(dirty_pool)[:40]
    assert len(read_pool(str(tmp_path / "clean/pool.jsonl"), ["gold"]).rows) == 40
    manifest = json.loads((tmp_path / "clean/manifest.json").read_text())
    assert (manifest["rows_in"], manifest["rows_out"]) == (43, 40)
    assert manifest["dropped"] == {"duplicate_prompt": 1, "refusal": 1, "in_test_prompts": 1}
    flags = {row["id"]: row for row in lines(tmp_path / "clean/flags.jsonl")}
    assert flags["copy"]["duplicate_prompt"]
    assert flags["copy"]["group"] == lines(dirty_pool)[0]["id"]
    assert flags["tested"]["in_test_prompts"]
    assert not flags["tested"]["refusal"]
    assert data_check.main(words) == 0  # the same again


def test_held_out_rows_keep_near_duplicates_on_one_side(dirty_pool, tmp_path):
    for seed in range(4):
        folder = tmp_path / f"split{seed}"
        assert (
            data_check.main([str(dirty_pool), "--held_out", "12", "--seed", str(seed), "--output_dir", str(folder)])
            == 0
        )
        held, train = (lines(folder / name) for name in ("held_out.jsonl", "train.jsonl"))
        assert len(held) + len(train) == 43
        assert 11 <= len(held) <= 12
        sides = [{row["id"] for row in part} for part in (held, train)]
        assert any({"copy", lines(dirty_pool)[0]["id"]} <= side for side in sides)


def test_dates_and_bytes_of_a_parquet_pool_become_texts(tmp_path):
    import datetime

    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = {"id": ["a", "b", "c"], "prompt": ["One?", "Two?", "Three?"], "ref_output_gold": ["1 it is", "2", "3"],
             "made": [datetime.date(2026, 1, day) for day in (1, 2, 3)], "raw": [b"x", b"y", b"z"]}  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "pool.parquet")
    data_check.main([str(tmp_path / "pool.parquet"), "--held_out", "1", "--output_dir", str(tmp_path / "out")])
    kept = [row for name in ("train", "held_out") for row in lines(tmp_path / f"out/{name}.jsonl")]
    assert sorted(row["made"] for row in kept) == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_turns_that_are_none_are_told_of_test_prompts(dirty_pool, tmp_path, capsys):
    against = tmp_path / "against.jsonl"
    against.write_text(json.dumps({"messages": [], "text": "What?"}) + "\n")
    assert run(data_check.main, [str(dirty_pool), "--against", str(against)]) == 2
    assert "against.jsonl, line 1 has neither a `prompt` nor a user's turn" in capsys.readouterr().err


def test_length_flags_and_disagreement(tmp_path):
    same = "the copper bridge over the quiet northern river was built in the winter of that year"
    rows = [
        {"id": "short", "prompt": "one", "ref_output_gold": "Paris."},
        {"id": "long", "prompt": "two", "ref_output_gold": "word " * 100},
        {"id": "either", "prompt": "three", "ref_output_gold": "word " * 100, "ref_output_b": "a b c d e f"},
        {
            "id": "lone",
            "prompt": "four",
            "ref_output_gold": same,
            "ref_output_b": same + ".",
            "ref_output_c": "No " * 17,
        },
    ]
    pool = write(tmp_path / "pool.jsonl", rows)
    folder = tmp_path / "out"
    assert data_check.main([str(pool), "--max_completion_length", "64", "--output_dir", str(folder)]) == 0
    flags = {row["id"]: {flag for flag, value in row.items() if value is True} for row in lines(folder / "flags.jsonl")}
    assert flags["short"] == {"short_reference"}
    assert "long_reference" in flags["long"]
    assert "long_reference" not in flags["either"]
    assert flags["lone"] == {"disagreeing_reference"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--drop", "nonsense", "--output_dir", "x"], "Unknown flag 'nonsense'"),
        (["--drop", "refusal"], "Add --output_dir"),
        (["--drop", "in_test_prompts", "--output_dir", "x"], "Add --against"),
        (["--held_out", "50", "--output_dir", "x"], "leaves nothing to train on"),
        (["--against", "missing.jsonl"], "File or folder missing.jsonl does not exist"),
    ],
)
def test_mistakes_are_two_lines(dirty_pool, more, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(data_check.main, [str(dirty_pool), *more]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-2:]
    assert error[0].startswith("Error: ")
    assert said in "\n".join(error)
    assert not (tmp_path / "x").exists()


def test_a_folder_of_something_else_is_never_replaced(dirty_pool, tmp_path, capsys):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    assert run(data_check.main, [str(dirty_pool), "--output_dir", str(mine), "--overwrite"]) == 2
    assert (mine / "thesis.txt").read_text() == "years of work"
    first = [str(dirty_pool), "--output_dir", str(tmp_path / "out")]
    assert data_check.main(first) == 0
    assert run(data_check.main, [*first, "--held_out", "5"]) == 2
    assert "different settings" in capsys.readouterr().err
    assert data_check.main([*first, "--held_out", "5", "--overwrite"]) == 0


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
    words += ["--metric", "tests.end_to_end.test_data_check:TextLength", "--num_examples", "6"]
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


def test_rows_with_test_prompts_are_not_held_out_and_the_sizes_are_printed(dirty_pool, tmp_path, capsys):
    tested = [row["prompt"] for row in lines(dirty_pool) if row["id"] == "tested"]
    against = write(tmp_path / "tests.jsonl", [{"prompt": prompt} for prompt in tested])
    words = [str(dirty_pool), "--against", str(against), "--held_out", "42", "--output_dir", str(tmp_path / "out")]
    for _ in range(2):  # made, and reused
        assert data_check.main(words) == 0
        said = capsys.readouterr().out
        assert "1 rows to train on (train.jsonl), 42 held out\n" in said
        assert "Rows with prompts of --against are not held out" in said
    assert [row["id"] for row in lines(tmp_path / "out/train.jsonl")] == ["tested"]
    data_check.main([str(dirty_pool), "--drop", "refusal", "--held_out", "1", "--output_dir", str(tmp_path / "few")])
    assert "41 rows to train on (train.jsonl), 1 held out" in capsys.readouterr().out
    data_check.main([*words, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["kept"], found["held_out"]) == (43, 42)
