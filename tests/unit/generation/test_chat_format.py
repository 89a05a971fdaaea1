"""Base models get their family's template; answers end where the template ends a turn."""

import pytest

from bleuberi.errors import UserError
from bleuberi.generation.chat_format import end_of_turn_token, prompt_ids, stop_token_ids, with_chat_template
from tests.conftest import CHAT_TEMPLATE, make_tokenizer

pytest.importorskip("transformers")

TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
ANSWERED = [*TALK, {"role": "assistant", "content": " Hi. "}, {"role": "user", "content": "More?"}]

CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
LLAMA_PAPER = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
    "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
)
OLMO = ["<|endoftext|>", "|||PHONE_NUMBER|||"]


@pytest.fixture(scope="module")
def qwen():
    return with_chat_template(make_tokenizer(CHATML, "<|endoftext|>"))


def make_llama():
    tokenizer = make_tokenizer(LLAMA, "<|end_of_text|>")
    tokenizer.bos_token = "<|begin_of_text|>"
    return tokenizer


@pytest.fixture(scope="module")
def llama():
    return with_chat_template(make_llama())


@pytest.fixture(scope="module")
def olmo():
    return with_chat_template(make_tokenizer([*OLMO, *CHATML[1:]], "<|endoftext|>"))


def rendered(tokenizer, messages):
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def test_qwen_bases_get_chatml(qwen):
    assert rendered(qwen, TALK) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert end_of_turn_token(qwen) == "<|im_end|>"
    assert stop_token_ids(qwen) == sorted(qwen.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>"]))


def test_llama_bases_get_llama_3(llama):
    assert rendered(llama, ANSWERED) == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHello?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHi.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nMore?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert end_of_turn_token(llama) == "<|eot_id|>"
    # 128001 and 128009 of the real vocabulary; a model's own file may name more.
    assert stop_token_ids(llama, [2, 99]) == sorted({2, 99, *llama.convert_tokens_to_ids(LLAMA[1::3])})


def test_olmo_bases_get_the_tulu_format_though_they_know_chatmls_tokens(olmo):
    assert rendered(olmo, ANSWERED) == (
        "<|system|>\nBe brief.\n<|user|>\nHello?\n<|assistant|>\n Hi. <|endoftext|>\n<|user|>\nMore?\n<|assistant|>\n"
    )
    assert end_of_turn_token(olmo) == "<|endoftext|>"
    assert stop_token_ids(olmo) == [olmo.eos_token_id]


@pytest.mark.parametrize(("talk", "system"), [(TALK[1:], ""), (TALK, "Be brief.")])
def test_the_papers_prompts_of_a_llama_3_base(talk, system):
    llama = with_chat_template(make_llama(), "paper")
    asked = "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHello?<|eot_id|>"
    assert rendered(llama, talk) == f"{LLAMA_PAPER}{system}{asked}<|start_header_id|>assistant<|end_header_id|>\n\n"
    assert end_of_turn_token(llama) == "<|eot_id|>"
    assert prompt_ids(llama, talk).count(llama.bos_token_id) == 1
    answered = [*talk, {"role": "assistant", "content": " Hi. "}]
    assert llama.apply_chat_template(answered, tokenize=False).startswith(rendered(llama, talk))


def test_the_papers_prompts_of_a_qwen_base():
    qwen = with_chat_template(make_tokenizer(CHATML, "<|endoftext|>"), "paper")
    asked = "<|im_start|>user\nHello?<|im_end|>\n<|im_start|>assistant\n"
    own = "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
    assert rendered(qwen, TALK[1:]) == own + asked
    assert rendered(qwen, TALK) == "<|im_start|>system\nBe brief.<|im_end|>\n" + asked
    assert end_of_turn_token(qwen) == "<|im_end|>"


def test_the_papers_prompts_of_an_olmo_base_have_no_system_turn(olmo):
    paper = with_chat_template(make_tokenizer([*OLMO, *CHATML[1:]], "<|endoftext|>"), "paper")
    assert rendered(paper, TALK[1:]) == rendered(olmo, TALK[1:]) == "<|user|>\nHello?\n<|assistant|>\n"


def test_a_base_that_is_no_qwen_is_not_told_that_it_is_one(qwen):
    smol = with_chat_template(make_tokenizer([*CHATML, "<repo_name>"], "<|endoftext|>"), "paper")
    assert rendered(smol, TALK[1:]) == rendered(qwen, TALK[1:])


@pytest.mark.parametrize("family", ["qwen", "llama", "olmo"])
def test_special_tokens_of_a_prompt_are_single_ids_and_none_is_doubled(request, family):
    tokenizer = request.getfixturevalue(family)
    ids = prompt_ids(tokenizer, TALK)
    assert tokenizer.decode(ids) == rendered(tokenizer, TALK)
    if tokenizer.bos_token:
        assert ids.count(tokenizer.bos_token_id) == 1


def test_a_tokenizers_own_template_stays():
    own = "{% for m in messages %}[{{ m['content'] }}]<|eot|>{% endfor %}"
    tokenizer = make_tokenizer([*CHATML, "<|eot|>"], "<|endoftext|>", own)
    assert with_chat_template(tokenizer).chat_template == own
    assert end_of_turn_token(tokenizer) == "<|eot|>"


def test_the_callers_tokenizer_is_left_as_it_was():
    tokenizer = make_tokenizer(CHATML, "<|endoftext|>")
    assert with_chat_template(tokenizer).chat_template == CHAT_TEMPLATE
    assert tokenizer.chat_template is None


def test_a_template_that_ends_turns_with_plain_text_has_no_end_token():
    tokenizer = make_tokenizer(CHATML, "<|endoftext|>", "{% for m in messages %}{{ m['content'] }}\n\n{% endfor %}")
    assert end_of_turn_token(tokenizer) is None
    assert stop_token_ids(tokenizer) == [tokenizer.eos_token_id]


def test_an_unknown_family_gets_plain_roles_and_is_told(caplog):
    tokenizer = with_chat_template(make_tokenizer(["<|end|>"], "<|end|>"))
    assert "its family is unknown; using the Tulu format" in caplog.text
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes."}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == "<|user|>\nHi\n<|assistant|>\nYes.<|end|>"
    asked = tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True)
    assert asked == "<|user|>\nHi\n<|assistant|>\n"
    assert end_of_turn_token(tokenizer) == "<|end|>"


def test_an_unknown_family_without_an_end_token_is_told_what_to_do():
    with pytest.raises(UserError) as caught:
        with_chat_template(make_tokenizer(["<|end|>"], None))
    assert "has neither a chat template nor an end token" in caught.value.what
    assert "save a `chat_template.jinja`" in caught.value.cure


def test_a_tokenizer_without_any_end_is_refused():
    tokenizer = make_tokenizer(["<|end|>"], None, "{% for m in messages %}{{ m['content'] }}\n{% endfor %}")
    with pytest.raises(UserError, match=r"has no end token, so responses would never end\.\nSet `eos_token`"):
        stop_token_ids(tokenizer)
