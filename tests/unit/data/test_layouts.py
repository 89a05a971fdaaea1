"""Rows of the shapes that instruction files have are read for what they ask and answer."""

import pytest

from bleuberi.data.layouts import Layout, complete, named_columns, read_instruction
from bleuberi.data.tables import RawRow
from bleuberi.errors import UserError

ASK = [{"role": "user", "content": "Q"}]
TALK = [
    {"from": "system", "value": "S"},
    {"from": "human", "value": "Q1"},
    {"from": "gpt", "value": "A1"},
    {"from": "human", "value": "Q2"},
    {"from": "gpt", "value": "A2"},
]
TALKED = [("system", "S"), ("user", "Q1"), ("assistant", "A1"), ("user", "Q2")]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "Q"}, "R"]}, {"role": "assistant", "content": "A"}]
SEVERAL = [{"model": "m1", "response": "A"}, {"model": "m2", "response": "B"}]


def read(values, layout=None):
    raw = RawRow("f.jsonl, line 1", values)
    return read_instruction(raw, complete(layout or Layout(), [raw]))


SHAPES = {  # a row, the turns that are asked, the answers
    "alpaca": ({"instruction": "Q", "input": "I", "output": "A"}, [("user", "Q\n\nI")], {"gold": "A"}),
    "alpaca, no input": ({"instruction": "Q", "input": "", "output": "A"}, [("user", "Q")], {"gold": "A"}),
    "alpaca, text": ({"instruction": "Q", "input": "", "output": "A", "text": "all"}, [("user", "Q")], {"gold": "A"}),
    "dolly": ({"instruction": "Q", "context": "C", "response": "A"}, [("user", "Q\n\nC")], {"gold": "A"}),
    "input and output": ({"input": "Q", "output": "A"}, [("user", "Q")], {"gold": "A"}),
    "question, context": ({"context": "C", "question": "Q", "answer": "A"}, [("user", "Q\n\nC")], {"gold": "A"}),
    "several answers": ({"question": "Q", "answers": ["A", "B"]}, [("user", "Q")], {"gold": "A", "gold_2": "B"}),
    "prompt, completion": ({"prompt": "Q", "completion": "A"}, [("user", "Q")], {"gold": "A"}),
    "turns, completion": (
        {"prompt": ASK, "completion": [{"role": "assistant", "content": "A"}]}, [("user", "Q")], {"gold": "A"},
    ),
    "system column": (
        {"system_prompt": "S", "question": "Q", "response": "A"}, [("system", "S"), ("user", "Q")], {"gold": "A"},
    ),
    "blank system": ({"system": " ", "prompt": "Q", "response": "A"}, [("user", "Q")], {"gold": "A"}),
    "sharegpt": ({"id": "x", "conversations": TALK}, TALKED, {"gold": "A2"}),
    "chat": ({"messages": [*ASK, {"role": "assistant", "content": "A"}]}, [("user", "Q")], {"gold": "A"}),
    "chat without an answer": ({"messages": ASK}, [("user", "Q")], {}),
    "chat in parts": ({"messages": PARTS}, [("user", "Q\nR")], {"gold": "A"}),
    "chat and references": (
        {"messages": [*ASK, {"role": "assistant", "content": "A"}], "ref_output_x": "X"},
        [("user", "Q")], {"x": "X", "gold": "A"},
    ),
    "preference": ({"prompt": "Q", "chosen": "A", "rejected": "B"}, [("user", "Q")], {"gold": "A"}),
    "preference in turns": (
        {"chosen": [*ASK, {"role": "assistant", "content": "A"}], "rejected": []}, [("user", "Q")], {"gold": "A"},
    ),
    "one model's answers": ({"instruction": "Q", "output": "A", "generator": "m"}, [("user", "Q")], {"m": "A"}),
    "many models' answers": ({"instruction": "Q", "completions": SEVERAL}, [("user", "Q")], {"m1": "A", "m2": "B"}),
    "a pool": ({"id": 3, "prompt": "Q", "ref_output_gold": "A", "ref_output_b": None}, [("user", "Q")], {"gold": "A"}),
    "a pool with a model": ({"prompt": "Q", "ref_output_gold": "A", "model": "m"}, [("user", "Q")], {"gold": "A"}),
    "a number as answer": ({"question": "Q", "answer": 4}, [("user", "Q")], {"gold": "4"}),
    "a blank answer": ({"question": "Q", "answer": " \n"}, [("user", "Q")], {}),
    "a blank prompt": ({"question": " ", "answer": "A"}, [], {"gold": "A"}),
    "only a system message": ({"messages": [{"role": "system", "content": "S"}]}, [], {}),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_common_shapes(shape):
    row, asked, answers = SHAPES[shape]
    found = read(row)
    assert [(turn["role"], turn["content"]) for turn in found.turns] == asked
    assert dict(found.answers) == answers


def test_named_columns_come_before_any_guess():
    row = {"id": "x", "instruction": "no", "output": "no", "Title": "T", "Body": "B", "R1": "A", "R2": None, "Key": 7}
    layout = Layout(prompt=("Title", "Body"), references=named_columns(["a=R1", "b=R2"]), id="Key")
    found = read(row, layout)
    assert found.turns == ({"role": "user", "content": "T\n\nB"},)
    assert (found.id, dict(found.answers)) == ("7", {"a": "A"})


def test_one_column_is_gold_and_several_keep_their_names():
    assert named_columns(["output"]) == (("gold", "output"),)
    assert named_columns(["a", "b=c"]) == (("a", "a"), ("b", "c"))


def test_the_sentence_says_what_was_taken_for_what():
    raw = RawRow("f", {"system": "S", "instruction": "Q", "input": "I", "output": "A", "generator": "m"})
    said = complete(Layout(), [raw]).sentence()
    assert said == "prompt from system + instruction + input; ref_output_<generator> from output"


@pytest.mark.parametrize(
    "turn", [{"role": "user"}, {"content": "x"}, "text", {"role": "user", "content": [{"type": "image"}]}]
)
def test_a_turn_that_is_none_is_refused(turn):
    if turn == {"role": "user"}:
        assert read({"messages": [turn]}).turns == ({"role": "user", "content": ""},)
        return
    with pytest.raises(UserError, match="a turn without a role and a text"):
        read({"messages": [turn]})
