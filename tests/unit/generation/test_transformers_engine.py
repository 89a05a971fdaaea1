"""The transformers engine on a tiny real model: batches change nothing, nor does what a model's files suggest."""

import json
import shutil

import pytest

from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine, load_engine, local_revision
from bleuberi.generation.base import Sampling
from bleuberi.generation.model_identity import load_tokenizer
from bleuberi.generation.transformers_engine import TransformersEngine
from bleuberi.records import Conversation

pytest.importorskip("torch")

PROMPTS = ["Hi", "Explain rain to a child in two sentences.", "List three fruits.", "Why?"]
PROMPTS += ["Write " + "a very " * count + "short poem." for count in range(1, 8)]
CONVERSATIONS = [Conversation(str(place), [{"role": "user", "content": text}]) for place, text in enumerate(PROMPTS)]
GREEDY = Sampling(max_new_tokens=12, temperature=0.0)


def answers(engine, sampling, seed=7, conversations=CONVERSATIONS):
    seen = []
    outputs = engine.generate(conversations, sampling, seed, seen.append)
    assert sorted(seen) == sorted(outputs), "progress is told of each answer once"
    return outputs


@pytest.fixture(scope="module")
def engine(tiny_model):
    return TransformersEngine(str(tiny_model), batch_rows=8)


def test_batches_change_nothing(engine, tiny_model):
    alone = TransformersEngine(str(tiny_model), batch_rows=1)
    together = answers(engine, GREEDY)
    assert together == answers(alone, GREEDY)
    assert [answers(alone, GREEDY, 1, [row])[0] for row in CONVERSATIONS] == together
    assert len({out.text for out in together}) > 1


def test_a_seed_gives_the_same_texts_again(engine):
    drawn = Sampling(max_new_tokens=12)
    assert answers(engine, drawn) == answers(engine, drawn)
    assert answers(engine, drawn) != answers(engine, drawn, seed=8)


def test_what_a_models_files_suggest_does_not_enter(engine, tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "model")
    suggestion = {"top_k": 1, "repetition_penalty": 9.0, "temperature": 0.01, "min_p": 0.9, "do_sample": True}
    path = tmp_path / "model/generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **suggestion}))
    suggested = TransformersEngine(str(tmp_path / "model"), batch_rows=8)
    for sampling in (Sampling(max_new_tokens=12, temperature=1.0, top_p=1.0), GREEDY):
        assert answers(suggested, sampling) == answers(engine, sampling)


def test_transformers_own_default_of_50_tokens_does_not_enter(engine):
    # At a very high temperature a limit of 50 tokens could show no more than 50 different first tokens.
    hot = Sampling(max_new_tokens=1, temperature=1000.0, top_p=1.0)
    row = [Conversation("a", [{"role": "user", "content": "Hi"}])] * 64
    texts = {out.text for seed in range(4) for out in answers(engine, hot, seed, row)}
    assert len(texts) > 60


def test_top_p_and_top_k_are_in_force(engine):
    row = [Conversation("a", [{"role": "user", "content": "Hi"}])] * 64
    greedy = answers(engine, Sampling(max_new_tokens=1, temperature=0.0), 1, row[:1])[0].text
    for sampling in (
        Sampling(max_new_tokens=1, temperature=5.0, top_p=1.0, top_k=1),
        Sampling(max_new_tokens=1, temperature=5.0, top_p=0.0001),
    ):
        assert {out.text for out in answers(engine, sampling, 3, row)} == {greedy}


def test_answers_say_why_they_ended(engine):
    outputs = answers(engine, Sampling(max_new_tokens=40, temperature=1.5, top_p=1.0), 3, CONVERSATIONS * 8)
    assert {out.finish_reason for out in outputs} == {"length", "stop"}
    assert all(out.tokens == 40 for out in outputs if out.finish_reason == "length")
    assert all(1 <= out.tokens <= 40 for out in outputs if out.finish_reason == "stop")
    assert not any("<|im_end|>" in out.text for out in outputs)


def test_a_prompt_too_long_for_the_model_is_not_answered(engine):
    # 512 positions; rendered around its text, a prompt has a few tokens more.
    long = Conversation("long", [{"role": "user", "content": "word " * 700}])
    outputs = answers(engine, GREEDY, 1, [CONVERSATIONS[0], long, CONVERSATIONS[1]])
    assert [out.finish_reason == "prompt_too_long" for out in outputs] == [False, True, False]
    assert outputs[1][:3] == ("", "prompt_too_long", 0)
    assert [outputs[0], outputs[2]] == answers(engine, GREEDY, 1, CONVERSATIONS[:2])


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"version https://git-lfs"), "could not be loaded"),
        (lambda folder: (folder / "model.safetensors").unlink(), "does not contain a model"),
        (lambda folder: (folder / "config.json").unlink(), "does not contain a model"),
        (lambda folder: (folder / "config.json").write_text("{"), "could not be loaded"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "unheard-of"}'), "could not be loaded"),
    ],
)
def test_a_damaged_model_folder_is_told_in_two_lines(tiny_model, tmp_path, damage, what):
    shutil.copytree(tiny_model, tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(UserError, match=what):
        TransformersEngine(str(tmp_path / "model"))


@pytest.mark.parametrize("name", ["no/such/model/anywhere", "./nothing", "nobody/no-such-model"])
def test_a_model_that_is_nowhere(name):
    with pytest.raises(UserError) as caught:
        load_tokenizer(name)
    assert name in caught.value.what
    assert "--model" in caught.value.cure


def test_half_precision_is_a_setting_with_a_cache_of_its_own(tiny_model, tmp_path):
    plain, half = EngineOptions(), EngineOptions(engine_args={"dtype": "bfloat16"})
    names = [cached_engine(str(tiny_model), "transformers", tmp_path, options).identity for options in (plain, half)]
    assert names[0].key() != names[1].key()
    assert names[1].revision == names[0].revision + ";dtype=bfloat16"
    assert local_revision(str(tiny_model), "transformers", half) == names[1].revision
    engine = load_engine(str(tiny_model), "transformers", half)
    assert {str(weight.dtype) for weight in engine._model.parameters()} == {"torch.bfloat16"}


def test_a_dtype_that_no_model_has_is_refused(tiny_model):
    with pytest.raises(UserError, match="Unknown dtype 'int3'"):
        load_engine(str(tiny_model), "transformers", EngineOptions(engine_args={"dtype": "int3"}))
