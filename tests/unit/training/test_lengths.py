"""Completions may be as long as the references need."""

import types

import pytest

from bleuberi.training.settings.lengths import fit_completions, fitting_length


def tokenizer(texts, add_special_tokens):
    assert not add_special_tokens
    return {"input_ids": [text.split() for text in texts]}


REFERENCES = ["a", "a b", "a b c", "a b c d e f g h i"]


@pytest.mark.parametrize(("share", "length"), [(0.01, 2), (0.25, 2), (0.5, 3), (0.75, 4), (0.76, 10), (1, 10)])
def test_that_share_of_the_references_fits_with_its_end_token(share, length):
    assert fitting_length(tokenizer, REFERENCES, share) == length


@pytest.mark.parametrize(("share", "given", "length"), [(0.0, 64, 64), (0.75, 64, 4), (1, 64, 10), (1, 6, 6)])
def test_the_limit_is_only_lowered(share, given, length):
    settings = types.SimpleNamespace(
        run=types.SimpleNamespace(fit_completions=share), args=types.SimpleNamespace(max_completion_length=given)
    )
    fit_completions(settings, tokenizer, [{"references": REFERENCES[:2]}, {"references": REFERENCES[2:]}])
    assert settings.args.max_completion_length == length
    fit_completions(settings, tokenizer, [{"references": []}])
    assert settings.args.max_completion_length == length
