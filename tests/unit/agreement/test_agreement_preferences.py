"""Reading preferences and choosing references: both forms, every way a row can be wrong, nothing dropped in silence."""

import pytest

from bleuberi.agreement.pairs import Votes, read_preferences
from bleuberi.agreement.references import choose_references, normalized_model, pool_references
from bleuberi.agreement.votes import annotator_agreement
from bleuberi.errors import UserError


def row(**changes):
    return {"prompt": "Say hi", "response_a": "Hi there", "response_b": "No", "winner": "model_a", **changes}


def only(rows, **options):
    pairs, _ = read_preferences(rows, **options)
    assert len(pairs) == 1
    return pairs[0]


@pytest.mark.parametrize(
    ("name", "winner"),
    [("model_a", "a"), ("B", "b"), ("tie", "tie"), ("tie (bothbad)", "tie"), (" Response_B ", "b"), ("gpt-x", "b")],
)
def test_winners_go_by_many_names_the_models_own_included(name, winner):
    assert only([row(winner=name, model_a="llama", model_b="gpt-x")]).winner == winner


@pytest.mark.parametrize("name", ["model_c", 1, 0, "1", "", True])
def test_unknown_winners_are_refused_with_row_and_names(name):
    with pytest.raises(UserError, match=r"Row 2 has an unknown winner") as caught:
        read_preferences([row(), row(winner=name)])
    assert "model_a" in caught.value.cure


def test_chosen_and_rejected_also_as_conversations():
    said = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "good"}]
    pair = only([{"chosen": said, "rejected": [*said[:1], {"role": "assistant", "content": "bad"}]}])
    assert (pair.prompt, pair.response_a, pair.response_b, pair.winner) == ("Q", "good", "bad", "a")


@pytest.mark.parametrize("column", ["instruction", "question", "input"])
def test_the_prompt_has_several_names(column):
    pair = only([{"system": "Be brief.", column: "Q", "chosen": "good", "rejected": "bad"}])
    assert (pair.prompt, pair.response_a, pair.response_b) == ("Q", "good", "bad")


def test_dropped_rows_are_counted_by_reason():
    rows = [row(), row(winner=None), row(response_a=None), row(prompt=" "), row(source="other")]
    for one in rows[:4]:
        one["source"] = "mine"
    pairs, tally = read_preferences(rows, sources=["mine"])
    assert len(pairs) == 1
    assert tally.rows_in == 5
    assert tally.dropped == {
        "without a winner": 1, "without one of the responses": 1, "without a prompt": 1, "of other sources": 1
    }  # fmt: skip


def test_missing_columns_are_named():
    with pytest.raises(UserError, match="has no columns response_b, winner"):
        read_preferences([{"prompt": "p", "response_a": "x"}])


def test_nothing_left_is_an_error_that_lists_the_sources():
    with pytest.raises(UserError) as caught:
        read_preferences([row(source="x")], sources=["y"])
    assert "x" in caught.value.cure


def test_votes_as_list_or_as_counts():
    assert only([row(votes=["model_a", None, "tie"])]).votes == Votes(a=1, tie=1)
    assert only([row(votes={"model_a": 2, "tie": 1})]).votes == Votes(a=2, tie=1)
    assert only([row(votes={"model_a": 2.0, "model_b": None})]).votes == Votes(a=2)
    assert only([row(votes=None)]).votes == Votes()


@pytest.mark.parametrize("votes", ["model_a", "2", 3, {"model_a": "2"}, {"model_a": 1.5}, {"model_a": -1}, {"a": True}])
def test_votes_that_are_none(votes):
    with pytest.raises(UserError, match="Row 1: "):
        read_preferences([row(votes=votes)])


