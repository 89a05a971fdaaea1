"""Instruction files become one pool: rows of one prompt join, ids are unique, the pool is read as any other."""

import json

import pytest

from bleuberi.cli.main import find_command
from bleuberi.data.import_pool import ImportConfig, import_pool
from bleuberi.data.layouts import Layout
from bleuberi.data.pool import read_pool
from bleuberi.errors import UserError
from tests.conftest import ROOT


@pytest.fixture
def files(tmp_path):
    """Writes rows to a file of a name, and gives its path."""

    def write(name, *rows):
        path = tmp_path / name
        text = json.dumps(rows) if name.endswith(".json") else "".join(json.dumps(row) + "\n" for row in rows)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def made(tmp_path, *paths, **flags):
    return import_pool(ImportConfig(paths, tmp_path / "pool.jsonl", **flags))


def test_answers_of_several_models_join_by_prompt(files, tmp_path):
    one = files("one.json", *({"instruction": q, "output": f"{q}1", "generator": "m/1"} for q in "abc"))
    two = files("two.json", *({"instruction": q, "output": f"{q}2", "generator": "m/2"} for q in "bcd"))
    done = made(tmp_path, one, two)
    assert (done.rows_read, done.instructions, done.references) == (6, 4, {"m/1": 3, "m/2": 3})
    pool = read_pool(str(done.path), None)
    assert [dict(row.reference_by_model) for row in pool.rows] == [
        {"m/1": "a1"}, {"m/1": "b1", "m/2": "b2"}, {"m/1": "c1", "m/2": "c2"}, {"m/2": "d2"},
    ]  # fmt: skip
    assert pool.reference_models == ["m/1", "m/2"]
    assert [row.source for row in pool.rows] == ["one", "one", "one", "two"]


def test_what_is_left_out_is_counted(files, tmp_path):
    rows = [{"question": q, "answer": a} for q, a in (("Q", "A"), (" ", "A"), ("Q", "A"), ("R", None))]
    done = made(tmp_path, files("f.jsonl", *rows))
    assert done.left_out == {"without a prompt": 1, "with nothing new for a prompt that stands earlier": 1}
    assert (done.instructions, done.references) == (2, {"gold": 1})
    assert done.rows_read == done.instructions + sum(done.left_out.values())


def test_further_answers_of_nobody_are_kept(files, tmp_path):
    """HelpSteer and KTO have several rows for a prompt, and name no model."""
    rows = [{"prompt": "Q", "response": text, "helpfulness": 3} for text in ("A", "B", "A", "C")]
    done = made(tmp_path, files("f.jsonl", *rows))
    (row,) = read_pool(str(done.path), None).rows
    assert row.reference_by_model == {"gold": "A", "gold_2": "B", "gold_3": "C"}
    assert done.left_out == {"with nothing new for a prompt that stands earlier": 1}
    two = [{"instruction": "Q", "output": text, "generator": "m"} for text in ("A", "B")]
    (row,) = read_pool(str(made(tmp_path, files("g.jsonl", *two), overwrite=True).path), None).rows
    assert row.reference_by_model == {"m": "A", "m_2": "B"}


def test_a_name_per_row_makes_no_square(files, tmp_path):
    def size(count):
        rows = [{"prompt": f"Q{n}", "response": "A", "generator": f"model-{n}"} for n in range(count)]
        return made(tmp_path, files("f.jsonl", *rows), overwrite=True).path.stat().st_size

    assert size(2000) < 2.5 * size(1000)


