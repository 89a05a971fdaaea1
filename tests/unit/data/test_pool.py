"""A pool's rows are read as they stand, and every mistake in one is told with its place."""

import json

import pytest

from bleuberi.data.pool import pool_name, read_pool
from bleuberi.errors import UserError
from tests.conftest import DATA, pool_rows

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello?"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "And now?"},
    {"role": "assistant", "content": "Bye."},
]


def read(path, *ref_models):
    return read_pool(str(path), ref_models or ("gold",))


def test_a_conversation_is_asked_up_to_its_last_answer(write_pool):
    (row,) = read(write_pool([{"id": 7, "source": "s", "messages": TALK, "prompt": "P", "ref_output_gold": "G"}])).rows
    assert row.messages == TALK[:-1]
    assert (row.id, row.source, row.prompt, row.ground_truth) == ("7", "s", "P", "G")
    assert row.reference_by_model == {"gold": "G"}


def test_a_row_without_messages_is_asked_its_prompt(write_pool):
    (row,) = read(write_pool([{"id": "a", "prompt": "P", "ref_output_gold": "G"}])).rows
    assert row.messages == [{"role": "user", "content": "P"}]
    assert row.source == "pool"


def test_a_row_without_prompt_takes_the_user_turn(write_pool):
    (row,) = read(write_pool([{"id": "a", "messages": TALK, "ref_output_gold": "G"}])).rows
    assert row.prompt == "And now?"


def test_a_conversation_without_a_user_turn_takes_the_prompt(write_pool):
    system = [{"role": "system", "content": "Be brief."}]
    (row,) = read(write_pool([{"id": "a", "messages": system, "prompt": "P", "ref_output_gold": "G"}])).rows
    assert row.messages == [*system, {"role": "user", "content": "P"}]


@pytest.mark.parametrize(
    ("columns", "ground_truth"),
    [
        ({"messages": TALK, "ref_output_gold": "G"}, "G"),
        ({"messages": TALK, "ref_output_gold": None, "ref_output_x": "X"}, "Bye."),
        ({"messages": TALK, "ref_output_gold": " \n", "ref_output_x": "X"}, "Bye."),
        ({"messages": TALK, "ref_output_x": "X"}, "Bye."),
        ({"prompt": "P", "ref_output_x": "X"}, None),
    ],
)
def test_ground_truth_is_gold_or_else_the_last_answer(write_pool, columns, ground_truth):
    chosen = "x" if "ref_output_x" in columns else "gold"
    assert read(write_pool([{"id": "a", **columns}]), chosen).rows[0].ground_truth == ground_truth


def test_a_plain_chat_file_has_its_last_answers_as_gold(write_pool):
    pool = read(write_pool([{"id": "a", "messages": TALK}]))
    assert pool.reference_models == ["gold"]
    assert pool.rows[0].reference_by_model == {"gold": "Bye."}


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1.0, "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
        {"id": 1, "instruction": "Q", "input": "", "ref_output_gold": "A"},
        {"id": "1", "messages": {"role": "User", "content": "Q"}, "ref_output_gold": "A"},
        {
            "id": "1",
            "messages": [{"role": "human", "content": [{"type": "text", "text": "Q"}]}],
            "ref_output_gold": "A",
        },
        {"id": 1, "messages": float("nan"), "prompt": "Q", "ref_output_gold": "A", "ref_output_b": float("nan")},
        {"id": 1, "messages": '[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]'},
    ],
)
def test_shapes_of_other_tools_are_read(write_pool, row):
    (found,) = read(write_pool([row])).rows
    assert (found.id, found.messages, found.prompt) == ("1", [{"role": "user", "content": "Q"}], "Q")
    assert found.reference_by_model == {"gold": "A"}


def test_tool_calls_are_not_lost_in_silence(write_pool):
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}]
    with pytest.raises(UserError, match="`messages` has tool calls, which cannot be shown as text"):
        read(write_pool([{"id": "1", "messages": turns, "ref_output_gold": "A"}]))


def test_blank_references_count_as_none(write_pool):
    rows = [*pool_rows(1), {"id": "b", "prompt": "P", "ref_output_gold": " \n "}]
    assert read(write_pool(rows)).rows[1].reference_by_model == {}


