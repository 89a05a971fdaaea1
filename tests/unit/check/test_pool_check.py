"""Signs of trouble in texts, near-duplicates, test prompts in a pool, held-out rows."""

import datetime
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bleuberi.check.findings import check_texts
from bleuberi.check.held_out import split_held_out
from bleuberi.check.prompt_overlap import TestPrompts
from bleuberi.check.run import CheckConfig, check_pool
from bleuberi.cli.main import find_command
from bleuberi.data.near_duplicates import NEAR_JACCARD, prompt_groups
from bleuberi.data.refusals import is_refusal
from bleuberi.data.shingles import jaccard, shingles
from bleuberi.data.tables import read_rows
from bleuberi.data.text_checks import is_damaged, is_looping, is_truncated
from bleuberi.errors import UserError
from bleuberi.records import Message, PoolRow
from tests.conftest import pool_rows

WORDS = "river stone lamp green seven walk under paper quiet north bread glass open winter copper bridge".split()  # noqa: SIM905


def near(texts):
    return prompt_groups(texts).near.tolist()


def prose(words, seed=0):
    return " ".join(random.Random(seed).choices(WORDS, k=words))


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but as an AI I cannot open files.",
        "As an AI language model, I do not have access to the internet.",
        "I cannot assist with this request.",
        "Unfortunately, I am unable to browse the web.",
        "I'm not able to provide medical advice.",
    ],
)
def test_refusals_are_seen(text):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sorry means that you regret something.",
        "I can help you with that: start with the lid.",
        "The committee said: I'm sorry, but I can't help with that.",
        "I am sorry to hear that your dog is ill. Here is what to do.",
        "As an AI researcher you would start with linear algebra.",
        "",
    ],
)
def test_answers_are_no_refusals(text):
    assert not is_refusal(text)


def test_truncated_texts():
    assert is_truncated(prose(30) + " and the")
    assert is_truncated(prose(30) + ",")
    assert is_truncated("```python\nprint(1)\n")
    assert not is_truncated("```python\nprint(1)\n```")
    assert not is_truncated(prose(30) + ".")
    assert not is_truncated("- bread\n- and the")  # short lists end as they like
    assert not is_truncated(" ".join(["A"] * 30))  # a note, not the article
    assert not is_truncated("")


def test_looping_texts():
    assert is_looping(prose(20) + " the same thing over and over again, I say" * 12)
    assert not is_looping(prose(300))
    assert not is_looping("ha " * 20)  # too short to be sure
    assert not is_looping("")


@pytest.mark.parametrize("text", ["caf\ufffd", "cafÃ©", "Itâ€™s", "a\x00b", "Let\\u2019s go", "half \ud83d"])
def test_damage_is_seen(text):
    assert is_damaged(text)


@pytest.mark.parametrize("text", ["café – “it’s”", "日本語\n\ttab", "Ã is a letter of Portuguese: NÃO", ""])
def test_sound_texts_are_not_damaged(text):
    assert not is_damaged(text)


def test_near_duplicates_differ_in_little():
    base = prose(60)
    texts = [base, prose(60, 1), base.upper() + "!!", base.replace("river", "ocean", 1), prose(60, 2)]
    assert near(texts) == [0, 1, 0, 0, 4]


def test_prompts_without_words_or_spaces_are_told_apart():
    assert near(["???", "!!!", "", "???", "日本の首都はどこですか", "フランスの首都はどこですか"]) == [
        0, 1, 2, 0, 4, 5,
    ]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join), max_size=12))
def test_groups_are_those_of_comparing_all_pairs(texts):
    sets = [shingles(text) for text in texts]
    groups = near(texts)
    for one in range(len(texts)):
        assert groups[groups[one]] == groups[one] <= one
        for other in range(one):
            # MinHash finds a pair above the threshold with 99 % and more; clearly alike ones practically always.
            if jaccard(sets[one], sets[other]) >= 0.9:
                assert groups[one] == groups[other]
        if groups[one] != one:
            assert any(jaccard(sets[one], sets[other]) >= NEAR_JACCARD for other in range(len(texts)) if other != one)


def test_thousands_of_one_template_are_joined_without_comparing_all_pairs():
    template = prose(60)
    texts = [f"{template} {number}" for number in range(2000)]
    assert set(near(texts)) == {0}


def test_prompts_of_a_test_set_are_found():
    tests = TestPrompts([prose(40, 5), "What is the capital of France?"])
    assert tests.is_in("Please answer: " + prose(40, 5).upper())
    assert tests.is_in(" ".join(prose(40, 5).split()[:30]))
    assert tests.is_in("what is the capital of france")
    assert not tests.is_in(" ".join(prose(40, 5).split()[:18]))
    assert not tests.is_in("What is the capital of Spain?")
    assert not tests.is_in(prose(40, 6))