def test_other_tools_read_the_pool(files, tmp_path):
    """`load_dataset("json")` takes the columns and types of the first rows for those of all."""
    datasets = pytest.importorskip("datasets")
    talk = [{"role": role, "content": "x" * 3000} for role in ("user", "assistant", "user")]
    plain = [{"prompt": f"Q{n} " + "x" * 3000, "response": "A", "model": "m1"} for n in range(4000)]
    late = [{"messages": [*talk, {"role": "assistant", "content": "B"}]}]
    done = made(tmp_path, files("a.jsonl", *plain), files("b.jsonl", *late))
    loaded = datasets.load_dataset("json", data_files=str(done.path), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == 4001
    assert loaded[4000]["ref_output_gold"] == "B"
    assert [turn["content"][0] for turn in loaded[0]["messages"]] == ["Q"]


def test_ids_are_kept_or_made_of_the_prompt_and_do_not_move(files, tmp_path):
    rows = [{"instruction": q, "output": "A"} for q in "abc"]
    first = [row.id for row in read_pool(str(made(tmp_path, files("f.jsonl", *rows)).path), None).rows]
    again = made(tmp_path, files("f.jsonl", *rows[1:]), overwrite=True)
    assert [row.id for row in read_pool(str(again.path), None).rows] == first[1:]
    kept = made(tmp_path, files("g.jsonl", {"id": 5, "instruction": "a", "output": "A"}), overwrite=True)
    assert read_pool(str(kept.path), None).rows[0].id == "5"
    new = made(tmp_path, files("g.jsonl", {"id": 5, "instruction": "a", "output": "A"}), new_ids=True, overwrite=True)
    assert read_pool(str(new.path), None).rows[0].id == first[0]


def test_columns_are_known_by_several_rows(files, tmp_path):
    """The first row may lack the answer, and JSON lines may leave columns out."""
    rows = [
        {"instruction": "a", "output": None}, {"instruction": "b", "output": "B"},
        {"instruction": "c"}, {"instruction": "d", "input": "D", "output": "X"},
    ]  # fmt: skip
    pool = read_pool(str(made(tmp_path, files("f.jsonl", *rows)).path), None)
    assert [row.prompt for row in pool.rows] == ["a", "b", "c", "d\n\nD"]
    assert [dict(row.reference_by_model) for row in pool.rows] == [{}, {"gold": "B"}, {}, {"gold": "X"}]
    sparse = [{"prompt": "a", "ref_output_x": "X"}, {"prompt": "b", "ref_output_y": "Y"}]
    pool = read_pool(str(made(tmp_path, files("g.jsonl", *sparse), overwrite=True).path), None)
    assert [dict(row.reference_by_model) for row in pool.rows] == [{"x": "X"}, {"y": "Y"}]


def test_turns_and_system_messages_survive(files, tmp_path):
    turns = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "3"}]
    path = files("f.jsonl", {"messages": [*turns, {"role": "assistant", "content": "4"}]}, {"messages": turns[:1]})
    long, short = read_pool(str(made(tmp_path, path).path), None).rows
    assert (long.messages, long.prompt, dict(long.reference_by_model)) == (turns, "3", {"gold": "4"})
    assert (short.messages, dict(short.reference_by_model)) == (turns[:1], {})


def test_csv(tmp_path):
    (tmp_path / "faq.csv").write_text('Title,Body,Reply\nWhy?,"So, why?",Because.\n', encoding="utf-8")
    layout = Layout(prompt=("Title", "Body"), references=(("gold", "Reply"),))
    (row,) = read_pool(str(made(tmp_path, str(tmp_path / "faq.csv"), layout=layout).path), None).rows
    assert (row.prompt, row.reference_by_model["gold"]) == ("Why?\n\nSo, why?", "Because.")


def test_the_same_command_finds_its_pool_and_another_does_not_replace_it(files, tmp_path):
    path = files("f.jsonl", {"instruction": "a", "output": "A"})
    before = made(tmp_path, path).path.stat().st_mtime_ns
    assert made(tmp_path, path).path.stat().st_mtime_ns == before
    with pytest.raises(UserError, match="already exists with different settings"):
        made(tmp_path, files("f.jsonl", {"instruction": "a", "output": "B"}))


def test_the_demo_pool_comes_through_whole(tmp_path):
    """Written as one file a model, as APIs' users have it, and put together again."""
    demo = read_pool(str(ROOT / "src/bleuberi/demo/pool.jsonl"), None)
    paths = []
    for name in demo.reference_models:
        paths.append(str(tmp_path / f"{name}.jsonl"))
        with open(paths[-1], "w", encoding="utf-8") as stream:
            for row in demo.rows:
                values = {"model": name, "question": row.prompt, "response": row.reference_by_model[name]}
                stream.write(json.dumps(values) + "\n")
    again = read_pool(str(made(tmp_path, *paths).path), None)
    assert [(row.prompt, dict(row.reference_by_model)) for row in again.rows] == [
        (row.prompt, dict(row.reference_by_model)) for row in demo.rows
    ]


