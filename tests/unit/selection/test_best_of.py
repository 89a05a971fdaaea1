"""`data bestof` and `data pairs`: of files with and without scores, of a `signal` data set's cache."""

import json

import pytest

from bleuberi.cli.main import find_command
from bleuberi.data.dpo_rows import read_dpo_rows
from bleuberi.data.sft_rows import pair_of, read_sft_rows
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.selection.scored_samples import SamplesConfig, find_source, read_scored

POOL = [{"id": name, "prompt": f"Say {name}.", "ref_output_gold": f"the word is {name} today"} for name in "abcd"]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def samples(*rows, **more):
    return [{"id": row, "response": text, "score": score, **more} for row, text, score in rows]


def run(tmp_path, kind, *words):
    command, rest = find_command(["data", kind, "--output_dir", str(tmp_path / "data"), *words])
    assert command(rest) == 0
    folder = next((tmp_path / "data").glob(f"data_{'sft' if kind == 'bestof' else 'dpo'}/*"))
    return [dict(raw.values) for raw in read_rows(str(folder))], json.loads((folder / "manifest.json").read_text())


def files(tmp_path, rows, pool=POOL):
    return (
        "--input_data_path", str(write(tmp_path / "pool.jsonl", pool)),
        "--outputs", str(write(tmp_path / "samples.jsonl", rows)),
    )  # fmt: skip


def test_the_best_of_each_prompt_by_the_files_own_scores(tmp_path):
    rows = samples(("a", "low", 0.1), ("a", "high", 0.9), ("b", "first", 0.5), ("b", "second", 0.5), ("c", "x", -1.0))
    made, manifest = run(tmp_path, "bestof", *files(tmp_path, rows))
    assert [(row["id"], row["completion"][0]["content"], row["score_score"]) for row in made] == [
        ("a", "high", 0.9), ("b", "first", 0.5), ("c", "x", -1.0)
    ]  # fmt: skip
    assert made[0]["prompt"] == [{"role": "user", "content": "Say a."}]
    assert (manifest["rows_in"], manifest["rows_out"], manifest["dropped"]) == (
        4, 3, {"with fewer than 1 references": 0, "without a response": 1}
    )  # fmt: skip
    assert [path.name for path in (tmp_path / "data/data_sft").iterdir()] == ["pool_bestof2"], "the file has two each"
    assert manifest["samples"]["mean_best"] == pytest.approx((0.9 + 0.5 - 1) / 3)
    assert manifest["samples"]["mean_score"] == pytest.approx((0.5 + 0.5 - 1) / 3)
    assert "imported" in manifest["reward_signature"]


def test_train_sft_reads_it(tmp_path):
    run(tmp_path, "bestof", *files(tmp_path, samples(("a", "low", 0.1), ("a", "high", 0.9))))
    rows = read_sft_rows(tmp_path / "data/data_sft/pool_bestof2")
    assert pair_of(rows[0]) == {
        "prompt": [{"role": "user", "content": "Say a."}],
        "completion": [{"role": "assistant", "content": "high"}],
    }


def test_scores_that_the_file_does_not_have_are_computed(tmp_path):
    rows = [{"id": "a", "response": text} for text in ("no", "the word is a today", "the word is b today")]
    made, manifest = run(tmp_path, "pairs", *files(tmp_path, rows), "--metric", "bleu")
    assert made[0]["chosen"][0]["content"] == "the word is a today"
    assert made[0]["rejected"][0]["content"] == "no"
    assert made[0]["score_chosen"] == 1
    assert manifest["reward_signature"].startswith("bleu|tok:13a")


