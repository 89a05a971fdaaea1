"""Refusals are told from answers that only sound like one, by sentences written without knowledge of the patterns."""

import pytest

from bleuberi.data.refusals import is_refusal
from tests.unit.data.refusal_sentences import ANSWERS, REFUSALS


@pytest.mark.parametrize("language", REFUSALS)
def test_refusals_are_found(language):
    assert [sentence for sentence in REFUSALS[language] if not is_refusal(sentence)] == []


@pytest.mark.parametrize("language", ANSWERS)
def test_answers_are_not_taken_for_refusals(language):
    assert [sentence for sentence in ANSWERS[language] if is_refusal(sentence)] == []
