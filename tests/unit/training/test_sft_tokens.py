"""The loss sees the answer and its end token, nothing else: in our mask, and in what TRL's trainer hands the model."""

from pathlib import Path

import pytest

from bleuberi.errors import UserError
from bleuberi.generation.chat_format import prompt_ids, with_chat_template
from bleuberi.training.model_loading import load_policy_tokenizer
from bleuberi.training.sft import drop_filled_by_prompt
from bleuberi.training.sft_tokens import SftEncoder
from tests.conftest import make_tokenizer

pytest.importorskip("trl")

PROMPT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello?"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "And now?"},
]
SPECIAL = {
    "ChatML": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "Llama 3": ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "OLMo": ["<|endoftext|>", "|||PHONE_NUMBER|||"],
    "none known": ["<|endoftext|>"],
}
END = {"ChatML": "<|im_end|>", "Llama 3": "<|eot_id|>", "OLMo": "<|endoftext|>", "none known": "<|endoftext|>"}


@pytest.fixture(scope="module", params=SPECIAL)
def family(request, tmp_path_factory):
    """A base model's tokenizer as training loads it, and the token that has to end its turns."""
    tokenizer = make_tokenizer(SPECIAL[request.param], next(t for t in SPECIAL[request.param] if "end" in t))
    if request.param == "Llama 3":
        tokenizer.bos_token = "<|begin_of_text|>"
    folder = tmp_path_factory.mktemp("family")
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"not read")
    return load_policy_tokenizer(str(folder)), END[request.param]


def parts(tokenizer, tokens):
    """The masked-out beginning and the part in the loss, as texts; the mask may not go back to 0."""
    length = len(tokens.completion_mask) - sum(tokens.completion_mask)
    assert tokens.completion_mask == [0] * length + [1] * sum(tokens.completion_mask)
    assert len(tokens.input_ids) == len(tokens.completion_mask)
    return tokenizer.decode(tokens.input_ids[:length]), tokenizer.decode(tokens.input_ids[length:])


@pytest.mark.parametrize(
    "answer", ["Bye.", "1. One\n2. Two\n", "\n\nBye.", "\nBye.", "  two spaces", "<b>text</b>", "é 漢字 🙂"]
)
def test_the_mask_covers_the_answer_and_its_end_token(family, answer):
    tokenizer, end = family
    tokens = SftEncoder(tokenizer)(PROMPT, [{"role": "assistant", "content": answer}])
    asked, learnt = parts(tokenizer, tokens)
    # Llama 3's template strips what it is given.
    assert learnt == (answer.strip() if end == "<|eot_id|>" else answer) + end
    assert asked == tokenizer.apply_chat_template(PROMPT, tokenize=False, add_generation_prompt=True)
    assert tokens.input_ids[: len(prompt_ids(tokenizer, PROMPT))] == prompt_ids(tokenizer, PROMPT)


def test_base_models_learn_to_end_their_turn(family):
    tokenizer, end = family
    assert tokenizer.eos_token == end
    assert tokenizer.pad_token is not None
    if end != "<|endoftext|>":
        assert tokenizer.pad_token != end, "padding with the end token would take it out of the loss"


def test_an_end_token_inside_the_answer_does_not_end_the_loss():
    tokenizer = with_chat_template(make_tokenizer(SPECIAL["ChatML"], "<|im_end|>"))
    tokens = SftEncoder(tokenizer)(PROMPT, [{"role": "assistant", "content": "The token <|im_end|> ends."}])
    assert parts(tokenizer, tokens)[1] == "The token <|im_end|> ends.<|im_end|>"


def test_a_template_without_an_end_token_gets_one():
    plain = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    plain += "{% if add_generation_prompt %}assistant:{% endif %}"
    tokenizer = make_tokenizer(["<|end|>"], "<|end|>", plain)
    tokens = SftEncoder(tokenizer)(PROMPT[:2], [{"role": "assistant", "content": "Bye."}])
    assert parts(tokenizer, tokens) == ("system: Be brief.\nuser: Hello?\nassistant:", " Bye.<|end|>")