ASKED = "Which two rivers meet below the old bridge of the town?"
AS_TURN = {"role": "user", "content": ASKED}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": ASKED}, {"instruction": ASKED, "output": "Two."}, {"question": ASKED}, {"prompt": [AS_TURN]},
        {"messages": [AS_TURN, {"role": "assistant", "content": "Two."}]}, {"turns": [ASKED, "And upstream?"]},
        {"messages": [{"role": "User", "content": [{"type": "text", "text": ASKED}]}]}, {"turns": [{"content": ASKED}]},
        {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": "Two."}]},
        {"prompt": None, "conversations": [ASKED, "Two."]},
    ],
)  # fmt: skip
def test_test_prompts_are_read_in_any_shape(row, write_pool, tmp_path):
    pool = write_pool([{"id": "a", "prompt": ASKED}, {"id": "b", "prompt": "Name a river."}])
    (tmp_path / "tests.jsonl").write_text(json.dumps(row) + "\n")
    table = check_pool(CheckConfig(str(pool), against=(str(tmp_path / "tests.jsonl"),))).table
    assert [entry.rows for entry in table if entry.flag == "in_test_prompts"] == [1]


def test_the_command_prints_the_flags_and_the_sizes_of_both_parts(tmp_path, capsys):
    pool = tmp_path / "pool.jsonl"
    rows = [
        {"id": str(n), "prompt": f"Name the {word} thing.", "ref_output_gold": word} for n, word in enumerate(WORDS)
    ]
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command, words = find_command(["data", "check", str(pool)])
    assert command(words) == 0
    assert f"{len(rows)} rows, {len(rows)} references" in capsys.readouterr().out
    assert command([*words, "--held_out", "3", "--output_dir", str(tmp_path / "out")]) == 0
    assert f"{len(rows) - 3} rows to train on (train.jsonl), 3 held out" in capsys.readouterr().out


def test_pictures_of_a_parquet_pool_are_left_out_and_said(tmp_path, caplog):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    picture = {"image": {"bytes": b"\x89PNG", "path": "x.png"}, "sounds": [b"RIFF"], "seen": datetime.date(2026, 1, 2)}
    rows = [{"id": str(n), "prompt": f"Name the {word} thing.", **picture} for n, word in enumerate(WORDS)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "pool.parquet")
    check_pool(CheckConfig(str(tmp_path / "pool.parquet"), held_out=2, output_dir=tmp_path / "out"))
    written = [json.loads(line) for line in (tmp_path / "out/train.jsonl").read_text().splitlines()]
    assert len(written) == len(rows) - 2
    assert all(row.keys() == {"id", "prompt", "seen"} for row in written)
    assert "images, audio or other bytes are not written: image, sounds" in caplog.text


@given(st.lists(st.integers(0, 8), min_size=1, max_size=40), st.integers(0, 30), st.integers(0, 5))
def test_held_out_rows_keep_groups_together(groups, count, seed):
    held = split_held_out(groups, count, seed).tolist()
    assert sum(held) <= count
    assert all(len({side for other, side in zip(groups, held, strict=True) if other == group}) == 1 for group in groups)
    assert held == split_held_out(groups, count, seed).tolist()
    if len(set(groups)) == len(groups):
        assert sum(held) == min(count, len(groups))


def row(row_id, prompt, **references):
    return PoolRow(row_id, "s", [Message(role="user", content=prompt)], prompt, None, references)


def test_every_row_gets_its_flags():
    rows = [
        row("a", prose(30, 1), gold="Fine.", other="I cannot help with that."),
        row("b", prose(30, 1).title()),
        row("c", prose(30, 1) + " twice", gold="brokenÃ© text"),
        row("d", "broken \ufffd", gold="brokenÃ© text"),
    ]
    findings = check_texts(rows, TestPrompts([prose(30, 1)]))
    written = list(findings.flag_rows())
    assert {entry["id"]: [flag for flag, is_set in entry.items() if is_set is True] for entry in written} == {
        "a": ["in_test_prompts", "refusal"],
        "b": ["duplicate_prompt", "in_test_prompts", "no_reference"],
        "c": ["near_duplicate_prompt", "in_test_prompts", "encoding_damage"],
        "d": ["encoding_damage"],
    }
    entry = next(entry for entry in findings.table() if entry.flag == "refusal")
    assert (entry.rows, entry.share, entry.references, entry.examples) == (1, 0.25, 1, ("a",))
    assert {entry["id"]: entry["group"] for entry in written} == {"a": "a", "b": "a", "c": "a", "d": "d"}


def test_thoughts_and_tokens_of_chat_formats_are_flagged():
    texts = {"a": ("Hello?", "<think>Hm.</think>Hi."), "b": ("What does <|im_end|> do?", "It ends a turn."),
             "c": ("Hello?", "I think <b>so</b> [1]."), "d": ("Hello?", "Hi.<|eot_id|>")}  # fmt: skip
    rows = [PoolRow(row_id, "s", [Message(role="user", content=f"{row_id} {prompt}")], prompt, text, {"gold": text})
            for row_id, (prompt, text) in texts.items()]  # fmt: skip
    found = check_texts(rows, None).places
    flags = {flag: [rows[place].id for place in places] for flag, places in found.items()}
    assert flags["thoughts"] == ["a"]
    assert flags["control_tokens"] == ["b", "d"]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_pool_that_changes_during_the_check_is_refused(tmp_path, write_pool, monkeypatch, rows):
    pool = write_pool(pool_rows(2))

    def changed(*where):
        write_pool(pool_rows(rows))
        return read_rows(*where)

    monkeypatch.setattr("bleuberi.check.run.read_rows", changed)
    with pytest.raises(UserError, match="was changed while it was checked"):
        check_pool(CheckConfig(str(pool), held_out=1, output_dir=tmp_path / "checked"))
    assert not (tmp_path / "checked").exists()
