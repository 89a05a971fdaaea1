"""What goes into GRPO: prompts as turns, none too long, and enough of them for a step."""

import types

import pytest

from bleuberi.errors import UserError
from bleuberi.generation.chat_format import prompt_ids, with_chat_template
from bleuberi.training.grpo import check_one_step, drop_long_prompts, name_end_tokens, to_trainer_row
from tests.conftest import make_tokenizer

pytest.importorskip("transformers")


def row(number, text):
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "gold"}]
    return {"id": f"r{number}", "messages": turns, "prompt": text, "references": ["gold"], "bleu_score": 0.1}


@pytest.fixture(scope="module")
def tokenizer():
    return with_chat_template(make_tokenizer(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|endoftext|>"))


def test_prompts_go_in_as_turns_without_the_answer():
    assert to_trainer_row(row(1, "Hi")) == {
        "prompt": [{"role": "user", "content": "Hi"}],
        "references": ["gold"],
        "example_id": "r1",
        "bleu_score": 0.1,  # reward functions may take any column
    }


def test_prompts_over_the_limit_are_dropped_and_counted(tokenizer):
    rows = [row(1, "Hi"), row(2, "word " * 50), row(3, "Hello")]
    limit = len(prompt_ids(tokenizer, rows[2]["messages"][:1]))
    kept, tally, longest = drop_long_prompts(rows, tokenizer, limit)
    assert ([entry["id"] for entry in kept], longest) == (["r1", "r3"], limit)
    assert tally.sentence() == f"kept 2 of 3 (1 prompts over {limit} tokens)"
    assert [entry["id"] for entry in drop_long_prompts(rows, tokenizer, limit - 1)[0]] == ["r1"]


def test_no_prompt_left(tokenizer):
    with pytest.raises(UserError, match=r"No row remains: kept 0 of 1 .*\nRaise --max_prompt_tokens\."):
        drop_long_prompts([row(1, "Hi")], tokenizer, 2)


def test_fewer_prompts_than_a_step_needs_are_refused():
    args = types.SimpleNamespace(generation_batch_size=16, num_generations=4)
    check_one_step([row(number, "Hi") for number in range(4)], args)
    with pytest.raises(UserError) as caught:
        check_one_step([row(number, "Hi") for number in range(3)], args)
    assert "has 3 usable prompts, fewer than the 4 drawn at once" in caught.value.what
    assert "lower --per_device_train_batch_size" in caught.value.cure


@pytest.mark.parametrize(
    ("use_vllm", "given", "told"),
    [
        (True, None, {"stop_token_ids": [0, 2]}),
        (True, {"min_tokens": 1}, {"stop_token_ids": [0, 2], "min_tokens": 1}),
        (True, {"stop_token_ids": [7]}, {"stop_token_ids": [7]}),  # what a user states holds
        (False, None, None),
    ],
)
def test_vllm_is_told_where_answers_end(use_vllm, given, told):
    args = types.SimpleNamespace(use_vllm=use_vllm, generation_kwargs=given)
    name_end_tokens(args, [0, 2])
    assert args.generation_kwargs == told
