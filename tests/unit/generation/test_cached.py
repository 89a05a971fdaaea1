"""The output cache with a small real engine: nothing is asked twice, and a killed run goes on with the same bytes."""

import dataclasses
import logging

import pytest

from bleuberi.errors import UserError
from bleuberi.generation import cached_engine
from bleuberi.generation.base import Output, Sampling
from bleuberi.generation.cached import CachedEngine
from bleuberi.generation.model_identity import ModelIdentity, identify_model
from bleuberi.records import Conversation

IDENTITY = ModelIdentity("somewhere/parrot", "commit:1", "template")
SAMPLING = Sampling(max_new_tokens=5)


class KilledError(Exception):
    """The process ends here."""


class Parrot:
    """Repeats the question and says with which seed it was asked; gives out after some calls."""

    shard_rows = 4

    def __init__(self, calls_left=99):
        self.calls_left = calls_left
        self.asked = []

    def generate(self, conversations, sampling, seed, on_output):
        if self.calls_left == 0:
            raise KilledError
        self.calls_left -= 1
        self.asked += [row.messages[-1]["content"] for row in conversations]
        outputs = [Output(f"{row.messages[-1]['content']}! {seed}", "stop", 3) for row in conversations]
        for output in outputs:
            on_output(output)
        return outputs


def asking(*texts):
    return [Conversation(f"id{place}", [{"role": "user", "content": text}]) for place, text in enumerate(texts)]


TEN = asking(*"abcdefghij")


def cache(folder, parrot, identity=IDENTITY):
    return CachedEngine(identity, lambda: parrot, folder)


def refuse():
    raise AssertionError("the engine was loaded")


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_second_call_asks_nothing_and_loads_nothing(tmp_path):
    first = cache(tmp_path, Parrot())
    outputs = first.answer(TEN, SAMPLING)
    assert list(outputs) == [row.id for row in TEN]
    assert first.answered_now == 10
    second = CachedEngine(IDENTITY, refuse, tmp_path)
    assert second.answer(TEN, SAMPLING) == outputs
    assert second.answered_now == 0


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_killed_run_goes_on_and_leaves_the_same_bytes(tmp_path, calls):
    cache(tmp_path / "whole", Parrot()).answer(TEN, SAMPLING)
    with pytest.raises(KilledError):
        cache(tmp_path / "killed", Parrot(calls)).answer(TEN, SAMPLING)
    again = Parrot()
    cache(tmp_path / "killed", again).answer(TEN, SAMPLING)
    assert again.asked == list("abcdefghij")[4 * calls :]
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_a_question_that_stands_twice_is_asked_once(tmp_path):
    parrot = Parrot()
    outputs = cache(tmp_path, parrot).answer(asking(*"abacabadae"), SAMPLING)
    assert sorted(parrot.asked) == list("abcde")
    assert [out.text[0] for out in outputs.values()] == list("abacabadae")


def test_a_killed_run_with_repeated_questions_goes_on_with_the_same_bytes(tmp_path):
    twice = asking(*"abcaabdefagb")
    cache(tmp_path / "whole", Parrot()).answer(twice, SAMPLING)
    with pytest.raises(KilledError):
        cache(tmp_path / "killed", Parrot(1)).answer(twice, SAMPLING)
    cache(tmp_path / "killed", Parrot()).answer(twice, SAMPLING)
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_a_longer_pool_asks_only_what_is_new(tmp_path):
    cache(tmp_path, Parrot()).answer(TEN, SAMPLING)
    parrot = Parrot()
    cache(tmp_path, parrot).answer(asking(*"zyabcdefghijx"), SAMPLING)
    assert parrot.asked == list("zyx")


def test_a_damaged_shard_is_made_again_as_it_was(tmp_path, caplog):
    engine = cache(tmp_path, Parrot())
    engine.answer(TEN, SAMPLING)
    whole = files(tmp_path)
    shard = sorted(engine.folder(SAMPLING).glob("*.jsonl"))[1]
    shard.write_bytes(shard.read_bytes()[:-9])
    again = Parrot()
    with caplog.at_level(logging.WARNING):
        cache(tmp_path, again).answer(TEN, SAMPLING)
    assert 2 <= len(again.asked) <= 4
    assert "is damaged; it is renamed" in caplog.text
    assert {name: data for name, data in files(tmp_path).items() if not name.endswith(".damaged")} == whole


@pytest.mark.parametrize(
    ("identity", "sampling"),
    [
        (dataclasses.replace(IDENTITY, revision="commit:2"), SAMPLING),
        (dataclasses.replace(IDENTITY, chat_template_sha256="other"), SAMPLING),
        (dataclasses.replace(IDENTITY, model="elsewhere/parrot"), SAMPLING),
        (IDENTITY, dataclasses.replace(SAMPLING, max_new_tokens=6)),
        (IDENTITY, dataclasses.replace(SAMPLING, temperature=0.8)),
        (IDENTITY, dataclasses.replace(SAMPLING, seed=1)),
    ],
)
def test_another_model_template_or_sampling_never_reads_these_answers(tmp_path, identity, sampling):
    cache(tmp_path, Parrot()).answer(TEN, SAMPLING)
    parrot = Parrot()
    cache(tmp_path, parrot, identity).answer(TEN, sampling)
    assert len(parrot.asked) == 10


def test_a_shard_that_another_process_still_writes_is_left_alone(tmp_path):
    engine = cache(tmp_path, Parrot())
    engine.answer(TEN, SAMPLING)
    unfinished = engine.folder(SAMPLING) / ".0123456789abcdef.jsonl.abcdefgh.partial.jsonl"
    unfinished.write_text('{"key": "half')
    engine.answer(TEN, SAMPLING)
    assert unfinished.read_text() == '{"key": "half'
    assert not list(tmp_path.rglob("*.damaged"))


def test_turns_decide_the_key_and_ids_do_not(tmp_path):
    cache(tmp_path, Parrot()).answer([Conversation("x", [{"role": "user", "content": "ab"}])], SAMPLING)
    parrot = Parrot()
    same, other = (
        Conversation("y", [{"role": "user", "content": "ab"}]),
        Conversation("x", [{"role": "system", "content": "a"}, {"role": "user", "content": "ab"}]),
    )
    outputs = cache(tmp_path, parrot).answer([same, other], SAMPLING)
    assert len(parrot.asked) == 1
    assert outputs["y"].text.startswith("ab!")


def test_a_moved_model_folder_keeps_its_answers_and_a_changed_one_does_not(tiny_model, tmp_path):
    import shutil

    pytest.importorskip("transformers")
    moved = tmp_path / "moved"
    shutil.copytree(tiny_model, moved)
    key = identify_model(str(tiny_model)).key()
    assert identify_model(str(moved)).key() == key
    (moved / "model.safetensors").write_bytes((moved / "model.safetensors").read_bytes()[:-1] + b"\x01")
    assert identify_model(str(moved)).key() != key


def test_an_unknown_engine_is_told(tmp_path):
    with pytest.raises(UserError, match=r"Unknown engine 'jax'\.\nChoose one with --engine: auto; vllm "):
        cached_engine("some/model", "jax", tmp_path)
