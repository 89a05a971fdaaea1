"""Names in generated file names: the method's short names, and nothing that a file system refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bleuberi.columns import MAX_LABEL_BYTES, model_short_name, pool_label, reference_label, safe_name


def test_reference_labels_use_the_methods_short_names():
    models = ["gold", "claude-3-7-sonnet@20250219", "deepseek-chat-v3", "gemini-2.5-pro-exp-03-25"]
    models += ["o4-mini-2025-04-16", "Llama-3.1-8B-Instruct", "My-Own_Model"]
    assert reference_label(models) == "7ref-gold-claude-deepseek-gemini-o4mini-llama-my-own_model"
    assert reference_label(["gold"]) == "1ref-gold"


@pytest.mark.parametrize(
    ("model", "name"),
    [("Qwen/Qwen2.5-7B", "Qwen2.5-7B"), ("/models/tiny/", "tiny"), ("tiny", "tiny"), ("a/b c", "b_c-47d8a4a8")],
)
def test_models_are_named_by_their_last_component(model, name):
    assert model_short_name(model) == name


@given(st.text(min_size=1), st.text(min_size=1))
def test_names_are_harmless_and_short(first, second):
    name = safe_name(first)
    assert name
    assert "/" not in name
    assert first == second or name != safe_name(second)
    assert not name.startswith(".")
    assert len(pool_label([name, safe_name(second)] * 3).encode()) <= MAX_LABEL_BYTES


def test_long_names_stay_apart():
    assert safe_name("x" * 300 + "a") != safe_name("x" * 300 + "b")


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "a_b",
        "a/b",
        "a\\b",
        "a\x00b",
        "../a_b",
        "..",
        ".a_b",
        "a_b-0123abcd",
        "a\ud800b",
        "é",
        "e\u0301",
        "x" * 300,
    ],
)
def test_no_two_names_collide(text):
    others = [
        "a:b",
        "a?b",
        "a__b",
        "_a_b",
        "unnamed",
        "...",
        "a_b-" + safe_name("a b")[-8:],
        safe_name("a b"),
        safe_name(".."),
    ]
    assert safe_name(text) not in [safe_name(other) for other in others if other != text]
    assert len(safe_name(text).encode()) <= 100
