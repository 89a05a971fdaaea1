"""One draw a row gives the distribution that transformers samples from, and TRL trains with it."""

import types

import pytest

from bleuberi.training.cpu_rollout import OneDraw, _up_to_end, _warpers, cpu_rollout

torch = pytest.importorskip("torch")
pytest.importorskip("trl")


@pytest.mark.parametrize(
    "kept", [{}, {"top_k": 5}, {"top_p": 0.7}, {"min_p": 0.1}, {"top_k": 6, "top_p": 0.8}], ids=str
)
def test_draws_have_the_probabilities_that_generate_samples_from(kept):
    from scipy.stats import chisquare
    from transformers import LogitsProcessorList, TemperatureLogitsWarper

    torch.manual_seed(1)
    logits = torch.randn(1, 12) * 2
    logits[0, 3] = float("-inf")  # e.g. an end token before min_new_tokens
    args = types.SimpleNamespace(**{"top_k": 0, "top_p": 1.0, "min_p": None, **kept})
    expected = LogitsProcessorList([TemperatureLogitsWarper(0.9), *_warpers(args)])(None, logits).softmax(-1)[0]
    count = 200_000
    chosen = OneDraw(_warpers(args), 0.9)(None, logits.repeat(count, 1))
    assert int((chosen > float("-inf")).sum()) == count  # one candidate a row
    found = torch.bincount(chosen.argmax(-1), minlength=12)
    possible = expected > 0
    assert int(found[~possible].sum()) == 0
    wanted = (expected[possible] / expected[possible].sum()).double()
    assert chisquare(found[possible].numpy(), (wanted / wanted.sum() * count).numpy()).pvalue > 0.001


def test_unlikely_tokens_at_the_end_of_the_vocabulary_are_drawn(monkeypatch):
    """32-bit sums would lose a token of probability 1e-9 behind one that has nearly all."""
    logits = torch.tensor([[0.0, -20.7]])  # 1e-9
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, 1 - 5e-10, dtype=torch.float64))
    assert int(OneDraw([], 1.0)(None, logits).argmax()) == 1
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, 1 - 2e-9, dtype=torch.float64))
    assert int(OneDraw([], 1.0)(None, logits).argmax()) == 0
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.ones(shape, dtype=torch.float64))
    impossible = torch.tensor([[0.0, 0.0, float("-inf")]])
    assert int(OneDraw([], 1.0)(None, impossible).argmax()) == 1


def test_a_completion_ends_behind_its_first_end_token():
    assert _up_to_end([5, 2, 7, 2], {2}) == [5, 2]
    assert _up_to_end([5, 6], {2}) == [5, 6]


def arguments(**fields):
    plain = {
        "use_cpu": True, "use_vllm": False, "world_size": 1, "generation_kwargs": None, "cache_implementation": None,
        "deepspeed": None, "temperature": 0.9, "repetition_penalty": 1.0, "chat_template_kwargs": None,
        "use_transformers_continuous_batching": False,
    }  # fmt: skip
    return types.SimpleNamespace(**{**plain, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"use_vllm": True}, {"world_size": 2}, {"generation_kwargs": {"num_beams": 2}}, {"repetition_penalty": 1.1},
        {"temperature": 0.0}, {"cache_implementation": "static"}, {"deepspeed": "file.json"},
        {"chat_template_kwargs": {"a": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_trls_own_way_is_kept_where_ours_may_differ(fields):
    assert cpu_rollout(arguments()) is not None
    assert cpu_rollout(arguments(generation_kwargs={"min_new_tokens": 3})) is not None
    assert cpu_rollout(arguments(**fields)) is None
