"""The same Sampling means the same in every engine: their own parameters, brought to one form, are equal."""

import pytest

from bleuberi.generation import openvino_engine
from bleuberi.generation.base import Sampling
from bleuberi.generation.openai_protocol import request_body
from bleuberi.generation.transformers_engine import TransformersEngine
from bleuberi.generation.vllm_engine import sampling_kwargs

CASES = [
    Sampling(),
    Sampling(max_new_tokens=7, temperature=0.0),
    Sampling(max_new_tokens=7, temperature=0.0, top_p=0.5, top_k=9),
    Sampling(temperature=1.0, top_p=1.0, seed=3),
    Sampling(temperature=1.3, top_p=0.2, top_k=40),
]
OFF = {"top_p": 1.0, "top_k": 0, "penalty": 1.0}


@pytest.fixture(scope="module")
def transformers_engine(tiny_model, tmp_path_factory):
    """With a model whose own file suggests other settings."""
    import json
    import shutil

    folder = tmp_path_factory.mktemp("opinionated") / "model"
    shutil.copytree(tiny_model, folder)
    suggested = {"do_sample": True, "top_k": 5, "top_p": 0.1, "temperature": 2.0, "repetition_penalty": 1.5}
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), **suggested}))
    return TransformersEngine(str(folder))


def of_transformers(engine, sampling):
    config = engine.generation_config(sampling)
    drawn = {"top_p": config.top_p, "top_k": config.top_k} if config.do_sample else {"top_p": 1.0, "top_k": 0}
    return {
        "temperature": config.temperature if config.do_sample else 0.0,
        **drawn,
        "penalty": config.repetition_penalty,
        "most_tokens": config.max_new_tokens,
    }


def of_vllm(sampling):
    kwargs = sampling_kwargs(sampling, [2], 5)
    return {
        "temperature": kwargs["temperature"],
        "top_p": kwargs["top_p"],
        "top_k": kwargs["top_k"],
        "penalty": kwargs["repetition_penalty"],
        "most_tokens": kwargs["max_tokens"],
    }


def of_openvino(sampling):
    kwargs = openvino_engine.sampling_kwargs(sampling, [2], 5)
    assert kwargs["do_sample"] == (sampling.temperature > 0)
    return {
        "temperature": kwargs.get("temperature", 0.0),
        "top_p": kwargs.get("top_p", 1.0),
        "top_k": kwargs.get("top_k", 0),
        "penalty": kwargs["repetition_penalty"],
        "most_tokens": kwargs["max_new_tokens"],
    }


def of_openai(sampling):
    body = request_body("m", [], sampling, 5)
    assert body["min_p"] == 0.0
    return {
        "temperature": body["temperature"],
        "top_p": body["top_p"],
        "top_k": body["top_k"],
        "penalty": body["repetition_penalty"],
        "most_tokens": body["max_tokens"],
    }


@pytest.mark.parametrize("sampling", CASES)
def test_effective_parameters_are_equal(transformers_engine, sampling):
    expected = {"temperature": sampling.temperature, "most_tokens": sampling.max_new_tokens, **OFF}
    if sampling.temperature > 0:
        expected |= {"top_p": sampling.top_p, "top_k": sampling.top_k}
    assert of_vllm(sampling) == expected
    assert of_openvino(sampling) == expected
    assert of_openai(sampling) == expected
    assert of_transformers(transformers_engine, sampling) == expected


def test_the_models_own_suggestions_do_not_change_a_text(transformers_engine, tiny_model):
    from bleuberi.records import Conversation, Message

    asked = [Conversation("a", [Message(role="user", content="Name a colour.")])]
    sampling = Sampling(max_new_tokens=12)
    plain = TransformersEngine(str(tiny_model)).generate(asked, sampling, 7, lambda output: None)
    assert transformers_engine.generate(asked, sampling, 7, lambda output: None) == plain
