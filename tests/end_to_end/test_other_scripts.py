"""Commands say when a reward cannot read the data: which one, how many rows, which script, and what to type instead."""

import json

import pytest

from bleuberi.cli import agreement, data_check, evaluate
from bleuberi.cli.create_training_data import grpo
from bleuberi.cli.parser import run
from bleuberi.columns import score_column
from tests.unit.generation.chat_server import ChatServer

TEXT = "старый мост закрыли на ремонт поэтому поезда идут в объезд через лес и мимо нашей деревни"
WORDS = TEXT.split()


def sentence(number):
    return " ".join(WORDS[number % 7 :] + WORDS[: number % 5]) + "."


def pool_rows(russian=20, english=5):
    rows = [{"id": f"r{n}", "prompt": f"Скажи {n}.", "ref_output_gold": sentence(n)} for n in range(russian)]
    return rows + [
        {"id": f"e{n}", "prompt": f"Say {n}.", "ref_output_gold": f"The number is {n} today."} for n in range(english)
    ]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def pool(tmp_path):
    return write(tmp_path / "pool.jsonl", pool_rows())


@pytest.fixture
def outputs(tmp_path):
    return write(
        tmp_path / "outputs.jsonl", [{"id": row["id"], "response": row["ref_output_gold"]} for row in pool_rows()]
    )


SAID = "The reward rouge cannot read 20 of 25 rows (80%), mostly Cyrillic."


def test_data_check_warns(pool, tmp_path, capsys):
    assert run(data_check.main, [pool, "--output_dir", str(tmp_path / "checked")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert SAID in said
    assert "rouge:auto" in said
    assert "The reward bleu cannot" not in said  # its tokens are cut at blanks
    assert json.loads((tmp_path / "checked" / "check.json").read_text())["warnings"][0].startswith(SAID)


@pytest.mark.slow
def test_data_grpo_refuses_what_cannot_read_most_rows(pool, outputs, tmp_path, capsys):
    words = ["--hf_dataset_path", pool, "--outputs", outputs, "--output_dir", str(tmp_path / "data")]
    assert run(grpo, [*words, "--metric", "rouge"]) == 2
    said = capsys.readouterr().err
    assert SAID in said
    for metric in ("rouge:auto", "bleu", "chrf", "meteor:mean", "rouge2:stem"):
        refused = metric == "rouge2:stem"
        assert run(grpo, [*words, "--metric", metric, "--num_examples", "5"]) == (2 if refused else 0)
    scores = tmp_path / "data" / "scored_outputs" / "pool_meteor_mean_outputs_1ref-gold.json"
    row = next(row for row in json.loads(scores.read_text()) if row["id"] == "r1")
    assert row[score_column("meteor_mean")] > 0.99


def test_data_grpo_warns_about_fewer_rows(outputs, tmp_path, capsys):
    pool = write(tmp_path / "mixed.jsonl", pool_rows(3, 30))
    write(tmp_path / "outputs.jsonl", [{"id": row["id"], "response": "a"} for row in pool_rows(3, 30)])
    words = ["--hf_dataset_path", pool, "--outputs", outputs, "--output_dir", str(tmp_path / "data")]
    assert run(grpo, [*words, "--metric", "rouge"]) == 0
    assert "cannot read 3 of 33 rows (9%)" in " ".join(capsys.readouterr().err.split())


def test_agreement_warns(tmp_path, capsys):
    pairs = [
        {"prompt": f"Скажи {n}.", "response_a": sentence(n), "response_b": sentence(n + 3), "winner": "model_a",
         "ref_output_gold": sentence(n) + " Вот."}
        for n in range(12)
    ]  # fmt: skip
    out = tmp_path / "out"
    words = ["--preferences", write(tmp_path / "pairs.jsonl", pairs), "--output_dir", str(out), "--no_figures"]
    names = ["bleu", "rouge", "rouge:auto", "chrf++", "meteor"]
    assert run(agreement.main, [*words, "--resamples", "200", "--rewards", *names]) == 0
    found = json.loads((out / "agreement.json").read_text())
    assert found["warnings"][0].startswith("The reward rouge cannot read 12 of 12 rows (100%), mostly Cyrillic.")
    rates = {one["name"]: one["agreement"]["value"] for one in found["rewards"]}
    assert rates["rouge"] == 0.5
    assert all(rates[name] == 1.0 for name in ("bleu", "rouge_auto", "chrfpp", "meteor"))
    capsys.readouterr()


def test_evaluate_warns(tmp_path, pool, capsys):
    with ChatServer(speak=lambda body: sentence(len(body["model"]))) as server:
        words = ["--prompts", pool, "--output_dir", str(tmp_path / "out"), "--models", "base=a", "tuned=ab"]
        words += ["--engine", "openai", "--base_url", server.url, "--metrics", "meteor", "rouge", "chrf", "rouge1:auto"]
        assert run(evaluate.main, words) == 0
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert any(warning.startswith(SAID) for warning in found["warnings"])
    assert {"meteor", "chrf", "rouge1_auto"} <= set(found["signatures"])
    assert SAID in " ".join(capsys.readouterr().out.split())