def test_the_command_says_what_it_took_for_what(files, tmp_path, capsys):
    path = files("f.jsonl", {"instruction": "a", "input": "b", "output": "A"}, {"instruction": "", "output": "x"})
    command, words = find_command(["data", "import", path, "--output", str(tmp_path / "pool.jsonl")])
    assert command(words) == 0
    said = capsys.readouterr().out
    assert "prompt from instruction + input; ref_output_gold from output" in said
    assert "2 rows -> 1 instructions" in said
    assert "1 without a prompt" in said
    assert f"Next: bleuberi data check {tmp_path / 'pool.jsonl'}" in said.replace("\n", "")
    assert command([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["references"] == {"gold": 1}


BROKEN = "this line is never read"


@pytest.mark.parametrize("name", ["f.jsonl", "f.json", "f.csv"])
def test_a_limit_reads_no_further(tmp_path, name):
    rows = [{"prompt": f"Q{number}", "completion": f"A{number}"} for number in range(9)]
    text = {
        "f.jsonl": "".join(json.dumps(row) + "\n" for row in rows) + BROKEN,
        "f.json": json.dumps(rows)[:-1] + f", {BROKEN}",
        "f.csv": "prompt,completion\n" + "".join(f"{r['prompt']},{r['completion']}\n" for r in rows) + ',,,"' + BROKEN,
    }[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError):
        made(tmp_path, str(tmp_path / name))
    done = made(tmp_path, str(tmp_path / name), limit=4)
    assert (done.rows_read, done.instructions) == (4, 4)
    assert [row.prompt for row in read_pool(str(done.path), None).rows] == ["Q0", "Q1", "Q2", "Q3"]


def test_a_limit_is_per_file_and_of_the_request(files, tmp_path):
    one = files("one.json", *({"prompt": q, "response": f"{q}1", "model": "m1"} for q in "abc"))
    two = files("two.json", *({"prompt": q, "response": f"{q}2", "model": "m2"} for q in "abc"))
    done = made(tmp_path, one, two, limit=2)
    assert (done.rows_read, done.instructions, done.references) == (4, 2, {"m1": 2, "m2": 2})
    manifest = json.loads((tmp_path / "pool.manifest.json").read_text())
    assert (manifest["config"]["limit"], manifest["rows_read"]) == (2, 4)
    assert made(tmp_path, one, two, limit=2) == done
    for limit in (None, 3):
        with pytest.raises(UserError, match=f"limit: existing 2, requested {limit}"):
            made(tmp_path, one, two, limit=limit)
    with pytest.raises(UserError, match="--limit must be at least 1"):
        made(tmp_path, one, limit=0)
    (tmp_path / "pool.jsonl").unlink()
    assert made(tmp_path, one, two, limit=10**20).rows_read == 6


def test_columns_that_are_not_read_are_named(files, tmp_path, capsys):
    rows = [{"id": "1", "prompt": "a", "completion": "A", "rating": 5}, {"id": "2", "prompt": "b", "topic": None}]
    other = {"instruction": "c", "reward_model": {"ground_truth": "C"}, **{f"x{n:02}": n for n in range(14)}}
    command, words = find_command(["data", "import", files("f.jsonl", *rows), files("g.jsonl", other)])
    words = [*words, "--output", str(tmp_path / "pool.jsonl")]
    assert command(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Not read: rating, topic " in said
    assert f"Not read: {', '.join(f'x{n:02}' for n in range(12))} and 2 more " in said
    assert command([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unread"].popitem()[1] == [f"x{n:02}" for n in range(14)]
    decided = files("k.jsonl", {"prompt": "a", "completion": "B", "label": True, "place": 3})
    assert find_command(["data", "import"])[0]([decided, "--output", str(tmp_path / "decided.jsonl")]) == 0
    assert "Not read: place\n" in capsys.readouterr().out
    again = str(tmp_path / "again.jsonl")
    assert find_command(["data", "import"])[0]([str(ROOT / "src/bleuberi/demo/pool.jsonl"), "--output", again]) == 0
    assert "Not read" not in capsys.readouterr().out