def test_a_billion_votes_cost_nothing():
    found = annotator_agreement([only([row(votes={"model_a": 10**9, "model_b": 10**9 // 2})])])
    assert found.with_others[0] == pytest.approx(2 / 3)


ASKED = [{"role": "user", "content": "Q1"}, {"role": "assistant", "content": "A1"}, {"role": "user", "content": "Q2"}]


def said(text):
    return [*ASKED, {"role": "assistant", "content": text}]


FORMS = {
    "Chatbot Arena": {
        "question_id": "q", "model_a": "m", "model_b": "n", "winner": "model_a", "turn": 2,
        "conversation_a": said("good"), "conversation_b": said("bad"),
    },
    "Kaggle": {
        "id": 65089.0, "prompt": '["Q1", "Q2"]', "response_a": '["A1", "good"]', "response_b": '["B1", "bad"]',
        "winner_model_a": "1", "winner_model_b": "0", "winner_tie": "0",
    },
    "ShareGPT's roles": {
        "prompt": [{"from": "human", "value": "Q1"}, {"from": "gpt", "value": "A1"}, {"from": "human", "value": "Q2"}],
        "chosen": {"from": "gpt", "value": "good"}, "rejected": {"from": "gpt", "value": "bad"},
    },
    "HH": {
        "chosen": "\n\nHuman: Q1\n\nAssistant: A1\n\nHuman: Q2\n\nAssistant: good",
        "rejected": "\n\nHuman: Q1\n\nAssistant: A1\n\nHuman: Q2\n\nAssistant: bad",
    },
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_other_data_sets_are_joined_by_their_whole_conversation(form):
    pair = only([FORMS[form]])
    assert (pair.prompt, pair.response_a, pair.response_b, pair.winner) == ("Q2", "good", "bad", "a")
    other = [{"role": "user", "content": "Q0"}, *ASKED[1:]]
    pool = pool_references(
        [{"messages": other, "ref_output_x": "wrong"}, {"prompt": "Q2", "ref_output_x": "wrong too"},
         {"messages": ASKED, "ref_output_x": "right"}]
    )  # fmt: skip
    assert choose_references([pair], pool=pool)[1] == [["right"]]


def test_kaggle_rows_without_a_winner():
    flags = {"winner_model_a": 0, "winner_model_b": 0, "winner_tie": 1}
    plain = {"prompt": "p", "response_a": "x", "response_b": "y"}
    assert only([{**plain, **flags}]).winner == "tie"
    assert read_preferences([row(), {**plain, **flags, "winner_tie": 0}])[1].dropped == {"without a winner": 1}
    assert (
        only([{**plain, **flags, "winner_model_a": None, "winner_model_b": "0.0", "winner_tie": True}]).winner == "tie"
    )
    with pytest.raises(UserError, match="Row 2 has several winners: a, tie"):
        read_preferences([row(), {**plain, **flags, "winner_model_a": 1}])
    with pytest.raises(UserError, match="Row 2: winner_tie is 'yes', neither 0 nor 1"):
        read_preferences([row(), {**plain, **flags, "winner_tie": "yes"}])


def test_scores_made_elsewhere():
    assert only([row(rm_a=1, rm_b=None)], score_columns=["rm"]).scores == {"rm": (1.0, None)}
    chosen = {"prompt": "p", "chosen": "x", "rejected": "y", "rm_chosen": 2.0, "rm_rejected": -1}
    assert only([chosen], score_columns=["rm"]).scores == {"rm": (2.0, -1.0)}
    with pytest.raises(UserError, match="no column rm_a"):
        read_preferences([row()], score_columns=["rm"])
    with pytest.raises(UserError, match="not a number"):
        read_preferences([row(rm_a="high", rm_b=1)], score_columns=["rm"])


def test_references_in_the_order_asked_and_no_more_than_asked():
    pairs, _ = read_preferences([row(ref_output_x="X", ref_output_y="Y", ref_output_z="Z")])
    assert choose_references(pairs, max_references=2)[1] == [["X", "Y"]]
    assert choose_references(pairs, ref_models=["z", "x"])[1] == [["Z", "X"]]
    with pytest.raises(UserError, match="Available reference models: x, y, z"):
        choose_references(pairs, ref_models=["w"])


def test_pairs_without_references_are_dropped_and_counted():
    pairs, _ = read_preferences([row(ref_output_x="X"), row(ref_output_x=None), row(ref_output_x=" ")])
    kept, _, tally = choose_references(pairs)
    assert (len(kept), tally.dropped) == (1, {"without references": 2})
    with pytest.raises(UserError, match="None of the 1 pairs"):
        choose_references(read_preferences([row()])[0])


def test_a_response_and_its_model_are_no_reference_for_themselves():
    pairs, _ = read_preferences(
        [row(model_a="org/GPT-4_x", ref_output_copy="Hi there ", ref_output_other="Hello")
         | {"ref_output_gpt-4-x": "Good day"}]
    )  # fmt: skip
    assert choose_references(pairs)[1] == [["Hello"]]
    assert normalized_model("org/GPT-4_x") == normalized_model("gpt-4-x")


def test_pool_is_joined_by_prompt_and_may_hold_lists():
    pool = pool_references(
        [{"prompt": "Say hi ", "ref_output_gold": "Hey"}, {"prompt": "Say hi", "ref_output_gold": "later"},
         {"messages": [{"role": "user", "content": "Bye"}], "references": ["so long", ""]}]
    )  # fmt: skip
    assert pool == {"Say hi": {"gold": "Hey"}, "Bye": {"1": "so long"}}
    pairs, _ = read_preferences([row(ref_output_own="own"), row(prompt="unknown")])
    kept, references, tally = choose_references(pairs, pool=pool)
    assert (len(kept), references, tally.dropped) == (1, [["Hey"]], {"without references": 1})