def test_pairs_need_a_margin_and_ties_are_counted(tmp_path):
    rows = samples(
        ("a", "x", 0.2), ("a", "y", 0.5), ("a", "z", 0.9), ("b", "x", 0.4), ("b", "y", 0.4),
        ("c", "x", 0.40), ("c", "y", 0.45), ("d", "x", 0.4),
    )  # fmt: skip
    made, manifest = run(tmp_path, "pairs", *files(tmp_path, rows), "--min_margin", "0.1")
    assert [(row["id"], row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in made] == [
        ("a", "z", "x")
    ]
    dropped = {name: count for name, count in manifest["dropped"].items() if count}
    assert dropped == {"tied": 1, "with a margin below 0.1": 1, "with fewer than two whole samples": 1}


def test_cut_and_empty_samples_are_left_out(tmp_path):
    rows = [
        *samples(("a", "cut", 0.9), ("b", "cut", 0.9), finish_reason="length"),
        *samples(("a", "whole", 0.5), ("a", "worse", 0.3), ("a", " ", 0.0), finish_reason="stop"),
    ]
    made, manifest = run(tmp_path, "bestof", *files(tmp_path, rows))
    assert [row["completion"][0]["content"] for row in made] == ["whole"]
    assert manifest["dropped"]["with empty or cut samples alone"] == 1
    assert manifest["samples"]["mean_best"] == 0.5, "of the rows that are written, not of the cut sample"


def test_the_means_of_pairs_are_those_of_both_responses(tmp_path):
    rows = [*samples(("a", "cut", 0.9), finish_reason="length"), *samples(("a", "y", 0.5), ("a", "z", 0.1))]
    _, manifest = run(tmp_path, "pairs", *files(tmp_path, rows))
    assert manifest["samples"] == {"mean_score": 0.5, "mean_best": 0.5, "mean_worst": 0.1}


def test_samples_without_a_score_are_counted_with_the_reason(tmp_path, caplog):
    rows = samples(("a", "x", 0.2), ("a", "y", 0.5), ("a", "z", None), ("b", "x", None), ("b", "y", None))
    made, manifest = run(tmp_path, "bestof", *files(tmp_path, rows))
    assert [row["id"] for row in made] == ["a"]
    assert manifest["unscored_samples"] == {"`score` is null or not a number": 3}
    assert manifest["dropped"]["without a scored sample"] == 1
    assert "3 of 5 samples are left out: `score` is null or not a number" in caplog.text
    words = files(tmp_path, samples(("a", "x", None), ("a", "y", None)))
    with pytest.raises(UserError, match="Every `score` of the responses is null or not a number, and no reward"):
        run(tmp_path, "pairs", *words)


def test_a_file_with_one_response_per_prompt_leaves_nothing_to_choose_from(tmp_path):
    with pytest.raises(UserError, match=r"samples\.jsonl has one response per prompt"):
        run(tmp_path, "pairs", *files(tmp_path, samples(("a", "x", 0.2), ("b", "y", 0.5))))


@pytest.mark.parametrize("pool", [[{"id": "a", "prompt": "Say a."}], [{**POOL[0], "ref_output_gold": None}]])
def test_a_pool_without_references_has_no_pairs(tmp_path, pool):
    words = files(tmp_path, [{"id": "a", "response": "x"}, {"id": "a", "response": "the word"}], pool)
    with pytest.raises(UserError, match=r"reference"):
        run(tmp_path, "pairs", *words, "--metric", "bleu")


def test_only_the_first_samples_count_if_a_number_is_given(tmp_path):
    rows = samples(("a", "x", 0.2), ("a", "y", 0.5), ("a", "z", 0.9))
    made, _ = run(tmp_path, "bestof", *files(tmp_path, rows), "--num_samples", "2")
    assert made[0]["completion"][0]["content"] == "y"


def test_the_same_command_again_makes_nothing_and_another_one_is_refused(tmp_path, capsys):
    words = files(tmp_path, samples(("a", "x", 0.2), ("a", "y", 0.5)))
    run(tmp_path, "bestof", *words)
    command, rest = find_command(["data", "bestof", "--output_dir", str(tmp_path / "data"), *words, "--json"])
    capsys.readouterr()
    assert command(rest) == 0
    assert json.loads(capsys.readouterr().out)["reused"] is True
    words = files(tmp_path, samples(("a", "x", 0.2), ("a", "y", 0.6)))
    with pytest.raises(UserError, match="outputs_sha256"):
        run(tmp_path, "bestof", *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "does not say which samples"),
        (["--outputs", "OUTPUTS"], "no column `score`"),
        (["--outputs", "OUTPUTS", "--metric", "bleu", "--num_samples", "1"], "nothing to choose from"),
        (["--outputs", "OUTPUTS", "--metric", "bleu", "--min_margin", "-1"], "min_margin is -1"),
        (["--outputs", "OUTPUTS", "--metric", "bleu", "--min_margin", "2"], "None of 4 rows remains"),
        (["--model", "M"], "No reward is given"),
        (
            ["--model", "M", "--metric", "bleu", "--sample_temperature", "0"],
            "--sample_temperature is 0, so all samples of a prompt would be equal.",
        ),
    ],
)
def test_bad_input_is_two_lines(tmp_path, words, said):
    pool, outputs = files(tmp_path, [{"id": "a", "response": "x"}, {"id": "a", "response": "the word"}])[1::2]
    words = [outputs if word == "OUTPUTS" else word for word in words]
    with pytest.raises(UserError) as caught:
        run(tmp_path, "pairs", "--input_data_path", pool, *words)
    assert said in caught.value.what


