"""Responses made elsewhere: texts stay texts in every kind of file, and rows are joined by id or prompt."""

import gzip
import json

import pytest

from bleuberi.data.made_responses import join_responses, read_responses, responses_to
from bleuberi.errors import UserError
from bleuberi.records import Example


def texts(path, model=None):
    return {row.id: row.text for row in read_responses(path, model)}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pool(*ids, prompts=(), messages=()):
    asked = [*prompts, *(f"What is {name}?" for name in ids[len(prompts) :])]
    talks = [*messages, *([{"role": "user", "content": prompt}] for prompt in asked[len(messages) :])]
    return [Example(name, "s", talk, prompt, "", []) for name, prompt, talk in zip(ids, asked, talks, strict=True)]


def joined(examples, rows, tmp_path):
    made = join_responses(examples, read_responses(write(tmp_path / "o.jsonl", rows)))
    return {row: [one.text for one in found] for row, found in made.by_id.items()}, made.unknown


def test_csv_cells_stay_texts(tmp_path):
    path = tmp_path / "outputs.csv"
    path.write_bytes(
        '\ufeffid,response\r\n1,None\r\n2,N/A\r\n3,""\r\n4,"two\nlines, and ""quotes"""\r\n5,1.0\r\n'.encode()
    )
    assert texts(path) == {
        "1": "None",
        "2": "N/A",
        "3": "",
        "4": 'two\nlines, and "quotes"',
        "5": "1.0",
    }


def test_csv_cells_may_be_very_long(tmp_path):
    (tmp_path / "outputs.csv").write_text("id,response\n1," + "x" * 300_000 + "\n")
    assert len(texts(tmp_path / "outputs.csv")["1"]) == 300_000


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": [1, 2], "response": ["None", None]}), tmp_path / "o.parquet")
    assert texts(tmp_path / "o.parquet") == {"1": "None"}


@pytest.mark.parametrize(
    "column", ["output", "response", "model_output", "generated_text", "text", "completion", "answer"]
)
def test_the_text_column_has_several_names(tmp_path, column):
    assert texts(write(tmp_path / "o.jsonl", [{"id": "a", column: "T"}])) == {"a": "T"}


def test_the_first_of_repeated_ids_counts(tmp_path):
    rows = [{"id": "a", "output": "first"}, {"id": "b", "output": "B"}, {"id": "a", "output": "second"}]
    made = join_responses(pool("a", "b"), read_responses(write(tmp_path / "o.jsonl", rows)))
    assert {row: found[0].text for row, found in made.by_id.items()} == {"a": "first", "b": "B"}
    assert made.repeated == 1


def test_only_the_named_models_rows_count(tmp_path):
    rows = [{"id": "a", "model": "x/one", "output": "1"}, {"id": "a", "model": "two", "output": "2"}]
    path = write(tmp_path / "o.jsonl", rows)
    assert texts(path, "x/one") == {"a": "1"}
    assert texts(path, "two") == {"a": "2"}
    assert texts(path, "some/where/two") == {"a": "2"}


@pytest.mark.parametrize(
    ("rows", "model", "what", "cure"),
    [
        (
            [{"id": "a"}],
            None,
            "o.jsonl, line 1 lacks a response; its columns are: id.",
            "Rename its column to `response`",
        ),
        ([{"output": "T"}], None, "o.jsonl, line 1 lacks `id` and `prompt`; its columns are: output.", "its `prompt`"),
        ([{"id": "a", "output": 3}], None, "o.jsonl, line 1: `output` holds no text: 3", "as a string"),
        (
            [{"id": "a", "model": name, "output": "T"} for name in ("one", "two")],
            None,
            "o.jsonl holds responses of 2 models: one, two.",
            "Say whose count with --model.",
        ),
        (
            [{"id": "a", "model": "one", "output": "T"}],
            "two",
            "o.jsonl has no responses of two. Models found: one.",
            "-",
        ),
    ],
)
def test_mistakes(tmp_path, rows, model, what, cure):
    with pytest.raises(UserError) as caught:
        read_responses(write(tmp_path / "o.jsonl", rows), model)
    assert what in caught.value.what
    assert cure in caught.value.cure


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"File .* does not exist\.\nCheck the path given with --outputs\."):
        read_responses(tmp_path / "none.jsonl")


def test_a_csv_that_is_no_text(tmp_path):
    (tmp_path / "o.csv").write_bytes(b"id,response\n1,\xff\xfe\n")
    with pytest.raises(UserError, match="is not a readable CSV file"):
        read_responses(tmp_path / "o.csv")


def test_a_chats_last_turn_is_the_response_and_its_question_the_prompt(tmp_path):
    talk = [("system", "S"), ("user", "Why?"), ("assistant", "So."), ("user", "How?"), ("assistant", "Thus.")]
    rows = [
        {"messages": [{"role": role, "content": text} for role, text in talk]},
        {"conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Me."}]},
        {"prompt": [{"role": "user", "content": "When?"}], "completion": [{"role": "assistant", "content": "Now."}]},
        {"id": "x", "messages": [{"role": "user", "content": "Unanswered?"}]},
    ]
    found = read_responses(write(tmp_path / "o.jsonl", rows))
    assert [(row.prompt, row.text) for row in found] == [("How?", "Thus."), ("Who?", "Me."), ("When?", "Now.")]