def test_a_template_that_changes_the_prompt_once_it_is_answered_trains_behind_the_prompt_that_is_asked():
    changing = "{% for m in messages %}{{ messages|length }}{{ m['content'] }}<|end|>{% endfor %}"
    tokenizer = make_tokenizer(["<|end|>"], "<|end|>", changing)
    tokens = SftEncoder(tokenizer)(PROMPT[1:2], [{"role": "assistant", "content": "Bye."}])
    assert parts(tokenizer, tokens) == ("1Hello?<|end|>", "Bye.<|end|>")


def test_pairs_whose_prompt_leaves_no_room_are_dropped_and_counted():
    tokenizer = with_chat_template(make_tokenizer(SPECIAL["ChatML"], "<|im_end|>"))
    answer = [{"role": "assistant", "content": "Bye."}]
    short, long = SftEncoder(tokenizer)(PROMPT[1:2], answer), SftEncoder(tokenizer)(PROMPT * 9 + PROMPT, answer)
    limit = len(short.input_ids)
    kept, tally = drop_filled_by_prompt([short, long], limit)
    assert kept == [short]
    assert tally.sentence() == f"kept 1 of 2 (1 prompts that fill all {limit} tokens)"
    assert drop_filled_by_prompt([short, long], None)[0] == [short, long]
    with pytest.raises(UserError, match=r"No pair is left: .*\nRaise --max_length\."):
        drop_filled_by_prompt([long], limit)


SMOLLM2 = Path("~/.cache/bleuberi/models/SmolLM2-135M-Instruct").expanduser()


@pytest.mark.skipif(not SMOLLM2.is_dir(), reason="make demo has not put SmolLM2 there")
def test_smollm2s_own_ids():
    tokenizer = load_policy_tokenizer(str(SMOLLM2))
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
    tokens = SftEncoder(tokenizer)(turns, [{"role": "assistant", "content": "Bye.\n"}])
    # <|im_start|>assistant\n is 1, 520, 9531, 198; the answer "Bye.\n" and <|im_end|>; no line break behind it.
    learnt = [token for token, mask in zip(tokens.input_ids, tokens.completion_mask, strict=True) if mask]
    assert tokens.input_ids[-len(learnt) - 4 : -len(learnt)] == [1, 520, 9531, 198]
    assert learnt == [*tokenizer("Bye.\n", add_special_tokens=False)["input_ids"], 2]
    assert tokenizer.eos_token_id == 2


def trls_batch(model, tokenizer, rows, folder):
    """What TRL's trainer would hand the model, and a model that hears it."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig, SFTTrainer

    settings = {"use_cpu": True, "bf16": False, "report_to": "none", "dataloader_pin_memory": False}
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(model),
        args=SFTConfig(str(folder), completion_only_loss=True, per_device_train_batch_size=len(rows), **settings),
        train_dataset=Dataset.from_list([row._asdict() for row in rows]),
        processing_class=tokenizer,
    )
    (batch,) = trainer.get_train_dataloader()
    return batch


@pytest.mark.parametrize("pad", ["<|endoftext|>", "<|im_end|>"])  # some models pad with the token that ends turns
def test_trls_own_batches_have_labels_on_the_answer_alone(tiny_model, tmp_path, pad):
    tokenizer = load_policy_tokenizer(str(tiny_model))
    tokenizer.pad_token = pad
    answers = ["Bye.", "A much longer answer, so that the other row is padded.\n"]
    rows = [SftEncoder(tokenizer)(PROMPT, [{"role": "assistant", "content": text}]) for text in answers]
    batch = trls_batch(tiny_model, tokenizer, rows, tmp_path)
    learnt = {tokenizer.decode(labels[labels != -100]) for labels in batch["labels"]}
    assert learnt == {text + "<|im_end|>" for text in answers}
    assert batch["labels"].shape == batch["input_ids"].shape
