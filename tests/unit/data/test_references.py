"""References stand gold first and then in the order of the flags; rows that lack one are dropped and counted."""

import pytest

from bleuberi.data.pool import read_pool
from bleuberi.data.references import check_reference_choice, join_references, order_references, shuffle_references
from bleuberi.errors import UserError
from bleuberi.records import Example, Message


@pytest.fixture
def pool_path(write_pool):
    return write_pool(
        [
            {"id": "all", "prompt": "P", "ref_output_gold": "G", "ref_output_x": "X", "ref_output_y": "Y"},
            {"id": "no_x", "prompt": "P", "ref_output_gold": "G", "ref_output_x": None, "ref_output_y": "Y"},
            {"id": "no_gold", "prompt": "P", "ref_output_gold": "", "ref_output_x": "X", "ref_output_y": "Y"},
            {"id": "no_y", "prompt": "P", "ref_output_gold": "G", "ref_output_x": "X", "ref_output_y": "  "},
        ]
    )


def joined(path, *models):
    return join_references(read_pool(str(path), models), models)


@pytest.mark.parametrize(
    ("asked", "ordered"),
    [
        (["y", "gold", "x"], ["gold", "y", "x"]),
        (["x", "y"], ["x", "y"]),
        (["x", "gold", "x", "gold"], ["gold", "x"]),
    ],
)
def test_gold_first_then_the_order_of_the_flags(asked, ordered):
    assert order_references(asked) == ordered


def test_rows_need_every_chosen_reference(pool_path):
    examples, tally = joined(pool_path, "y", "gold", "x")
    assert [(row.id, row.references) for row in examples] == [("all", ["G", "Y", "X"])]
    assert tally.sentence() == "kept 1 of 4 (1 without x, 1 without gold, 1 without y)"


def test_a_reference_that_was_not_chosen_may_lack(pool_path):
    examples, tally = joined(pool_path, "x")
    assert [row.id for row in examples] == ["all", "no_gold", "no_y"]
    assert [row.ground_truth for row in examples] == ["G", "X", "G"]
    assert tally.dropped == {"without x": 1}


def test_no_row_left(write_pool):
    path = write_pool([{"id": "a", "prompt": "P", "ref_output_gold": "G", "ref_output_x": None}])
    with pytest.raises(UserError) as caught:
        joined(path, "gold", "x")
    assert caught.value.what == (
        "No row of the pool pool has all of the references gold, x: kept 0 of 1 (1 without x)."
    )
    assert caught.value.cure == "Choose fewer reference models with --ref_models."


def test_all_takes_what_each_row_has(pool_path):
    examples, tally = join_references(read_pool(str(pool_path), ["all"]), ["all"], 2)
    assert [(row.id, row.references) for row in examples] == [
        ("all", ["G", "X", "Y"]), ("no_x", ["G", "Y"]), ("no_gold", ["X", "Y"]), ("no_y", ["G", "X"])
    ]  # fmt: skip
    assert tally.sentence() == "kept 4 of 4"
    examples, tally = join_references(read_pool(str(pool_path), ["all"]), ["all"], 3)
    assert [row.id for row in examples] == ["all"]
    assert tally.sentence() == "kept 1 of 4 (3 with fewer than 3 references)"


def test_a_number_of_the_chosen_is_enough(pool_path):
    examples, _ = join_references(read_pool(str(pool_path), ["y", "gold"]), ["y", "gold"], 1)
    assert [row.references for row in examples] == [["G", "Y"], ["G", "Y"], ["Y"], ["G"]]


@pytest.mark.parametrize(
    ("models", "least", "what"),
    [
        (["all", "gold"], None, "--ref_models has `all` together with other names."),
        (["gold"], 0, "--min_references is 0."),
        (["gold", "gold"], 2, "--min_references is 2, but only 1 reference models are chosen."),
    ],
)
def test_choices_that_cannot_be_met(models, least, what):
    with pytest.raises(UserError) as caught:
        check_reference_choice(models, least)
    assert caught.value.what == what


def test_no_row_has_so_many(pool_path):
    with pytest.raises(UserError, match="has 4 references of gold, x, y"):
        join_references(read_pool(str(pool_path), ["all"]), ["all"], 4)


def test_a_pool_without_references_is_told_apart(tmp_path):
    (tmp_path / "bare.jsonl").write_text('{"id": "1", "prompt": "Q"}\n')
    with pytest.raises(UserError, match="The pool bare has no references"):
        join_references(read_pool(str(tmp_path / "bare.jsonl"), None), ["all"])


def example(number, *references):
    turns = [Message(role="user", content=f"P{number}")]
    return Example(f"r{number}", "s", turns, f"P{number}", references[0], list(references))


@pytest.mark.parametrize("count", [2, 3, 7, 160])
def test_shuffled_references_move_as_whole_sets_and_nobody_keeps_a_text(count):
    before = [example(number, f"a{number}", f"b{number}") for number in range(count)]
    after = shuffle_references(before, 1)
    assert [(row.id, row.prompt, row.messages) for row in after] == [(r.id, r.prompt, r.messages) for r in before]
    assert sorted(row.references for row in after) == sorted(row.references for row in before)
    assert all(row.ground_truth == row.references[0] for row in after)
    assert not any(set(new.references) & set(old.references) for new, old in zip(after, before, strict=True))
    assert shuffle_references(before, 1) == after
    assert count < 7 or shuffle_references(before, 2) != after


@pytest.mark.parametrize("seed", range(40))
def test_rows_that_share_a_reference_do_not_get_it_from_each_other(seed):
    before = [example(number, f"own {number}", "shared" if number < 4 else f"b{number}") for number in range(8)]
    after = shuffle_references(before, seed)
    assert not any(set(new.references) & set(old.references) for new, old in zip(after, before, strict=True))


@pytest.mark.parametrize("shared", [1, 5])
def test_references_that_cannot_be_shuffled_are_refused(shared):
    before = [example(number, "the same") for number in range(shared)]
    with pytest.raises(UserError, match="cannot be shuffled: 'r"):
        shuffle_references([*before, *(example(9, "other") for _ in range(shared // 4))], 0)
