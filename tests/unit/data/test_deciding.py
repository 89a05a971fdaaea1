"""A column that says which answers are good is read or refused: a rejected answer never becomes a reference."""

import json

import pytest

from bleuberi.cli.data_import import main as data_import
from bleuberi.data.import_pool import ImportConfig, import_pool
from bleuberi.data.layouts import Layout
from bleuberi.data.pool import read_pool
from bleuberi.errors import UserError

Q = {"prompt": "Q"}
ASK, GOOD, BAD = (
    {"role": role, "content": text} for role, text in (("user", "Q"), ("assistant", "good"), ("assistant", "bad"))
)


def imported(tmp_path, rows, layout=None):
    """Prompts and references of the pool that is made of these rows, and what was left out."""
    path, pool = tmp_path / "f.jsonl", tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = import_pool(ImportConfig((str(path),), pool, layout or Layout(), overwrite=True))
    found = [(row.prompt, sorted(row.reference_by_model.values())) for row in read_pool(str(pool), None).rows]
    return found, done.left_out


KTO = [{"completion": "good", "label": True}, {"completion": "bad", "label": False}]


def kto(*labels):
    return [{**Q, "completion": f"A{n}", "label": label} for n, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("labels", "row", "value"),
    [(("true", 1, "yes", "sort of"), 2, "1"), (("true", "False", "ok"), 3, "'ok'"),
     ((True, None, False, "yes"), 4, "'yes'"),
     ((0, 1), 1, "0"), (("good", "bad"), 1, "'good'"), ((1.0, 0.0), 1, "1.0"), ((True, []), 0, ""),
     ((True, [True]), 2, "[True]")],
)  # fmt: skip
def test_a_label_of_any_other_spelling_is_refused_with_its_row(tmp_path, labels, row, value):
    if not row:
        assert imported(tmp_path, kto(*labels))[0] == [("Q", ["A0"])]
        return
    with pytest.raises(UserError) as caught:
        imported(tmp_path, kto(*labels))
    assert caught.value.what.startswith(f"f.jsonl, line {row}: `label` is {value}, neither true nor false")
    assert len(str(caught.value).splitlines()) == 2
    assert not (tmp_path / "pool.jsonl").exists()


def test_labels_of_true_and_false_are_read_in_both_spellings(tmp_path):
    found, left_out = imported(tmp_path, kto("true", " FALSE ", True, False, None, ""))
    assert found == [("Q", ["A0", "A2"])]
    assert left_out == {"responses whose label is not true": 4}


def test_answers_that_were_named_are_all_taken(tmp_path, capsys):
    path = tmp_path / "f.jsonl"
    path.write_text("".join(json.dumps({**row, "rank": 1}) + "\n" for row in kto("odd", 1)))
    assert data_import([str(path), "--output", str(tmp_path / "p.jsonl"), "--references", "gold=completion"]) == 0
    assert "2 rows -> 1 instructions" in capsys.readouterr().out


@pytest.mark.parametrize("label", ["label", "kto_tag", "Label"])
def test_labels_of_chats(tmp_path, label):
    rows = [{"messages": [ASK, GOOD], label: True}, {"messages": [ASK, BAD], label: False}]
    assert imported(tmp_path, rows)[0] == [("Q", ["good"])]
    with pytest.raises(UserError, match=f"line 2: `{label}` is 'no'"):
        imported(tmp_path, [rows[0], {"messages": [ASK, BAD], label: "no"}])


@pytest.mark.parametrize(
    ("column", "value"),
    [("winner", "model_b"), ("winner_model_a", 0), ("rank", 2), ("ranking", [2, 1]), ("preference", "B"),
     ("preference_strength", -2), ("overall_preference", 0), ("preferred", "bad"), ("better_response_id", 1),
     ("is_preferred", False), ("accepted", "no"), ("Rank", "2nd")],
)  # fmt: skip
@pytest.mark.parametrize(
    "answer", [{**Q, "response": "bad"}, {"messages": [ASK, BAD]}, {**Q, "chosen": "A", "output": "bad"}]
)
def test_a_choice_that_is_not_read_is_refused_with_its_row(tmp_path, answer, column, value):
    with pytest.raises(UserError) as caught:
        imported(tmp_path, [answer, {**answer, column: None}, {**answer, column: value}])
    assert caught.value.what.startswith(f"f.jsonl, line 3: `{column}` is {value!r}, and which answer it chooses")


def test_a_choice_hurts_nothing_if_no_answer_is_read(tmp_path):
    rows = [{**Q, "response_a": "good", "response_b": "bad", "winner": "a"}]
    assert imported(tmp_path, rows)[0] == [("Q", [])]
    assert imported(tmp_path, [{**Q, "ref_output_gold": "good", "rank": 3}])[0] == [("Q", ["good"])]
    assert imported(tmp_path, [{"messages": [ASK], "label": "maths"}])[0] == [("Q", [])]


