"""Keys and tokens are hidden wherever they could be kept or shown; what only looks like their names is not."""

import json
import logging

import pytest

from bleuberi import redaction
from bleuberi.artifacts import make_manifest
from bleuberi.cli.parser import run
from bleuberi.errors import UserError

SECRET = "Zx81-very-secret"


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    monkeypatch.setattr(redaction, "_GIVEN_NOW", set())


@pytest.mark.parametrize(
    "words",
    [
        ["--hub_token", SECRET],
        ["--hub-token", SECRET],
        [f"--hub_token={SECRET}"],
        ["--push_to_hub_token", SECRET],
        ["--engine_args", f"api_key={SECRET}"],
        ["--engine_args", "tensor_parallel_size=2", f"hf_token={SECRET}"],
        ["--base_url", f"https://me:{SECRET}@host/v1"],
        ["--base_url", f"https://host/v1?api_key={SECRET}&x=1"],
        ["--model", "hf_" + SECRET.replace("-", "0") * 2],
        ["--engine_args", f'hf_overrides={{"auth": {{"apiKey": "{SECRET}", "deep": ["{SECRET}"]}}}}'],
        ["--engine_args", f'load=[{{"x": {{"client_secret": "{SECRET}"}}}}]'],
        ["--engine_args", f"kwargs={{'token': '{SECRET}'}}"],  # as Python prints it, which is not JSON
        ["--model_init_kwargs", f'{{"token": "{SECRET}"}}'],
        ["--metric", f"rm:http://host/score?auth={SECRET}"],
        ["--metric", f"rm:http://host/score?x=1&code={SECRET}"],
        ["--metric", f"rm:http://host/score#token={SECRET}"],
        ["--metric", f"rm:http://host/score?X-Amz-Security-Token={SECRET}&X-Amz-Signature={SECRET}"],
        ["--metric", f"rm:host/score?subscription-key={SECRET}"],
        ["--metric", f"rm:http://host/score?%74oken={SECRET}"],
        ["--base_url", f"http://host/v1;jsessionid=1?sig={SECRET}"],
    ],
    ids=lambda words: words[0] + words[-1][:12],
)
def test_a_command_line_is_kept_without_its_secrets(words, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bleuberi", "data", "grpo", *words])
    kept = make_manifest("dataset", {})["command"]
    assert len(kept) == len(words) + 3
    assert "Zx81" not in json.dumps(kept)


@pytest.mark.parametrize(
    "words",
    [
        ["--inference_max_new_tokens", "512"],
        ["--api_key_env", "MY_KEY"],
        ["--eos_token", "<|im_end|>"],
        ["--pad_token=<pad>"],
        ["--model", "org/sk-small"],
        ["--base_url", "http://localhost:8000/v1?x=1"],
        ["--engine_args", 'hf_overrides={"rope_scaling": {"factor": 2.0}}', "dtype=bfloat16"],
        ["--engine_args", 'tokens={"eos_token": "</s>", "max_tokens": 5}'],
        ["--metric", "rm:http://host/score?model=m&mode=code"],
        ["--prompt", "What is the key? a&b=c"],
    ],
    ids=lambda words: words[0],
)
def test_other_words_stay(words):
    assert redaction.redact_words(words) == words


def test_fields_and_variables(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("SOME_API_KEY", "short")
    value = {"model_init_kwargs": {"token": "abc", "eos_token": "</s>"}, "note": [f"with {SECRET} inside", 3, None]}
    assert redaction.redact_value(value) == {
        "model_init_kwargs": {"token": "***", "eos_token": "</s>"}, "note": ["with *** inside", 3, None]
    }  # fmt: skip
    assert redaction.redact("a short word") == "a short word"
    assert redaction.redact("Authorization: Bearer abcdef0123456789") == "Authorization: Bearer ***"


@pytest.mark.parametrize(
    "word", [f"hf_token={SECRET}", f'x={{"a": [{{"apiKey": "{SECRET}"}}]}}', f"rm:http://h/?auth={SECRET}"]
)
def test_what_a_command_was_given_is_hidden_in_its_errors_and_its_log(capsys, word):
    def command(words):
        logging.getLogger("bleuberi.test").warning("the library got %s", SECRET)
        raise UserError(f"It refuses {SECRET}.", "Give another.")

    assert run(command, ["--engine_args", word]) == 2
    said = capsys.readouterr().err
    assert SECRET not in said
    assert "Error: It refuses ***." in said
    assert "the library got ***" in said


def test_a_key_in_the_name_of_a_secret_is_hidden_too():
    key = "sk-" + "a1B2" * 6
    assert redaction.redact_words([f"{key}..token=x"]) == [f"{redaction.HIDDEN}..token={redaction.HIDDEN}"]
