"""Our sampling in vLLM's words, and the words for why vLLM cannot run here."""

import importlib.util

import pytest

from bleuberi.errors import UserError
from bleuberi.generation.base import Sampling
from bleuberi.generation.vllm_engine import VllmEngine, sampling_kwargs, vllm_obstacle

HAS_VLLM = importlib.util.find_spec("vllm") is not None


def test_sampling_means_the_same_as_in_transformers():
    assert sampling_kwargs(Sampling(), [3, 5], 11) == {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 0,
        "repetition_penalty": 1.0,
        "max_tokens": 512,
        "stop_token_ids": [3, 5],
        "seed": 11,
        "detokenize": False,
    }


def test_greedy_has_no_limits():
    made = sampling_kwargs(Sampling(temperature=0.0, top_p=0.5, top_k=7, max_new_tokens=3), [], 0)
    assert (made["temperature"], made["top_p"], made["top_k"], made["max_tokens"]) == (0.0, 1.0, 0, 3)


def test_vllm_takes_these_words():
    vllm = pytest.importorskip("vllm")
    vllm.SamplingParams(**sampling_kwargs(Sampling(), [3], 2**32 + 5))


@pytest.mark.skipif(HAS_VLLM, reason="vLLM is installed here")
def test_without_vllm_the_install_line_is_told(tiny_model):
    assert vllm_obstacle() == "vLLM is not installed"
    with pytest.raises(UserError, match=r'pip install "bleuberi\[vllm\]"'):
        VllmEngine(str(tiny_model))


@pytest.mark.parametrize(
    ("sampling", "signature"),
    [
        (Sampling(), "temp:0.7|top_p:0.9|top_k:0|max:512|seed:42"),
        (Sampling(temperature=0, seed=1, top_p=0.5), "greedy|max:512"),
    ],
)
def test_signatures_name_what_decides_the_texts(sampling, signature):
    assert sampling.signature() == signature