def test_a_pool_without_references_is_refused(tmp_path):
    pool = [{"id": "a", "prompt": "Say a."}]
    with pytest.raises(UserError, match="has no references"):
        run(tmp_path, "pairs", *files(tmp_path, samples(("a", "x", 0.2), ("a", "y", 0.5)), pool))


TOPICS = ("rain in spring", "a green boat", "bread for six people", "old maps", "the night train", "two tall towers")


@pytest.fixture
def signal_data(tmp_path, tiny_model):
    """A `signal` data set of four samples per prompt."""
    pytest.importorskip("transformers")
    pool = [
        {"id": f"r{n}", "prompt": f"Tell me about {topic}.", "ref_output_gold": "so it is"}
        for n, topic in enumerate(TOPICS)
    ]
    words = ["data", "grpo", "--hf_dataset_path", str(write(tmp_path / "pool.jsonl", pool)), "--metric", "length"]
    words += ["--model", str(tiny_model), "--selection_mode", "signal", "--num_samples", "4", "--max_cut_share", "1"]
    words += ["--inference_max_new_tokens", "12", "--num_examples", "3", "--output_dir", str(tmp_path / "data")]
    command, rest = find_command([*words, "--output_dataset_name", "three"])
    assert command(rest) == 0
    return tmp_path / "data/data_grpo/three"


def test_the_cached_samples_of_a_signal_data_set_are_used_and_nothing_is_drawn(signal_data):
    source = find_source(SamplesConfig(str(signal_data)))
    scored = read_scored(source)
    assert (source.samples, source.sampling.max_new_tokens, source.sampling.temperature) == (4, 12, 0.9)
    assert (len(scored.rows), scored.metric, scored.generated_now) == (3, "length", 0)
    assert {len(samples) for samples in scored.rows} == {4}


@pytest.mark.slow
def test_trl_trains_a_step_on_pairs(tmp_path, tiny_model):
    trl = pytest.importorskip("trl")
    from datasets import load_from_disk
    from transformers import AutoModelForCausalLM, AutoTokenizer

    rows = samples(*((name, text, score) for name in "abcd" for text, score in (("yes it is", 0.9), ("no", 0.1))))
    run(tmp_path, "pairs", *files(tmp_path, rows))
    args = trl.DPOConfig(str(tmp_path / "run"), max_steps=1, per_device_train_batch_size=2, use_cpu=True, bf16=False,
                         report_to="none")  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    folder = tmp_path / "data/data_dpo/pool_pairs2"
    assert [row["chosen"][0]["content"] for row in read_dpo_rows(folder)] == ["yes it is"] * 4
    data = load_from_disk(str(folder))["train"]
    trainer = trl.DPOTrainer(model=model, args=args, train_dataset=data, processing_class=tokenizer)
    assert len(trainer.train_dataset) == 4
    assert trainer.train().training_loss == pytest.approx(0.6931, abs=1e-3)  # log 2: both policies are the same
