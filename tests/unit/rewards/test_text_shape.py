"""Signs of degenerate text: loops and copies."""

import pytest

from bleuberi.rewards.text_shape import distinct_share, references_copied, repeated_share, shape_tokens, text_shapes

PROMPT = "Please tell me how a bicycle stays upright when it moves."


def test_a_loop_repeats_its_4_grams():
    assert repeated_share(shape_tokens("one two three four five six seven")) == 0.0
    assert repeated_share(shape_tokens("go on " * 20)) == pytest.approx(1 - 2 / 37)
    assert repeated_share(shape_tokens("too short")) == repeated_share([]) == 0.0


def test_a_copy_has_the_prompts_4_grams():
    (_, copy), (_, own), (_, half), (_, blank) = text_shapes(
        [PROMPT] * 4,
        [PROMPT.upper(), "It steers itself into the fall.", "Please tell me how it stays so stable", ""],
    )
    assert copy == 1.0
    assert own == blank == 0.0
    assert half == pytest.approx(1 / 5)


def test_each_response_is_compared_with_its_own_prompt():
    shapes = text_shapes(["a b c d e", "f g h i j", "f g h i j"], ["f g h i j", "f g h i j", "g h"])
    assert [copied for _, copied in shapes] == [0.0, 1.0, 1.0]


def test_completions_that_are_alike_have_few_distinct_4_grams():
    one, other = shape_tokens("one two three four five"), shape_tokens("six seven eight nine ten")
    assert distinct_share([one, other]) == 1.0
    assert distinct_share([one, one, one, other]) == pytest.approx(4 / 8)
    assert distinct_share([["too", "short"], []]) is None


def test_references_are_compared_with_their_prompt():
    copy, own = PROMPT, "It steers itself into the fall."
    shares = references_copied([PROMPT, PROMPT, PROMPT, "Say hello."], [[copy, own], [copy, own], [], [copy]])
    assert shares == [0.5, 0.5, None, 0.0]
