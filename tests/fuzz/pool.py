"""Files that claim to be pools: each is read, or refused in two lines; what was read keeps the pool's promises."""

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from bleuberi.agreement.pairs import read_preferences
from bleuberi.data.asked import asked_of
from bleuberi.data.import_pool import ImportConfig, import_pool
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
COLUMNS += [
    "rejected",
    "votes",
    "conversations",
    "instruction",
    "input",
    "history",
    "answers",
    "reward_model",
    "generator",
]
COLUMNS += ["conversation_a", "conversation_b", "references", "Prompt", "", "label", "turns"]
COLUMNS += ["message_id", "parent_id", "role", "text"]

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
single_messages = st.fixed_dictionaries(
    {
        "message_id": st.sampled_from("abcd") | values, "parent_id": st.sampled_from(["a", "b", None]) | values,
        "role": st.sampled_from(["prompter", "assistant"]) | texts, "text": texts | values,
    },
    optional={"rank": values, "deleted": values},
)  # fmt: skip
judged_rows = st.fixed_dictionaries({"prompt": texts, "completion": texts | values, "label": st.booleans() | values})
rows = good_rows | single_messages | judged_rows | st.dictionaries(st.sampled_from(COLUMNS) | texts, cells, max_size=6)


def as_lines(items):
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def as_array(items):
    return json.dumps(items, indent=1).encode()


def as_pretty(items):
    return b"\n".join(json.dumps(item, indent=1).encode() for item in items)


def as_csv(items, delimiter):
    stream = io.StringIO()
    names = dict.fromkeys(str(name) for item in items for name in item)
    table = csv.DictWriter(stream, [*names], delimiter=delimiter, extrasaction="ignore")
    try:
        table.writeheader()
        table.writerows(
            {name: value if isinstance(value, str) else json.dumps(value) for name, value in item.items()}
            for item in items
        )
    except csv.Error:  # some characters need an escape
        return b"id,prompt\r\n"
    return stream.getvalue().encode("utf-8", "replace")


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
    kind = draw(st.sampled_from([".jsonl", ".json", ".parquet", ".csv", ".tsv", ".NDJSON"]))
    items = draw(st.lists(rows, max_size=4))
    if kind in (".csv", ".tsv"):
        content = as_csv(items, "," if kind == ".csv" else "\t")
    elif kind == ".parquet":
        content = as_parquet(items)
    else:
        content = draw(st.sampled_from([as_lines, as_array, as_pretty]))(items)
    if kind != ".parquet" and draw(st.integers(0, 4)) == 0:
        content = content.decode("utf-8", "replace").encode(draw(st.sampled_from(["utf-16", "utf-32", "utf-16-le"])))
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
    for read in (_pool, _questions, _outputs, _samples, _preferences, _asked, _import):
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


def _asked(path):
    for raw in read_rows(str(path)):
        turns, prompt = asked_of(raw)
        assert prompt is None or isinstance(prompt, str)
        json.dumps(turns, ensure_ascii=False).encode()


def _samples(path):
    one_sampling(path, read_responses(path))


def _preferences(path):
    pairs, tally = read_preferences([row.values for row in read_rows(str(path))])
    assert len(pairs) == tally.kept


def _import(path):
    output = FOLDER / "imported.jsonl"
    done = import_pool(ImportConfig((str(path),), output, new_ids=True, overwrite=True))
    pool = read_pool(str(output), None)
    assert len(pool.rows) == done.instructions
    assert sum(len(row.reference_by_model) for row in pool.rows) == sum(done.references.values())
