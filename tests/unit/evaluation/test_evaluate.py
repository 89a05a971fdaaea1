"""`bleuberi evaluate` as a whole, its models and its judge behind a real server on this machine."""

import json

import pytest

from bleuberi.evaluation.model_facts import training_facts
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.warnings import training_warnings
from tests.conftest import make_tokenizer, pool_rows
from tests.unit.evaluation.conftest import COUNT

MODELS = ["--models", "base=weak", "grpo@0=good-0", "grpo@1=good-1", "grpo@2=good-2"]


@pytest.fixture(scope="module")
def made(call, server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    assert call(folder, *MODELS, "--judge", "judge", "--judge_url", server.url) == 0
    content = json.loads((folder / "evaluation.json").read_text(), parse_constant=lambda word: pytest.fail(word))
    rows = [json.loads(line) for line in (folder / "answers.jsonl").open()]
    return folder, content, rows


def test_groups_are_means_over_their_seeds(made):
    _, content, rows = made
    assert [(group["name"], len(group["members"])) for group in content["groups"]] == [("base", 1), ("grpo", 3)]
    for metric in ("bleu", "rouge", "brevity_penalty", "precision_3", "words"):
        own = [row["scores"][f"grpo@{seed}"][metric] for row in rows for seed in range(3)]
        base = [row["scores"]["base"][metric] for row in rows]
        (found,) = content["comparisons"]
        assert found["difference"][metric]["value"] == pytest.approx(sum(own) / len(own) - sum(base) / len(base))
        assert found["difference"][metric]["low"] <= found["difference"][metric]["value"]
    bleu = found["difference"]["bleu"]
    assert "over prompts and runs (1 and 3)" in bleu["method"]
    # Twelve prompts have an interval and no verdict, so there is no p value and no smallest visible difference.
    assert (bleu["runs"], bleu["no_verdict"]) == ([1, 3], "few prompts")
    assert (bleu["p_value"], bleu["smallest_visible"]) == (None, None)
    assert content["groups"][1]["mean"]["bleu"]["n_clusters"] == COUNT


def test_every_number_has_its_signature_and_role(made):
    _, content, _ = made
    roles = {metric["name"]: metric["role"] for metric in content["metrics"]}
    assert list(roles)[:2] == ["bleu", "rouge"]
    assert roles["precision_4"] == "part"
    assert roles["words"] == "length"
    assert content["signatures"] == {metric["name"]: metric["signature"] for metric in content["metrics"]}
    assert content["config"]["sampling_signature"] == "greedy|max:32"


def test_controls_are_scored_like_models(made):
    _, content, rows = made
    controls = {control["name"]: control for control in content["controls"]}
    assert list(controls) == ["echo", "cut", "brief", "long", "placebo"]
    assert controls["cut"]["shortened"] == 1.0
    for row in rows:
        for name, cut in row["controls"]["cut"].items():
            assert len(cut["text"].split()) == row["words"][name]
            assert row["answers"]["base"].startswith(cut["text"])
        for name, echo in row["controls"]["echo"].items():
            assert len(echo["text"].split()) == min(row["words"][name], len(row["prompt"].split()))
            assert row["prompt"].endswith(echo["text"])
    for name in ("cut", "echo"):
        gains = [
            row["scores"][model]["bleu"] - row["controls"][name][model]["scores"]["bleu"]
            for row in rows
            for model in row["controls"][name]
        ]
        assert len(gains) == 3 * COUNT
        assert controls[name]["difference"]["bleu"]["value"] == pytest.approx(sum(gains) / len(gains))
    assert controls["cut"]["mean_words"] == controls["cut"]["mean"]["words"]["value"]
    assert controls["cut"]["mean_words"] == pytest.approx(content["groups"][1]["mean"]["words"]["value"])


def test_the_base_is_asked_again_to_be_brief_and_to_write_on_only_if_it_was_cut(made, server):
    _, content, rows = made
    brief, long = (one for one in content["controls"] if one["name"] in ("brief", "long"))
    assert brief["how"] == 'base asked with the further instruction "Answer in at most 3 words."'
    assert set(rows[0]["controls"]["brief"]) == {"base"}
    assert (long["computed"], long["mean"], long["difference"]) == (False, None, None)
    assert long["reason"] == "not needed, since 0% of the responses of base were cut at the limit"
    asked = [body["messages"][-1]["content"] for body in server.bodies]
    assert sum("Answer in at most 3 words." in text for text in asked) == COUNT


def test_the_judge_is_in_the_record_with_its_prompt_and_every_reply(made):
    folder, content, _ = made
    judge = content["judge"]
    assert judge["settings"]["model"] == "judge"
    assert judge["settings"]["sampling"]["temperature"] == 0.0
    assert "{answer_a}" in judge["prompt"]
    assert "judge|model:judge|greedy|max:1024|prompt:" in judge["signature"]
    (pair,) = judge["pairs"]
    assert pair["members"] == [["base", "grpo@0"], ["base", "grpo@1"], ["base", "grpo@2"]]
    assert (pair["counts"]["other"], pair["counts"]["tie"]) == (27, 9)
    assert pair["win_rate"]["value"] == pytest.approx((27 + 4.5) / 36)
    lines = [json.loads(line) for line in (folder / "judgments.jsonl").open()]
    assert len(lines) == 3 * COUNT
    assert lines[0]["replies"] == ["VERDICT: TIE", "VERDICT: TIE"]
    assert lines[0]["words"] == {"base": 11, "other": 1}


def test_the_same_command_asks_nobody_again(made, call, server):
    folder, content, _ = made
    asked = len(server.bodies)
    assert call(folder, *MODELS, "--judge", "judge", "--judge_url", server.url) == 0
    assert len(server.bodies) == asked
    again = json.loads((folder / "evaluation.json").read_text())
    changing = ("created", "command")
    assert {key: again[key] for key in again if key not in changing} == {
        key: content[key] for key in content if key not in changing
    }


def test_other_settings_do_not_replace_an_evaluation_unless_told_to(made, call, tmp_path, capsys):
    folder = tmp_path / "own"
    plain = ["--models", "base=weak", "grpo=good-0"]
    assert call(folder, *plain) == 0
    before = (folder / "evaluation.json").read_bytes()
    assert call(folder, *plain, "--metrics", "rouge") == 2
    assert "already exists with different settings (metrics: existing ['bleu', 'rouge', 'm" in capsys.readouterr().err
    assert (folder / "evaluation.json").read_bytes() == before
    assert call(folder, *plain, "--metrics", "rouge", "--overwrite") == 0
    assert [one["name"] for one in json.loads((folder / "evaluation.json").read_text())["metrics"]] == [
        "rouge",
        "words",
        "copied",
    ]


def test_one_run_gets_the_interval_of_a_stated_spread(call, tmp_path, capsys):
    assert call(tmp_path / "out", "--models", "base=weak", "grpo=good-0", "--run_spread", "0.1") == 0
    assert "One training run per side: another seed may reverse this. bleu: " in capsys.readouterr().out
    content = json.loads((tmp_path / "out/evaluation.json").read_text())
    found = content["comparisons"][0]["difference"]
    assert found["bleu"]["run_spread"] == 0.1
    assert found["bleu"]["high"] - found["bleu"]["low"] > 2 * 1.96 * 0.1
    assert found["rouge"]["run_spread"] is None
    assert content["config"]["run_spread"] == 0.1


def test_tables_and_sentences_are_printed_and_kept(made, call, server, capsys):
    folder, _, _ = made
    assert call(folder, *MODELS, "--judge", "judge", "--judge_url", server.url) == 0
    out = capsys.readouterr().out
    assert "grpo (3 seeds)" in out
    assert "against the control" in out
    assert "gain if references" in out
    assert "…" not in out
    assert "brevity penalty" in out
    assert "grpo : base" in out
    assert "27/0/9" in out
    markdown = (folder / "comparison.md").read_text()
    assert "Only 12 prompts" in markdown
    assert "judge|model:judge" in markdown
    assert "over prompts and runs (1 and 3)" in markdown


def test_a_row_that_cannot_be_scored_is_left_out_for_all_and_counted(call, tmp_path):
    rows = pool_rows(5)
    rows[0]["ref_output_gold"] = "<skipped>"  # not blank, but without a token
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert call(tmp_path / "out", "--models", "base=weak", "grpo=good-9", "--metrics", "bleu", prompts=pool) == 0
    content = json.loads((tmp_path / "out/evaluation.json").read_text())
    unscored = {metric["name"]: metric["unscored"] for metric in content["metrics"]}
    assert (unscored["bleu"], unscored["words"]) == (1, 0)
    assert content["groups"][0]["mean"]["bleu"]["n"] == 4
    first = json.loads((tmp_path / "out/answers.jsonl").read_text().splitlines()[0])
    assert first["scores"]["base"]["bleu"] is None


def test_different_tokenizers_are_told_apart(tiny_model, tmp_path):
    from bleuberi.evaluation.model_facts import tokenizer_hash

    make_tokenizer(["<s>", "</s>"], "</s>").save_pretrained(tmp_path)
    assert tokenizer_hash(str(tiny_model)) != tokenizer_hash(str(tmp_path))
    assert tokenizer_hash("org/model") is None


def test_with_reasoning_the_tags_are_asked_for_and_only_the_answers_are_compared(call, tmp_path):
    models = ["--models", "base=weak", "thinker=thinker"]
    assert call(tmp_path / "out", *models, "--reasoning", "--controls", "echo") == 0
    rows = [json.loads(line) for line in (tmp_path / "out" / "answers.jsonl").open()]
    assert all(row["scores"]["thinker"]["bleu"] == 1.0 for row in rows)
    assert all(row["answers"]["thinker"] == row["references"][0] for row in rows)
    assert all(row["words"]["thinker"] == 3 for row in rows)
    assert all(row["responses"]["thinker"].startswith("<think>Not") for row in rows)
    assert all(row["answers"]["base"] == row["responses"]["base"] for row in rows)  # it has no tags, so all counts
    # The same folder without the flag is another evaluation; there the thinker is not asked to think.
    assert call(tmp_path / "out", *models, "--controls", "echo") == 2
    assert call(tmp_path / "plain", *models, "--controls", "echo") == 0
    rows = [json.loads(line) for line in (tmp_path / "plain" / "answers.jsonl").open()]
    assert not any("responses" in row or "<think>" in row["answers"]["thinker"] for row in rows)


@pytest.mark.parametrize("whose", ["training", "data"])
def test_a_model_trained_to_reason_and_not_asked_to_is_reported(tmp_path, whose):
    model, data = tmp_path / "model", tmp_path / "data"
    for folder, config in ((model, {"dataset_path": str(data)}), (data, {})):
        folder.mkdir()
        config = {**config, "reasoning": (folder == model) == (whose == "training")}
        parents = {"data_sha256": "x", "reward_signatures": ["bleu|v:1"]}
        (folder / "manifest.json").write_text(
            json.dumps({"schema_version": 1, "kind": "model", "parents": parents, "config": config})
        )
    facts, models = {"grpo": training_facts(str(model))}, {"grpo": str(model)}
    (said,) = training_warnings([Group("grpo", ("grpo",))], facts, models, [])
    assert said == "grpo: trained with --reasoning, but not asked for tags here: add --reasoning."
    assert training_warnings([Group("grpo", ("grpo",))], facts, models, [], reasoning=True) == []
