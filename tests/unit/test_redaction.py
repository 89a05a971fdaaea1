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


def test_what_a_command_was_given_is_hidden_in_its_errors_and_its_log(capsys):
    def command(words):
        logging.getLogger("bleuberi.test").warning("the library got %s", SECRET)
        raise UserError(f"It refuses {SECRET}.", "Give another.")

    assert run(command, ["--engine_args", f"hf_token={SECRET}"]) == 2
    said = capsys.readouterr().err
    assert SECRET not in said
    assert "Error: It refuses ***." in said
    assert "the library got ***" in said


def test_a_key_in_the_name_of_a_secret_is_hidden_too():
    key = "sk-" + "a1B2" * 6
    assert redaction.redact_words([f"{key}..token=x"]) == [f"{redaction.HIDDEN}..token={redaction.HIDDEN}"]