def test_rows_join_by_id_else_by_their_exact_prompt(tmp_path):
    rows = [
        {"id": "b", "response": "by id"},
        {"prompt": "What is a?", "response": "by prompt"},
        {"id": 7, "prompt": "What is c?", "response": "another id"},
        {"id": "b", "prompt": "<template>What is b?", "response": "second"},
        {"prompt": "what is a?", "response": "not exact"},
        {"id": "z", "response": "unknown"},
        {"id": "d", "response": None},
    ]
    found, unknown = joined(pool("a", "b", "c", "d"), rows, tmp_path)
    assert found == {"a": ["by prompt"], "b": ["by id", "second"], "c": ["another id"]}
    assert unknown == 2


def test_ids_that_are_numbered_otherwise_are_refused(tmp_path):
    rows = [{"id": "a", "prompt": "What is b?", "response": "B"}]
    with pytest.raises(UserError, match="line 1 has the id a, but the prompt of b"):
        joined(pool("a", "b"), rows, tmp_path)


def test_a_prompt_that_is_asked_twice_counts_twice_unless_its_talk_differs(tmp_path):
    rows = [{"prompt": "Go on.", "response": "R"}]
    assert joined(pool("a", "b", prompts=["Go on.", "Go on."]), rows, tmp_path) == ({"a": ["R"], "b": ["R"]}, 0)
    talks = [[{"role": "user", "content": text}, {"role": "user", "content": "Go on."}] for text in "xy"]
    assert joined(pool("a", "b", prompts=["Go on.", "Go on."], messages=talks), rows, tmp_path) == ({}, 1)


def test_whole_conversations_are_the_key(tmp_path):
    talks = [[{"role": "user", "content": text}, {"role": "user", "content": "Go on."}] for text in "xy"]
    examples = pool("a", "b", prompts=["Go on.", "Go on."], messages=talks)
    rows = [
        {"messages": [*talk, {"role": "assistant", "content": talk[0]["content"]}]} for talk in (*talks, [talks[0][1]])
    ]
    assert joined(examples, rows, tmp_path) == ({"a": ["x"], "b": ["y"]}, 1)
    system = [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}]
    asked = {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}
    assert joined(pool("a", prompts=["Q"], messages=[system]), [asked], tmp_path) == ({"a": ["A"]}, 0)


def test_outputs_of_other_tools(tmp_path):
    rows = [
        {"instruction": "What is a?", "output": "A", "generator": "m", "dataset": "d"},
        {"id": 2.0, "response": {"role": "model", "content": "B"}, "generator": "m"},
        {"id": float("nan"), "prompt": "What is c?", "response": "C", "generator": "m"},
        {"id": 4, "response": float("nan"), "generator": "m"},
    ]
    found, unknown = joined(pool("a", "2", "c", prompts=["What is a?", "What is 2?", "What is c?"]), rows, tmp_path)
    assert (found, unknown) == ({"a": ["A"], "2": ["B"], "c": ["C"]}, 0)
    with pytest.raises(UserError, match=r"has no responses of x\. Models found: m"):
        read_responses(tmp_path / "o.jsonl", "x")


def test_a_packed_csv(tmp_path):
    (tmp_path / "o.csv.gz").write_bytes(gzip.compress(b'id,response\r\n1,"two\nlines"\r\n'))
    assert texts(tmp_path / "o.csv.gz") == {"1": "two\nlines"}
    (tmp_path / "o.csv.gz").write_bytes(gzip.compress(b"id,response\n1,x\n")[:-9])
    with pytest.raises(UserError, match="is an incomplete or damaged gzip file"):
        texts(tmp_path / "o.csv.gz")


def test_responses_to_other_prompts_are_reported(tmp_path, caplog):
    rows = [{"id": name, "response": "Yes."} for name in ("a", "x", "y")]
    with caplog.at_level("INFO"):
        made = responses_to(pool("a", "b"), write(tmp_path / "o.jsonl", rows))
    assert (len(made.by_id), made.unknown) == (1, 2)
    assert "o.jsonl: responses to other prompts, left out: 2 of 3" in caplog.text
    with pytest.raises(UserError, match=r"No row of .* has an id or a prompt of the pool"):
        responses_to(pool("c"), tmp_path / "o.jsonl")


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("MAX_TOKENS", "length"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("max_output_tokens", "length"),
        ("length ", "length"),
        ("eos", "stop"),
        ("?", "?"),
    ],
)
def test_a_servers_finish_reason_is_read_as_our_word(tmp_path, said, word):
    (row,) = read_responses(write(tmp_path / "o.jsonl", [{"id": "a", "response": "x", "finish_reason": said}]))
    assert row.finish_reason == word
