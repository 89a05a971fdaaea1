"""Files that claim to be pools: each is read, or refused in two lines; what was read keeps the pool's promises."""

import gzip
import io
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from bleuberi.agreement.pairs import read_preferences
from bleuberi.data.made_responses import read_responses
from bleuberi.data.pool import read_pool, read_questions
from bleuberi.data.references import join_references
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.selection.samples import one_sampling

SHARED_MEMORY = Path("/dev/shm")
FOLDER = Path(tempfile.mkdtemp(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None, prefix="bleuberi-fuzz-"))
COLUMNS = ["id", "prompt", "messages", "source", "ref_output_gold", "ref_output_", "ref_output_a", "ref_output_\n"]
COLUMNS += ["response", "output", "model", "sampling", "finish_reason", "response_a", "response_b", "winner", "chosen"]
COLUMNS += ["rejected", "votes"]

texts = st.text(max_size=12) | st.sampled_from(
    ["", " ", "user", "assistant", "system", "a", "tie", "\ud800", "\x1b[2J"]
)
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
turns = st.fixed_dictionaries({"role": texts, "content": texts | values})
cells = values | st.lists(turns, max_size=3)
good_rows = st.fixed_dictionaries(
    {"id": texts | st.integers(), "prompt": texts},
    optional={"messages": st.lists(turns, max_size=3), "ref_output_gold": texts},
)
rows = good_rows | st.dictionaries(st.sampled_from(COLUMNS) | texts, cells, max_size=6)


def as_lines(items):
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def as_array(items):
    return json.dumps(items, indent=1).encode()


def as_parquet(items):
    stream = io.BytesIO()
    try:
        pq.write_table(pa.Table.from_pylist([{str(k): v for k, v in item.items()} for item in items]), stream)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):  # not every row fits a table
        return b"PAR1"
    return stream.getvalue()


@st.composite
def files(draw):
    """A file's name and content: well-formed, then harmed, then packed."""
    kind = draw(st.sampled_from([".jsonl", ".json", ".parquet"]))
    items = draw(st.lists(rows, max_size=4))
    content = draw(st.sampled_from([as_lines, as_array]))(items) if kind != ".parquet" else as_parquet(items)
    if draw(st.integers(0, 9)) == 0:
        content = draw(st.binary(max_size=60))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(content)))
        harm = draw(
            st.binary(max_size=4)
            | st.sampled_from([b"\xff", b"\x00", b"[" * 2000, b"\xef\xbb\xbf", b"9" * 5000, b"\r", b"\xed\xa0\x80"])
        )
        content = content[:place] + harm + content[place + draw(st.integers(0, 8)) :]
    if draw(st.booleans()):
        content, kind = gzip.compress(content, 1), kind + ".gz"
        for _ in range(draw(st.integers(0, 2))):
            place = draw(st.integers(0, len(content)))
            content = content[:place] + draw(st.binary(max_size=3)) + content[place + draw(st.integers(0, 3)) :]
    return kind, content


STRATEGY = files()


def check(file):
    kind, content = file
    path = FOLDER / f"pool{kind}"
    path.write_bytes(content)
    for read in (_pool, _questions, _outputs, _samples, _preferences):
        try:
            read(path)
        except UserError as error:
            for line in (error.what, error.cure):
                assert line.strip()
                assert len(line.splitlines()) == 1


def _pool(path):
    pool = read_pool(str(path), None)
    assert pool.rows
    assert len({row.id for row in pool.rows}) == len(pool.rows)
    assert pool.content_sha256 == read_pool(str(path), None).content_sha256
    for row in pool.rows:
        assert row.id
        assert any(turn["role"] == "user" for turn in row.messages)
        json.dumps([row.id, row.messages, row.prompt, dict(row.reference_by_model)], ensure_ascii=False).encode()
        assert all(text.strip() for text in row.reference_by_model.values())
    if pool.reference_models:
        join_references(pool, pool.reference_models)


def _questions(path):
    for raw, question in read_questions(str(path)):
        json.dumps(question.messages, ensure_ascii=False).encode()
        json.dumps(dict(raw.values), default=str)


def _outputs(path):
    for row in read_responses(path):
        row.text.encode()


def _samples(path):
    one_sampling(path, read_responses(path))


def _preferences(path):
    pairs, tally = read_preferences([row.values for row in read_rows(str(path))])
    assert len(pairs) == tally.kept
