"""Warnings of an evaluation: training prompts that were asked, unlike members of a group, equal models, cut answers."""

import json

import pytest

from bleuberi.evaluation.models import Group
from bleuberi.evaluation.responses import ModelAnswers
from bleuberi.evaluation.warnings import answer_warnings, prompts_in, training_warnings
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Example, Tally
from tests.unit.evaluation.estimates import BLEU


def test_the_prompts_of_a_training_are_found(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = {
        "id": ["a_0"],
        "messages": [[{"role": "user", "content": " Why? "}, {"role": "assistant", "content": "So."}]],
    }
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)}).save_to_disk(str(tmp_path / "data"))
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"schema_version": 1, "kind": "model", "parents": {}, "config": {"dataset_path": str(tmp_path / "data")}}
        )
    )
    facts = {"base": None, "grpo": object(), "gone": object()}
    models = {"base": "org/base", "grpo": str(tmp_path), "gone": "org/gone"}
    asked = [Example("r", "s", [], prompt, "", []) for prompt in ("Why? ", "How?")]
    (said,) = training_warnings([], facts, models, asked)
    assert said.startswith("grpo was trained on 1 of the 2 prompts")
    assert not len(prompts_in(tmp_path))


def test_members_that_were_not_trained_alike_are_no_seeds(trained):
    groups = [Group("grpo", ("grpo@0", "grpo@1"))]
    facts = {"grpo@0": trained("a", [BLEU]).facts, "grpo@1": trained("b", [BLEU], steps=60).facts}
    models = {"grpo@0": "org/a", "grpo@1": "org/b"}
    assert training_warnings(groups, facts, models, []) == [
        "The members of grpo were not trained alike: they are no seeds of one training."
    ]


def test_what_is_said_of_answers():
    identities = {"a": ModelIdentity("org/m", "commit:1", ""), "b": ModelIdentity("org/m", "commit:1", "")}
    rows = [Example(str(number), "s", [], str(number), "", []) for number in range(40)]
    answers = ModelAnswers(rows, Tally(40, 40), {}, identities)
    said = answer_warnings(answers, {"a": "one", "b": "two"}, {"a": 0.05, "b": 0.5, "c": 0.1})
    assert len(said) == 3
    assert "different tokenizers (a against b)" in said[0]
    assert said[1].endswith("scores are those of cut answers: b 50%, c 10%.")
    assert said[2] == "a and b are the same model."
    assert answer_warnings(answers, {"a": "one", "b": None}, {"a": 0.0}) == said[2:]