def test_the_content_hash_sees_content_and_not_the_file(write_pool):
    rows = pool_rows(3)
    first = read(write_pool(rows)).content_sha256
    assert read(write_pool(rows, "other.jsonl.gz")).content_sha256 == first
    rows[2]["prompt"] += "!"
    assert read(write_pool(rows)).content_sha256 != first


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("../x/dev_pool.jsonl", "dev_pool"),
        ("a.b.jsonl.gz", "a.b"),
        ("data/saved/", "saved"),
        ("yapeichang/BLEUBERI-Tulu3-50k", "BLEUBERI-Tulu3-50k"),
    ],
)
def test_pool_names(source, name):
    assert pool_name(source) == name


@pytest.mark.parametrize(
    ("row", "what", "cure"),
    [
        ({"prompt": "P", "ref_output_gold": "G"}, "pool.jsonl, line 2 has no usable `id`: None", "column `id`"),
        ({"id": True, "prompt": "P"}, "pool.jsonl, line 2 has no usable `id`: True", "column `id`"),
        ({"id": "", "prompt": "P"}, "pool.jsonl, line 2 has no usable `id`: ''", "column `id`"),
        ({"id": 1.5, "prompt": "P"}, "pool.jsonl, line 2 has no usable `id`: 1.5", "column `id`"),
        ({"id": "r0", "prompt": "P"}, "Duplicate id 'r0' (pool.jsonl, line 1 and pool.jsonl, line 2).", "unique"),
        ({"id": "x"}, "pool.jsonl, line 2 has neither `messages` with a user turn nor a `prompt`.", "`prompt` (text)"),
        ({"id": "x", "prompt": "  "}, "pool.jsonl, line 2 has a blank prompt.", "`prompt` (text)"),
        ({"id": "x", "prompt": 3}, "pool.jsonl, line 2: `prompt` holds int, not text: 3", "Write `prompt` as a string"),
        ({"id": "x", "prompt": "P", "source": ["s"]}, "pool.jsonl, line 2: `source` holds list", "Write `source`"),
        ({"id": "x", "prompt": "P", "ref_output_gold": ["G"]}, "`ref_output_gold` holds list, not text", "as a string"),
        ({"id": "x", "messages": "hello"}, "pool.jsonl, line 2: `messages` is not a list of turns", '"role": "user"'),
        ({"id": "x", "messages": [{"role": "user"}]}, "pool.jsonl, line 2: `messages` is not a list", '"role": "user"'),
        ({"id": "x", "messages": [TALK[0]]}, "pool.jsonl, line 2 has neither `messages` with a user turn", "`prompt`"),
        (
            {"id": "x", "prompt": "\ud800", "ref_output_gold": "G"},
            "pool.jsonl, line 2: `prompt` is not a valid",
            "surrog",
        ),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path, row, what, cure):
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in [*pool_rows(1), row]))
    with pytest.raises(UserError) as caught:
        read(path)
    assert what in caught.value.what
    assert cure in caught.value.cure


def test_an_empty_pool(tmp_path):
    (tmp_path / "pool.jsonl").write_text("\n\n")
    with pytest.raises(UserError, match=r"pool\.jsonl has no rows\.\nCheck the path, and that the file is complete"):
        read(tmp_path / "pool.jsonl")


def test_an_unknown_reference_model_lists_those_found(write_pool):
    path = write_pool(pool_rows(2, **{"ref_output_claude-3-7-sonnet@20250219": "C", "ref_output_own": None}))
    with pytest.raises(UserError) as caught:
        read(path, "gold", "o4-mini-2025-04-16")
    assert str(caught.value).splitlines() == [
        f"No column ref_output_o4-mini-2025-04-16 in {path}. "
        "Reference models found: gold, claude-3-7-sonnet@20250219, own.",
        "Use --ref_models with one or more of those, e.g. --ref_models gold.",
    ]


def test_the_real_pool_whose_columns_begin_with_nulls():
    path = DATA / "dev_pool_2023.jsonl.gz"
    if not path.exists():
        pytest.skip("../shared/data is not here")
    pool = read(path)
    assert len(pool.rows) == 1243
    assert len(pool.reference_models) > 5
