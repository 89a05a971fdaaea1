"""Rows of the shapes that instruction files have are read for what they ask and answer."""

import json

import pytest

from bleuberi.data.layouts import Layout, complete, named_columns, read_instruction, read_instructions
from bleuberi.data.raw_row import RawRow
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
A = {"role": "assistant", "content": "A"}
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
    "roles of other tools": (
        {"conversations": [{"from": "Human", "value": "Q"}, {"from": "GPT", "value": "A"}]},
        [("user", "Q")], {"gold": "A"},
    ),
    "roles in capitals": (
        {"messages": [{"role": "USER", "content": "Q"}, {"role": "Assistant", "content": "A"}]},
        [("user", "Q")], {"gold": "A"},
    ),
    "columns in capitals": ({"Instruction": "Q", "Response": "A"}, [("user", "Q")], {"gold": "A"}),
    "one message as prompt": ({"prompt": ASK[0], "response": A}, [("user", "Q")], {"gold": "A"}),
    "TRL's preference": (
        {"prompt": ASK, "chosen": [A], "rejected": []}, [("user", "Q")], {"gold": "A"},
    ),
    "LLaMA-Factory's preference": (
        {"conversations": [{"from": "human", "value": "Q"}], "chosen": {"from": "gpt", "value": "A"}},
        [("user", "Q")], {"gold": "A"},
    ),
    "HH": (
        {"chosen": "\n\nHuman: Q1\n\nAssistant: A1\n\nHuman: Q2\n\nAssistant: A2", "rejected": "x"},
        [("user", "Q1"), ("assistant", "A1"), ("user", "Q2")], {"gold": "A2"},
    ),
    "LIMA": (
        {"conversations": ["Q1", "A1", "Q2", "A2"]},
        [("user", "Q1"), ("assistant", "A1"), ("user", "Q2")], {"gold": "A2"},
    ),
    "turns as JSON text": (
        {"messages": json.dumps([*ASK, {"role": "assistant", "content": "A"}])}, [("user", "Q")], {"gold": "A"},
    ),
    "verl": (
        {"data_source": "d", "prompt": ASK, "reward_model": {"style": "rule", "ground_truth": "7"}, "extra_info": {}},
        [("user", "Q")], {"gold": "7"},
    ),
    "SQuAD": (
        {"context": "C", "question": "Q", "answers": {"text": ["A", "A", "B"], "answer_start": [1, 1, 2]}},
        [("user", "Q\n\nC")], {"gold": "A", "gold_2": "B"},
    ),
    "history": (
        {"instruction": "Q2", "input": "", "output": "A2", "history": [["Q1", "A1"]]},
        [("user", "Q1"), ("assistant", "A1"), ("user", "Q2")], {"gold": "A2"},
    ),
    "a chat with a model": ({"model": "m/1", "conversation": [*ASK, A]}, [("user", "Q")], {"m/1": "A"}),
    "a chat with its answer beside it": ({"messages": ASK, "response": "A"}, [("user", "Q")], {"gold": "A"}),
    "NaN": (
        {"instruction": "Q", "input": float("nan"), "output": float("nan"), "id": float("nan")}, [("user", "Q")], {},
    ),
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


@pytest.mark.parametrize(("given", "kept"), [(3.0, "3"), (7, "7"), ("x", "x"), (2.5, "2.5"), (True, None), (" ", None)])
def test_ids(given, kept):
    assert read({"id": given, "prompt": "Q"}).id == kept


def test_tool_calls_are_left_out_and_said():
    calls = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "7"},
    ]
    found = read({"messages": calls})
    assert (found.turns, found.left_out) == ((), "with tool calls, which no text shows")


def test_a_tree_is_every_way_through_it():
    def message(role, text, *replies, **more):
        return {"role": role, "text": text, "replies": list(replies), **more}

    root = message(
        "prompter", "Q1", message("assistant", "B", rank=1),
        message(
            "assistant", "A", message("prompter", "Q2", message("assistant", "C"), message("prompter", "?")), rank=0,
        ),
        message("assistant", "D", deleted=True),
    )  # fmt: skip
    raw = RawRow("t", {"message_tree_id": "1", "prompt": root})
    found = [one for one in read_instructions([raw], complete(Layout(), [raw])) if one.turns]
    assert [([turn["content"] for turn in one.turns], dict(one.answers)) for one in found] == [
        (["Q1"], {"gold": "A", "gold_2": "B"}), (["Q1", "A", "Q2"], {"gold": "C"}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"instruction": None, "output": None}, "no row has a text in instruction; its columns: instruction, output"),
        ({"parent_id": "1", "text": "x"}, "has no known column for prompts: parent_id, text"),
        ({"instruction": "Q", "history": [["a"]]}, "`history` has no pairs of question and answer: ['a']"),
    ],
)
def test_errors_name_what_is_wrong(row, what):
    with pytest.raises(UserError) as caught:
        read(row)
    assert what in caught.value.what


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


@pytest.mark.parametrize("turn", [{"role": "user"}, {"content": "x"}, {"role": "user", "content": [{"type": "image"}]}])
def test_a_turn_that_is_none_is_refused(turn):
    if turn == {"role": "user"}:
        assert read({"messages": [turn]}).turns == ({"role": "user", "content": ""},)
        return
    with pytest.raises(UserError, match="a turn without a role and a text"):
        read({"messages": [turn]})
