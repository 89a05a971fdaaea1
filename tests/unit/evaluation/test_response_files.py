"""`bleuberi evaluate` on responses that were made elsewhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bleuberi.cli import evaluate
from bleuberi.cli.parser import run

COUNT = 40
FACTS = {"day": "Monday", "venue": "library"}


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(name):
    return [json.loads(line) for line in Path(name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a pool of which every second row has facts, and responses in several forms."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"id": f"p{n}", "prompt": f"Say where and when item {n} is.",
         "ref_output_gold": f"Item {n} is in the library on Monday.", **({"x_facts": FACTS} if n % 2 else {})}
        for n in range(COUNT)
    ]  # fmt: skip
    lines(tmp_path / "pool.jsonl", rows)
    lines(tmp_path / "base.jsonl", [{"id": row["id"], "response": "I do not know."} for row in rows])
    good = [f"Item {n} is in the library, Monday." for n in range(COUNT)]
    lines(
        tmp_path / "good.jsonl",
        [{"prompt": row["prompt"], "completion": text} for row, text in zip(rows, good, strict=True)],
    )
    return tmp_path


def call(*words):
    return run(evaluate.main, ["--prompts", "pool.jsonl", "--output_dir", "out", *words])


def content(folder="out"):
    return json.loads(Path(folder, "evaluation.json").read_text(encoding="utf-8"))


def test_files_are_compared_by_id_and_by_prompt(place, capsys):
    assert call("--models", "base=base.jsonl", "trained=good.jsonl") == 0
    made = content()
    base, trained = made["models"]
    assert made["prompts"] == COUNT
    assert (base["responses"]["from"], base["responses"]["file"]) == ("file", "base.jsonl")
    assert trained["revision"].startswith("responses:")
    assert (trained["training"], trained["tokenizer"], trained["cut_share"]) == (None, None, None)
    assert made["config"]["sampling_signature"] is None
    assert made["comparisons"][0]["difference"]["bleu"]["low"] > 0.3
    assert "?" in capsys.readouterr().out  # the share of cut responses is not known
    rows = read("out/answers.jsonl")
    assert rows[3]["answers"] == {"base": "I do not know.", "trained": "Item 3 is in the library, Monday."}
    assert rows[3]["finish"] == {"base": None, "trained": None}


def test_no_torch_is_loaded_for_files(place):
    program = (
        "import sys; from bleuberi.cli import evaluate; code = evaluate.main(sys.argv[1:]); "
        "print([name for name in ('torch', 'transformers', 'datasets') if name in sys.modules]); sys.exit(code)"
    )
    words = ["--models", "base=base.jsonl", "trained=good.jsonl", "--prompts", "pool.jsonl", "--output_dir", "out"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_prompts_that_a_file_lacks_are_dropped_for_all_and_counted_per_model(place):
    rows = [
        {"id": f"p{n}", "response": "Item.", "finish_reason": "length" if n < 9 else "stop"} for n in range(3, COUNT)
    ]
    rows += [{"id": "p5", "response": "again"}, {"id": "stranger", "response": "x"}, {"id": "p0", "response": None}]
    rows += [{"id": "p1", "response": "", "finish_reason": "no_answer"}]
    lines(place / "some.jsonl", rows)
    assert call("--models", "base=base.jsonl", "some=some.jsonl") == 0
    made = content()
    assert made["prompts"] == COUNT - 3
    assert made["rows"]["dropped"]["without a response in a file"] == 3
    found = made["models"][1]
    assert {name: found["responses"][name] for name in ("missing", "repeated", "unknown")} == {
        "missing": 3, "repeated": 1, "unknown": 1,
    }  # fmt: skip
    assert made["models"][0]["responses"]["missing"] == 0
    assert found["cut_share"] == pytest.approx(6 / 37)
    (said,) = [text for text in made["warnings"] if text.startswith("some.jsonl")]
    assert said == (
        "some.jsonl: 3 prompts without a response, left out for all models; 1 further responses to a prompt, of which "
        "the first counts; 1 responses to other prompts, left out."
    )


def test_the_content_names_a_file_not_its_place_or_form(place):
    assert call("--models", "base=base.jsonl", "trained=good.jsonl") == 0
    rows = read("good.jsonl")
    (place / "good.json").write_text(
        json.dumps([{"prompt": row["prompt"], "answer": row["completion"]} for row in rows])
    )
    assert call("--models", "base=base.jsonl", "trained=good.json") == 0
    lines(place / "good.jsonl", [*rows[1:], {**rows[0], "completion": "Other."}])
    assert call("--models", "base=base.jsonl", "trained=good.jsonl") == 2  # other responses are another evaluation


def test_seeds_may_write_the_same_but_not_be_the_same_file(place, capsys):
    assert call("--models", "base=base.jsonl", "x@0=good.jsonl", "x@1=./good.jsonl") == 2
    assert "x@0 and x@1 are the same file, not two seeds." in capsys.readouterr().err
    (place / "copy.jsonl").write_bytes((place / "good.jsonl").read_bytes())
    assert call("--models", "base=base.jsonl", "x@0=good.jsonl", "x@1=copy.jsonl") == 0
    assert "x@0 and x@1 have the same responses, so they count as one run." in content()["warnings"]


def test_facts_come_along_as_the_last_score_and_first_only_if_asked(place):
    assert call("--models", "base=base.jsonl", "trained=good.jsonl") == 0
    metrics = content()["metrics"]
    scores = [(one["name"], one["family"]) for one in metrics if one["role"] == "score"]
    assert scores == [("bleu", "overlap"), ("rouge", "overlap"), ("meteor", "stems"), ("facts", "truth")]
    assert [one["unscored"] for one in metrics if one["name"] == "facts"] == [COUNT // 2]
    (group,) = [one for one in content()["groups"] if one["name"] == "trained"]
    assert (group["mean"]["facts"]["value"], group["mean"]["facts"]["n"]) == (1.0, COUNT // 2)
    assert call("--models", "base=base.jsonl", "trained=good.jsonl", "--metrics", "facts", "bleu", "--overwrite") == 0
    assert [one["name"] for one in content()["metrics"]][:2] == ["facts", "bleu"]


def test_facts_that_nobody_has_cannot_be_asked_for(place, capsys):
    rows = read("pool.jsonl")
    lines(place / "pool.jsonl", [{name: row[name] for name in row if name != "x_facts"} for row in rows])
    assert call("--models", "base=base.jsonl", "trained=good.jsonl", "--metrics", "facts") == 2
    assert "--metrics asks for facts, but no prompt has any" in capsys.readouterr().err
    assert call("--models", "base=base.jsonl", "trained=good.jsonl") == 0
    assert "facts" not in content()["signatures"]


def test_an_echo_is_all_copied(place):
    rows = [{"id": f"p{n}", "response": f"Say where and when item {n} is."} for n in range(COUNT)]
    lines(place / "echo.jsonl", rows)
    assert call("--models", "base=base.jsonl", "echo=echo.jsonl") == 0
    base, echo = content()["groups"]
    assert (base["mean"]["copied"]["value"], echo["mean"]["copied"]["value"]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("models", "what"),
    [
        (["base=none.jsonl"], "File none.jsonl does not exist."),
        (["base=base.jsonl", "b=notes.txt"], "has an unsupported file type"),
        (["base=base.jsonl", "b=strangers.csv"], "No row of strangers.csv has an id or a prompt of the pool."),
        (
            ["base=first.jsonl", "b=last.jsonl"],
            "No prompt has a response from every model (40 of 40 prompts are missing from at least one file).",
        ),
        (["base=two.jsonl"], "two.jsonl holds responses of 2 models: a, b."),
    ],
)
def test_files_that_cannot_be_compared(place, capsys, models, what):
    (place / "notes.txt").write_text("x")
    (place / "strangers.csv").write_text("id,response\nx,y\n")
    lines(place / "first.jsonl", [{"id": "p0", "response": "x"}])
    lines(place / "last.jsonl", [{"id": "p9", "response": "x"}])
    lines(place / "two.jsonl", [{"id": "p0", "response": "x", "model": name} for name in "ab"])
    assert call("--models", *models) == 2
    error = capsys.readouterr().err.splitlines()
    assert any(what in line for line in error)
    assert not (place / "out").exists()
