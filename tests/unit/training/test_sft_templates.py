"""The loss text over the chat templates that TRL carries: the response and one end token, behind the prompt asked."""

import re
from importlib.resources import files

import pytest

from bleuberi.errors import UserError
from bleuberi.generation.chat_format import end_of_turn_token, prompt_ids, refuse_unfit_template, with_template_kwargs
from bleuberi.training.sft_tokens import SftEncoder
from tests.conftest import make_tokenizer

pytest.importorskip("trl")

TEMPLATES = {
    path.name.removesuffix(".jinja"): path.read_text(encoding="utf-8")
    for path in sorted(files("trl").joinpath("chat_templates").iterdir(), key=lambda path: path.name)
    if path.name.endswith(".jinja")
}
NO_TEXT = {"idefics3", "idefics3_training", "llava_next", "llava_next_training", "smolvlm", "smolvlm_training"}
"""Templates of image models, which want a list of parts instead of a text."""
HEADERS = {"gptoss": "<|channel|>final<|message|>", "muse_glimmer": " to=user<|message|>"}
PROMPT = [{"role": "user", "content": "Say hello."}]
SPECIAL = re.compile(r"<\|[^|<>]+\|>|<｜[^｜<>]+｜>|<start_of_turn>|<end_of_turn>|<\|turn>|<turn\|>|\[gMASK\]|<sop>")


@pytest.fixture(scope="module")
def plain_tokenizer():
    """With every special token that a template writes, begin and end of text among them."""
    found = {token for template in TEMPLATES.values() for token in SPECIAL.findall(template)}
    return make_tokenizer(["<eos>", "<bos>", *sorted(found)], "<eos>", vocab_size=1200)


def tokenizer_with(plain_tokenizer, template):
    import copy

    tokenizer = copy.copy(plain_tokenizer)
    tokenizer.chat_template, tokenizer.bos_token, tokenizer.eos_token = template, "<bos>", "<eos>"
    refuse_unfit_template(tokenizer)
    end = end_of_turn_token(tokenizer)  # as `load_policy_tokenizer` does
    tokenizer.eos_token = end or "<eos>"
    return tokenizer


def parts(tokenizer, tokens):
    length = len(tokens.completion_mask) - sum(tokens.completion_mask)
    assert tokens.completion_mask == [0] * length + [1] * sum(tokens.completion_mask)
    return tokens.input_ids[:length], tokens.input_ids[length:]


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_loss_text_is_the_response_and_one_end_token(plain_tokenizer, name):
    if name in NO_TEXT:
        with pytest.raises(UserError):
            tokenizer_with(plain_tokenizer, TEMPLATES[name])
        return
    tokenizer = tokenizer_with(plain_tokenizer, TEMPLATES[name])
    encode = SftEncoder(tokenizer)
    asked, learnt = parts(tokenizer, encode(PROMPT, [{"role": "assistant", "content": "Hello, you!"}]))
    assert tokenizer.decode(learnt) == "Hello, you!" + tokenizer.eos_token
    assert learnt.count(tokenizer.eos_token_id) == 1
    prompt = prompt_ids(tokenizer, PROMPT)
    assert asked[: len(prompt)] == prompt, "trained behind another prompt than the one asked"
    added = tokenizer.decode(asked[len(prompt) :])
    if tokenizer.decode(prompt).endswith("<think>\n"):
        assert added.strip() == "</think>"
        assert encode.note.startswith("prompts end in an open thought")
    else:
        assert added == HEADERS.get(name.removesuffix("_training"), "")
        assert bool(encode.note) == (bool(added) or name.startswith(("glm4moe", "qwen3_training")) or name == "qwen3")


@pytest.mark.parametrize("name", [name for name in TEMPLATES if "enable_thinking" in TEMPLATES[name]])
def test_without_thinking_prompts_and_responses_meet(plain_tokenizer, name):
    tokenizer = with_template_kwargs(tokenizer_with(plain_tokenizer, TEMPLATES[name]), {"enable_thinking": False})
    encode = SftEncoder(tokenizer)
    asked, learnt = parts(tokenizer, encode(PROMPT, [{"role": "assistant", "content": "Hello, you!"}]))
    assert asked == prompt_ids(tokenizer, PROMPT)
    # GLM begins its responses with a line break.
    assert tokenizer.decode(learnt).lstrip("\n") == "Hello, you!" + tokenizer.eos_token
    assert encode.note == ""


@pytest.mark.parametrize("name", ["deepseek_r1_distill", "nemotron_3_nano", "qwen3_6"])
def test_a_response_that_brings_its_thought_continues_the_open_one(plain_tokenizer, name):
    tokenizer = tokenizer_with(plain_tokenizer, TEMPLATES[name])
    response = {"role": "assistant", "content": "<think>\nThey greet.\n</think>\n\nHello!"}
    asked, learnt = parts(tokenizer, SftEncoder(tokenizer)(PROMPT, [response]))
    assert asked == prompt_ids(tokenizer, PROMPT)
    assert tokenizer.decode(learnt) == "They greet.\n</think>\n\nHello!" + tokenizer.eos_token
