"""Rows of GRPO and SFT data sets: what they hold, and which folders are taken for one."""

import pytest

from bleuberi.data.grpo_rows import prompt_messages, read_grpo_rows, to_row
from bleuberi.data.sft_rows import read_sft_rows, to_prompt_and_completion, to_sft_rows
from bleuberi.errors import UserError
from bleuberi.records import Example

ASKED = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello?"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "And now?"},
]
EXAMPLE = Example("e1", "test", ASKED, "And now?", "Bye.", ["Bye.", "So long."])


@pytest.fixture
def save(tmp_path):
    datasets = pytest.importorskip("datasets")

    def write(rows):
        datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)}).save_to_disk(str(tmp_path / "data"))
        return tmp_path / "data"

    return write


def test_a_grpo_row_has_the_columns_of_the_method():
    row = to_row(EXAMPLE, {"bleu": 0.25})
    assert list(row) == ["id", "source", "messages", "prompt", "ground_truth", "references", "bleu_score"]
    assert row["messages"] == [*ASKED, {"role": "assistant", "content": "Bye."}]
    assert row["references"] == ["Bye.", "So long."]


def test_the_policy_is_asked_the_turns_before_the_answer():
    assert prompt_messages(to_row(EXAMPLE, {})) == ASKED
    assert prompt_messages({"messages": [], "prompt": "P"}) == [{"role": "user", "content": "P"}]


def test_one_sft_row_for_each_reference():
    rows = list(to_sft_rows(to_row(EXAMPLE, {})))
    assert [list(row) for row in rows] == [["id", "source", "messages"]] * 2
    assert [row["id"] for row in rows] == ["e1_0", "e1_1"]
    assert rows[1]["messages"] == [*ASKED, {"role": "assistant", "content": "So long."}]


def test_prompt_and_completion_split_before_the_answer():
    (row, _) = to_sft_rows(to_row(EXAMPLE, {}))
    assert to_prompt_and_completion(row["messages"]) == {
        "prompt": ASKED,
        "completion": [{"role": "assistant", "content": "Bye."}],
    }


@pytest.mark.parametrize("messages", [[], ASKED, [{"role": "assistant", "content": "A"}]])
def test_a_pair_needs_a_prompt_and_an_answer(messages):
    with pytest.raises(UserError, match="does not end with a response"):
        to_prompt_and_completion(messages)


def test_each_reader_takes_its_own_kind_of_folder(save):
    grpo = save([to_row(EXAMPLE, {"bleu": 0.25})])
    assert read_grpo_rows(grpo) == [to_row(EXAMPLE, {"bleu": 0.25})]
    with pytest.raises(UserError, match="is not an SFT data set"):
        read_sft_rows(grpo)
    sft = save(list(to_sft_rows(to_row(EXAMPLE, {}))))
    assert [row["id"] for row in read_sft_rows(sft)] == ["e1_0", "e1_1"]
    with pytest.raises(UserError, match="is not a GRPO data set: it lacks prompt, references"):
        read_grpo_rows(sft)


@pytest.mark.parametrize("read", [read_grpo_rows, read_sft_rows])
def test_missing_folders_name_the_command_that_makes_one(tmp_path, read):
    with pytest.raises(
        UserError, match=r"Data set folder .* does not exist\.\nMake one with: python training/create_tra"
    ):
        read(tmp_path / "none")


def test_columns_that_the_trainer_reserves_are_refused(save):
    folder = save([{**to_row(EXAMPLE, {}), "completions": "x", "images": "y"}])
    with pytest.raises(UserError, match="with names reserved by the trainer: completions, images"):
        read_grpo_rows(folder)
