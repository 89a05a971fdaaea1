"""Files made like those that people use, with what is read of each, or what is said instead; and `--split`."""

import csv
import io
import json

import pytest

from bleuberi.cli.main import find_command
from bleuberi.data.import_pool import ImportConfig, import_pool
from bleuberi.data.made_responses import read_responses
from bleuberi.data.pool import read_pool
from bleuberi.errors import UserError

SHAREGPT = [
    {"id": "QWJh_0", "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
    {"id": "QWJh_7", "conversations": [{"from": "gpt", "value": "Hello!"}, {"from": "human", "value": "R"}]},
]
ULTRAFEEDBACK = [{
    "prompt": "Q", "prompt_id": "f0e3", "score_chosen": 8.5,
    "chosen": [{"content": "Q", "role": "user"}, {"content": "A", "role": "assistant"}],
    "rejected": [{"content": "Q", "role": "user"}, {"content": "B", "role": "assistant"}],
}]  # fmt: skip
OPENHERMES = [{
    "system_prompt": None, "model": None, "id": None, "source": "airoboros2.2", "idx": None,
    "conversations": [
        {"from": "system", "value": "S", "weight": None}, {"from": "human", "value": "Q", "weight": None},
        {"from": "gpt", "value": "A", "weight": None},
    ],
}]  # fmt: skip
WILDCHAT = [{
    "conversation_hash": "c9ec", "model": "gpt-4-0314", "turn": 1, "language": "English", "toxic": False,
    "conversation": [
        {"content": "Q", "role": "user", "country": "x", "turn_identifier": 1},
        {"content": "A", "role": "assistant", "country": None, "turn_identifier": 1},
    ],
}]  # fmt: skip
NUMINA = [{"source": "aops", "problem": "Q", "solution": "A", "messages": [
    {"content": "Q", "role": "user"}, {"content": "A", "role": "assistant"},
]}]  # fmt: skip
KTO = [
    {"prompt": [{"role": "user", "content": "Q"}], "completion": [{"role": "assistant", "content": t}],
     "label": t == "A"}
    for t in "BA"
]  # fmt: skip
KTO_CHATS = [{"messages": [*row["prompt"], *row["completion"]], "label": row["label"]} for row in KTO]
KTO_TEXTS = "prompt,completion,label\r\nQ,B,False\r\nQ,A,True\r\nR,C,\r\n"
CALLS = [
    {"conversations": [
        {"from": "human", "value": "Q"}, {"from": "function_call", "value": "{}"},
        {"from": "observation", "value": "4"}, {"from": "gpt", "value": "A"},
    ]},
    {"conversations": [{"from": "human", "value": "R"}, {"from": "gpt", "value": "B"}]},
]  # fmt: skip
PARTS = [
    {"prompt": [{"type": "text", "text": t} for t in "QR"], "response": [{"type": "text", "text": t} for t in "AB"]}
]


def message(name, parent, role, text, rank=None):
    return {
        "message_id": name, "parent_id": parent, "message_tree_id": "a", "user_id": "u", "role": role, "text": text,
        "lang": "en", "rank": rank, "deleted": name == "h",
    }  # fmt: skip


OASST = [
    message("d", "b", "prompter", "R"), message("a", None, "prompter", "Q"), message("c", "a", "assistant", "B", 1),
    message("b", "a", "assistant", "A", 0), message("e", "d", "assistant", "C"), message("f", "gone", "assistant", "D"),
    message("g", None, "prompter", "alone"), message("h", None, "prompter", "gone"),
]  # fmt: skip
OASST_POOL = [("Q", {"gold": "A", "gold_2": "B"}), ("R", {"gold": "C"})]
COLUMNS = {"prompt": {"0": "Q", "1": "R"}, "response": {"0": "A", "1": "B"}}  # pandas' to_json()
GSM8K = 'question,answer\r\n"Q, with 2,000","So 5*3=<<5*3=15>>15\n#### 15"\r\n'
EXCEL = "\ufeffsep=;\r\nprompt;response\r\nQ;A, and b\r\n"


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def as_csv(rows):
    stream = io.StringIO()
    table = csv.DictWriter(stream, list(rows[0]))
    table.writeheader()
    table.writerows(rows)
    return stream.getvalue()


CASES = {  # file -> its content, prompts and references, or the words of the error
    "alpaca.json": (json.dumps([{"instruction": "Q", "input": "", "output": "A"}], indent=4), [("Q", {"gold": "A"})]),
    "sharegpt.json": (json.dumps(SHAREGPT), [("Q", {"gold": "A"}), ("R", {})]),
    "ultrafeedback.jsonl": (lines(ULTRAFEEDBACK), [("Q", {"gold": "A"})]),
    "openhermes.json": (json.dumps(OPENHERMES), [("Q", {"gold": "A"})]),
    "wildchat.jsonl": (lines(WILDCHAT), [("Q", {"gpt-4-0314": "A"})]),
    "numina.jsonl": (lines(NUMINA), [("Q", {"gold": "A"})]),
    "kto.jsonl": (lines(KTO), [("Q", {"gold": "A"})]),
    "kto_chats.jsonl": (lines(KTO_CHATS), [("Q", {"gold": "A"})]),
    "kto.csv": (KTO_TEXTS, [("Q", {"gold": "A"}), ("R", {})]),
    "oasst.jsonl": (lines(OASST), OASST_POOL),
    "oasst.csv": (as_csv(OASST), OASST_POOL),
    "calls.json": (json.dumps(CALLS), [("R", {"gold": "B"})]),
    "parts.jsonl": (lines(PARTS), [("Q\nR", {"gold": "A\nB"})]),
    "gsm8k.csv": (GSM8K, [("Q, with 2,000", {"gold": "So 5*3=<<5*3=15>>15\n#### 15"})]),
    "excel.csv": (EXCEL, [("Q", {"gold": "A, and b"})]),
    "by_columns.json": (json.dumps(COLUMNS), "`prompt` holds dict, not text"),
    "commas.jsonl": ('{"prompt": "Q"},\n{"prompt": "R"},\n', "commas.jsonl, line 1 is not valid JSON: Extra data"),
    "ids.jsonl": (lines([{"id": 1, "prompt": "Q"}, {"id": 1, "prompt": "R"}]), "The id '1' has two different"),
}


@pytest.mark.parametrize("name", CASES)
def test_files_of_people(tmp_path, name):
    content, expected = CASES[name]
    (tmp_path / name).write_bytes(content.encode())
    config = ImportConfig((str(tmp_path / name),), tmp_path / "pool.jsonl")
    if isinstance(expected, str):
        with pytest.raises(UserError) as caught:
            import_pool(config)
        assert expected in caught.value.what
        return
    import_pool(config)
    pool = read_pool(str(tmp_path / "pool.jsonl"), None)
    assert [(row.prompt, dict(row.reference_by_model)) for row in pool.rows] == expected


@pytest.mark.parametrize(
    ("rows", "flags", "said"),
    [
        (KTO, [], ["only responses whose label is true", "1 instructions", "dropped: 1 responses whose label is not"]),
        (KTO, ["--references", "gold=completion"], ["prompt from prompt; ref_output_gold from completion\n", "gold_2"]),
        (CALLS, [], ["dropped: 1 with tool calls"]),
        (
            OASST, [],
            ["trees of message_id, parent_id, role, text", "8 rows -> 2", "1 messages of trees without a reply",
             "1 messages that are marked as deleted", "1 messages whose earlier ones are not in the file"],
        ),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_said(tmp_path, rows, flags, said, capsys):
    (tmp_path / "f.jsonl").write_text(lines(rows))
    command, words = find_command(
        ["data", "import", str(tmp_path / "f.jsonl"), "--output", str(tmp_path / "p.jsonl"), *flags]
    )
    assert command(words) == 0
    found = capsys.readouterr().out
    assert [part for part in said if part not in found] == []


def test_two_messages_of_one_name(tmp_path):
    (tmp_path / "f.jsonl").write_text(lines([OASST[0], OASST[0]]))
    with pytest.raises(UserError, match=r"line 2 has the `message_id` of f.jsonl, line 1"):
        import_pool(ImportConfig((str(tmp_path / "f.jsonl"),), tmp_path / "p.jsonl"))


def test_a_batch_file_of_openai_is_no_file_of_responses(tmp_path):
    body = {"choices": [{"message": {"role": "assistant", "content": "A"}}]}
    (tmp_path / "batch.jsonl").write_text(lines([{"id": "b1", "custom_id": "1", "response": {"body": body}}]))
    with pytest.raises(UserError, match=r"batch\.jsonl, line 1: `response` holds no text"):
        read_responses(tmp_path / "batch.jsonl")


@pytest.fixture
def splits(tmp_path):
    """A data set with two splits, as a hub's clone has them."""
    for split, count in (("train", 6), ("test", 4)):
        rows = [{"id": f"{split}{n}", "prompt": f"Name {n}.", "ref_output_gold": f"Number {n}."} for n in range(count)]
        (tmp_path / f"set/{split}-00000-of-00001.jsonl").parent.mkdir(exist_ok=True)
        (tmp_path / f"set/{split}-00000-of-00001.jsonl").write_text(lines(rows))
    answers = [{"id": f"{split}{n}", "response": "Number."} for split in ("train", "test") for n in range(6)]
    (tmp_path / "answers.jsonl").write_text(lines(answers))
    return tmp_path


COMMANDS = {
    "data check": "data check {set} --json",
    "data import": "data import {set} --output {out}/p.jsonl --json",
    "references": "references --hf_dataset_path {set} --model m --engine canned --answers {answers} "
    "--output {out}/r.jsonl --json",
    "cache explain": "cache explain {out} --hf_dataset_path {set} --model m --engine canned --answers {answers}",
    "data grpo": "data grpo --hf_dataset_path {set} --selection_mode random --num_examples 4 --output_dir {out} --json",
    "evaluate": "evaluate --models a={answers} b={answers} --prompts {set} --output_dir {out}/e --metrics bleu "
    "--controls none --json",
}
FOUND = {
    "data check": lambda said: json.loads(said)["rows"],
    "data import": lambda said: json.loads(said)["instructions"],
    "references": lambda said: json.loads(said)["rows"],
    "cache explain": lambda said: int(said.split(" of ")[1].split()[0]),
    "data grpo": lambda said: json.loads(said)["manifest"]["rows_in"],
    "evaluate": lambda said: json.loads(said)["prompts"],
}


def test_test_prompts_have_a_split_of_their_own(splits, capsys):
    pool = splits / "pool.jsonl"
    pool.write_text(lines({"id": str(n), "prompt": f"Name {n}."} for n in range(6)))
    for split, found in (("test", 4), ("train", 6)):
        words = ["data", "check", str(pool), "--against", str(splits / "set"), "--against_split", split, "--json"]
        command, rest = find_command(words)
        assert command(rest) == 0
        table = json.loads(capsys.readouterr().out)["table"]
        assert [entry["rows"] for entry in table if entry["flag"] == "in_test_prompts"] == [found]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_reads_a_set_takes_a_split(splits, name, capsys):
    (splits / "out/inference_outputs/x").mkdir(parents=True)
    (splits / "out/inference_outputs/x/cache.json").write_text("{}")
    places = {"set": splits / "set", "out": splits / "out", "answers": splits / "answers.jsonl"}
    words = COMMANDS[name].format(**places).split()
    command, rest = find_command([*words, "--split", "test"])
    assert command(rest) == 0
    assert FOUND[name](capsys.readouterr().out) == 4
    command, rest = find_command([*words, "--split", "dev"])
    with pytest.raises(UserError, match="has no split dev, only: test, train"):
        command(rest)