@pytest.mark.parametrize("field", [{"rank": 2}, {"selected": False}, {"label": "bad"}])
def test_choices_inside_a_list_of_answers(tmp_path, field):
    rows = [{**Q, "answers": [{"text": "good"}, {"text": "bad", **field}]}]
    (name,) = field
    with pytest.raises(UserError, match=rf"line 1: `answers\.{name}` is "):
        imported(tmp_path, rows)
    named = Layout(references=(("gold", "answers"),))
    assert imported(tmp_path, rows, named)[0] == [("Q", ["bad", "good"])]


@pytest.mark.parametrize("other", ["response", "output", "answer", "messages"])
def test_only_chosen_answers_beside_rejected_ones(tmp_path, other):
    """The other column may have the rejected answer, also in rows whose `chosen` is empty."""
    own = {other: [ASK, BAD] if other == "messages" else "bad"}
    rows = [
        {**Q, "chosen": "good", "rejected": "bad", **own},
        {"prompt": "R", "chosen": None, "rejected": "bad", **own},
    ]
    if other == "messages":
        rows[1]["messages"] = [{**ASK, "content": "R"}, BAD]
        del rows[0]["prompt"], rows[1]["prompt"]
    found, left_out = imported(tmp_path, rows)
    assert found == [("Q", ["good"]), ("R", [])]
    assert left_out == {"without a `chosen` response": 1}


def test_chosen_turns_beside_rejected_ones(tmp_path):
    rows = [{"messages": [ASK, BAD], "chosen": [ASK, GOOD], "rejected": [ASK, BAD]},
            {"messages": [{**ASK, "content": "R"}, BAD], "chosen": [], "rejected": [ASK, BAD]}]  # fmt: skip
    assert imported(tmp_path, rows)[0] == [("Q", ["good"]), ("R", [])]
    alone = [{"chosen": [ASK, GOOD], "rejected": None}, {"chosen": None, "rejected": [ASK, BAD]}]
    assert imported(tmp_path, alone) == ([("Q", ["good"])], {"without a prompt": 1})


@pytest.mark.parametrize("value", [True, 0, 1.0])
@pytest.mark.parametrize("more", [{}, {"rejected": "bad"}])
def test_a_chosen_number_is_not_an_answer(tmp_path, value, more):
    rows = [{**Q, "chosen": "good", **more}, {"prompt": "R", "chosen": value, **more}]
    with pytest.raises(UserError, match=r"line 2: `chosen` is .*, not a text"):
        imported(tmp_path, rows)


@pytest.mark.parametrize("column", ["preference_strength", "overall_preference", "margin"])
def test_a_strength_against_the_chosen_answer_is_refused(tmp_path, column):
    rows = [{**Q, "chosen": "good", "rejected": "bad", column: value} for value in (2, 0, None)]
    assert imported(tmp_path, rows)[0] == [("Q", ["good"])]
    with pytest.raises(UserError, match=f"line 4: `{column}` is -1, against `chosen`"):
        imported(tmp_path, [*rows, {**rows[0], column: -1}])


def test_a_rating_is_not_read_and_named(tmp_path, caplog):
    imported(tmp_path, [{**Q, "response": "A"}, {**Q, "response": "B", "score": 0.0}])
    assert "the column score is not read; if it rates the answers, remove the bad ones first" in caplog.text


@pytest.mark.parametrize(
    ("column", "value"), [("label", False), ("label", "yes"), ("label", 1), ("rank", 2), ("rejected", [ASK, GOOD])]
)
def test_a_chat_file_that_is_used_as_a_pool_has_no_undecided_answers(write_pool, column, value):
    rows = [{"id": "1", "messages": [ASK, GOOD], "label": True}, {"id": "2", "messages": [ASK, BAD], column: value}]
    path = str(write_pool(rows))
    with pytest.raises(UserError, match=f"line 2: `{column}` is"):
        read_pool(path, ["gold"])
    assert read_pool(path, ()).rows[1].prompt == "Q"
    good = read_pool(str(write_pool(rows[:1])), ["gold"])
    assert good.rows[0].reference_by_model == {"gold": "good"}


def tree(**fields):
    replies = [{"role": "assistant", "text": "bad", **fields}, {"role": "assistant", "text": "good", "rank": 0}]
    return [{"prompt": {"role": "prompter", "text": "Q", "replies": replies}}]


@pytest.mark.parametrize("fields", [{"rank": "second"}, {"rank": 1.5}, {"rank": -1}, {"rank": True}, {"deleted": 1},
                                    {"deleted": "gone"}])  # fmt: skip
def test_ranks_and_deletions_of_trees_that_cannot_be_read(tmp_path, fields):
    with pytest.raises(UserError, match=r"f\.jsonl, line 1: a message of the conversation tree has"):
        imported(tmp_path, tree(**fields))


def test_ranks_and_deletions_of_trees_are_read(tmp_path):
    pool = tmp_path / "pool.jsonl"
    imported(tmp_path, tree(rank="1.0"))
    assert read_pool(str(pool), None).rows[0].reference_by_model == {"gold": "good", "gold_2": "bad"}
    assert imported(tmp_path, tree(deleted="True"))[0] == [("Q", ["good"])]
