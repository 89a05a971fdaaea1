"""Laws of the cache's files: the index is a dictionary, and a journal cut anywhere gives its whole rows."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bleuberi.artifacts import content_hash
from bleuberi.errors import UserError
from bleuberi.generation import answer_store, key_index
from bleuberi.generation.answer_store import JOURNAL, AnswerStore, journal_line, read_journal, shard_paths, to_row
from bleuberi.generation.base import Output, Request, Sampling
from bleuberi.generation.canned import CannedFileEngine
from bleuberi.generation.key_index import KeyIndex, Place
from bleuberi.records import Conversation, Message
from tests.canned import CannedEngine

TEXTS = st.text(max_size=40)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), max_size=20), max_size=12), st.integers(1, 9))
def test_the_index_is_a_dictionary_whose_first_entry_counts(rounds, keys_a_query):
    before, key_index._KEYS_A_QUERY = key_index._KEYS_A_QUERY, keys_a_query
    try:
        index, plain = KeyIndex(), {}
        for number, values in enumerate(rounds):
            keys = [content_hash(str(value)) for value in values]
            places = [Place(number, at) for at in range(len(values))]
            fresh = len(set(keys) - set(plain))
            assert index.add(keys, places) == fresh
            for key, place in zip(keys, places, strict=True):
                plain.setdefault(key, place)
        every = [content_hash(str(value)) for value in range(61)]
        assert index.find(every) == [plain.get(key) for key in every]
        assert len(index) == len(plain)
    finally:
        key_index._KEYS_A_QUERY = before


def test_keys_that_end_in_zero_bytes_are_keys():
    index = KeyIndex()
    keys = ["ab" * 15 + "00", "ab" * 14 + "0000", "00" * 16, "ab" * 16]
    index.add(keys, [Place(0, number) for number in range(4)])
    assert index.find(keys) == [Place(0, number) for number in range(4)]
    assert index.find(["ab" * 14 + "0001"]) == [None]


def test_an_index_without_room_is_said():
    index = KeyIndex()
    index._store.execute("PRAGMA max_page_count = 2")
    keys = [content_hash(str(number)) for number in range(1000)]
    with pytest.raises(UserError, match="The index of answers could not be written") as caught:
        index.add(keys, [Place(0, number) for number in range(1000)])
    assert "SQLITE_TMPDIR" in caught.value.cure


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.data())
def test_a_journal_cut_anywhere_gives_its_whole_rows(tmp_path_factory, texts, data):
    rows = [to_row(content_hash(str(n)), Output(text, "stop", n)) for n, text in enumerate(texts)]
    lines = [journal_line(row) for row in rows]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path_factory.mktemp("journal") / JOURNAL
    path.write_bytes(whole[:cut])
    ends = [sum(map(len, lines[: n + 1])) for n in range(len(lines))]
    # The closing line break may be missing: the row before it is whole.
    assert list(read_journal(path)) == [row for row, end in zip(rows, ends, strict=True) if end - 1 <= cut]


@settings(deadline=None, max_examples=30)
@given(st.lists(TEXTS, min_size=1, max_size=30), st.integers(1, 7))
def test_what_was_written_is_read_in_any_order(tmp_path_factory, texts, seal_rows):
    before, answer_store.SEAL_ROWS = answer_store.SEAL_ROWS, seal_rows
    try:
        folder = tmp_path_factory.mktemp("store")
        store = AnswerStore(folder)
        outputs = {content_hash(str(n)): Output(text, "length", n) for n, text in enumerate(texts)}
        for key, output in outputs.items():
            store.append(key, output)
        backwards = list(reversed(outputs))
        assert store.read([*backwards, "ff" * 32]) == [*(outputs[key] for key in backwards), None]
        store.close()
        again = AnswerStore(folder)
        assert again.recover() == len(texts) % seal_rows
        assert again.read(backwards) == [outputs[key] for key in backwards]
        assert all("text" in json.loads(line) for path in shard_paths(folder) for line in path.open() if "key" in line)
    finally:
        answer_store.SEAL_ROWS = before


def request(row_id, prompt):
    return Request(content_hash(prompt), Conversation(row_id, [Message(role="user", content=prompt)]), 1)


def test_canned_answers_by_id_or_prompt(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text('{"id": 7, "response": "seven"}\n{"prompt": "Say ä", "text": "ä"}\n', encoding="utf-8")
    asked = [request("x", "Say ä"), request("7", "other")]
    for engine in (CannedFileEngine(path), CannedEngine({"7": "seven", "Say ä": "ä"})):
        assert [output.text for _, output in engine.stream(asked, Sampling())] == ["ä", "seven"]
        with pytest.raises(UserError, match="Row nobody has no canned answer"):
            list(engine.stream([request("nobody", "nothing")], Sampling()))


@pytest.mark.parametrize("line", ["not json", "[1]", '{"id": "a"}', '{"response": "a"}'])
def test_a_bad_line_of_canned_answers_is_named(tmp_path, line):
    path = tmp_path / "answers.jsonl"
    path.write_text('{"id": "0", "response": "fine"}\n' + line + "\n")
    with pytest.raises(UserError, match=r"answers\.jsonl, line 2"):
        CannedFileEngine(path)
