"""Thoughts of reasoning models are found in their marks, and cut without touching texts about the marks."""

import pytest

from bleuberi.data.thoughts import has_thoughts, without_thoughts

ANSWER = "The cat is black."
THOUGHTS = (
    f"<think>Hm, black or white?</think>\n\n{ANSWER}",
    f"\n<think>\nHm.\n</think>{ANSWER}",
    f"<thinking>Hm.</thinking> {ANSWER}",
    f"[THINK]Hm.[/THINK]{ANSWER}",
    f"Hm, the opening mark was in the prompt.\n</think>\n{ANSWER}",
    f"<think>\n\n</think>\n\n{ANSWER}",
    f"<THINK>Hm.</THINK>{ANSWER}",
    f"<reasoning>Hm.</reasoning>\n<answer>{ANSWER}</answer>",
    f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
    f"<|begin_of_thought|>Hm.<|end_of_thought|>{ANSWER}",
)
OTHERS = (
    ANSWER,
    "",
    "Reasoning models write <think> and </think> around their thoughts.",
    "The closing mark is `</think>`.",
    "I think </b> is wrong here.",
    "<answer>42</answer>",
)


@pytest.mark.parametrize("text", THOUGHTS)
def test_thoughts_are_found_and_cut(text):
    assert has_thoughts(text)
    assert without_thoughts(text) == ANSWER


@pytest.mark.parametrize("text", OTHERS)
def test_other_texts_stay(text):
    assert not has_thoughts(text)
    assert without_thoughts(text) == text


def test_thoughts_that_never_end_leave_no_answer():
    assert has_thoughts("<think>Hm, hm, hm")
    assert without_thoughts("<think>Hm, hm, hm") == ""
