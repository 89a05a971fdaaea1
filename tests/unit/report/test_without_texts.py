"""A page to share holds no word of the data and no folder of the machine, in whatever form it may be hidden.

Every text, id and column's word of the data has a marker of its own kind; the full page shows each kind, so that a kind
that this page lets through is found here.
"""

import base64
import html
import json
import re
from pathlib import Path

import pytest

from bleuberi.cli import report as command
from bleuberi.cli.agreement import main as agreement
from bleuberi.cli.data_check import main as data_check
from bleuberi.errors import UserError
from bleuberi.records import to_json
from bleuberi.report.find import own_name
from bleuberi.selection.record import Signal
from bleuberi.view.without_texts import SENTENCE, short_paths
from tests.unit.report.report_folders import BLEU, write_evaluation, write_json, write_run, write_selection

pytest.importorskip("vl_convert")
USER = "zzuser"  # a folder above everything
ON_PAGE = ("zzprompt", "zzreference", "zzanswer", "zzsample", "zzid", "zzsource", "zzdamage", USER)
NOT_ON_PAGE = ("zzjudge", "zzcolumn", "zzsystem")  # no page shows these; neither may this one


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rewrite(path, change):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for place, row in enumerate(rows):
        change(row, place)
    lines(path, rows)


def pool(root):
    """A pool through the real commands: flags name ids, agreement reads texts."""
    rows = [
        {"id": f"zzid-{number}", "source": "zzsource", "prompt": f"zzprompt tell of {number % 9}", "extra": "zzcolumn",
         "ref_output_gold": f"zzreference it is {number}", "ref_output_other": "I cannot help with zzreference."}
        for number in range(12)
    ]  # fmt: skip
    data_check([str(lines(root / "pool.jsonl", rows)), "--output_dir", str(root / "checked")])
    pairs = [
        {**row, "response_a": f"zzanswer it is {place}", "response_b": "zzanswer no", "winner": "a"}
        for place, row in enumerate(rows)
    ]
    given = str(lines(root / "pairs.jsonl", pairs))
    agreement(["--preferences", given, "--output_dir", str(root / "agreement"), "--resamples", "50"])


def selection(root):
    folder = write_selection(root / "data" / "picked")
    record = json.loads((folder / "selection.json").read_text())
    record["source_mix"] = {f"zzsource {place}": {"pool": 30, "picked": 15} for place in range(2)}
    drawn_with = {"model": f"{root}/models/small"}
    record["signal"] = to_json(Signal(8, (), 0.0, drawn_with, "spread", 8, None, 30, "method", "method", "floor"))
    for row in record["rows"]:
        row["id"] = f"zzid-{row['id']}"
    write_json(folder / "selection.json", record)
    content = json.loads((folder / "selection_examples.json").read_text())
    for row in content["rows"]:
        row |= {"id": f"zzid-{row['id']}", "source": "zzsource", "prompt": "zzprompt", "references": ["zzreference so"]}
        row["samples"] = [{"score": row["score"], "response": "zzanswer so"}]
    write_json(folder / "selection_examples.json", content)


def run(root):
    folder = write_run(root / "runs" / "one", warnings=[f"the reward of {root}/runs/one stands still"])
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"] |= {"model_name_or_path": f"{root}/my models/small", "dataset_path": f"{root}/data/picked"}
    write_json(folder / "manifest.json", manifest)
    rewrite(folder / "completions.jsonl", lambda row, _: row.update(
        example_id=f"zzid-{row['example_id']}", prompt="zzprompt", completion="zzsample"))  # fmt: skip
    write_run(root / "runs" / "two", finished=False)


def evaluation(root):
    folder = write_evaluation(root / "evaluation")
    content = json.loads((folder / "evaluation.json").read_text())
    content["config"] |= {"prompts": f"{root}/pool.jsonl"}
    content["models"][0]["model"] = f"{root}/models/small"
    content["judge"] = {"settings": {"model": f"{root}/models/judge", "url": "http://host/zzjudge"}, "pairs": [],
                        "signature": f"judge|model:{root}/models/judge|greedy|max:9"}  # fmt: skip
    write_json(folder / "evaluation.json", content)
    rewrite(folder / "answers.jsonl", lambda row, place: row.update(
        id=f"zzid-{place}", prompt="zzprompt", references=["zzreference so"], system="zzsystem",
        answers=dict.fromkeys(row["answers"], "zzanswer so"), judgments=[{"reply": "zzjudge"}]))  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("report") / "home" / USER / "my work"
    pool(root)
    selection(root)
    run(root)
    evaluation(root)
    broken = json.loads((root / "data/picked/selection.json").read_text())
    write_json(root / "broken/selection.json", broken | {"kept": "zzdamage"})
    return root


def reported(folder, *words):
    assert command.main([*words, "--output_dir", str(folder)]) == 0
    return every_form([path for path in folder.rglob("*") if path.is_file()])


def every_form(paths):
    """All that the files hold: names and bytes, entities and escapes undone, base64 decoded."""
    said = []
    for path in paths:
        text = path.read_bytes().decode("utf-8", errors="replace")
        said += [path.name, text, html.unescape(text), re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), text)]
        for word in re.findall(r"[A-Za-z0-9+/_-]{24,}={0,2}", text):
            whole = word.replace("-", "+").replace("_", "/").rstrip("=")
            said += [
                base64.b64decode(whole[start:] + "=" * (-len(whole[start:]) % 4) if len(whole[start:]) % 4 != 1 else "")
                .decode("utf-8", errors="replace") for start in range(4)
            ]  # fmt: skip
    return "\n".join(said).lower()


@pytest.fixture(scope="module")
def full(root, tmp_path_factory):
    return reported(tmp_path_factory.mktemp("full"), str(root), "--no_figures")


@pytest.fixture(scope="module")
def shared(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared") / "out"
    return folder, reported(folder, str(root), "--no_texts")


@pytest.mark.parametrize("marker", ON_PAGE)
def test_the_full_page_shows_it_and_the_page_to_share_does_not(full, shared, marker):
    assert marker in full
    assert marker not in shared[1]


@pytest.mark.parametrize("marker", NOT_ON_PAGE)
def test_what_no_page_shows_is_not_shown(shared, marker):
    assert marker not in shared[1]


def test_no_folder_above_what_was_given_is_told(root, shared):
    words = {part.lower() for part in root.parent.parts if len(part) > 4}
    assert USER in words
    assert not {word for word in words if word in shared[1]}
    assert "my models" not in shared[1]


def test_numbers_settings_signatures_and_verdicts_stay(shared):
    folder, _ = shared
    content = json.loads((folder / "numbers.json").read_text())
    whole = [one for one in content["sections"] if one["folder"] != "broken"]
    by_kind = {one["kind"]: one for one in reversed(whole)}
    assert set(by_kind) == {"pool check", "selection", "training run", "side by side", "agreement", "evaluation"}
    assert by_kind["training run"]["signatures"]["settings"] == "model_name_or_path small, num_generations 4"
    assert by_kind["training run"]["signatures"]["reward bleu"] == BLEU
    assert by_kind["training run"]["folder"] == "runs/one"
    assert by_kind["selection"]["signatures"]["samples"] == "model: small"
    assert "the reward of one stands still" in by_kind["training run"]["notices"][0][1]
    ranked = next(chart for chart in by_kind["evaluation"]["charts"] if chart["name"] == "by_example")
    assert [(row["id"], row["value"]) for row in ranked["values"][:2]] == [("prompt 1", 0.58), ("prompt 2", 0.56)]
    sources = next(chart for chart in by_kind["selection"]["charts"] if chart["name"] == "source_mix")
    assert {row["kind"] for row in sources["values"]} == {"source 1", "source 2"}
    assert any("beats" in text or "agrees" in text for _, text in by_kind["agreement"]["notices"])
    assert [table["columns"][-1] for table in by_kind["pool check"]["tables"]] == ["references"]
    assert all(list((folder / "figures").glob(f"{one['id']}_{chart['name']}.svg"))
               for one in by_kind.values() for chart in one["charts"])  # fmt: skip


def test_the_page_says_in_one_line_that_texts_were_left_out(full, shared):
    folder, _ = shared
    page = (folder / "report.html").read_text()
    assert page.count(SENTENCE) == 1
    assert SENTENCE.lower() not in full
    assert "data-browser=" not in page


def test_the_folder_of_a_page_to_share_is_its_own_and_holds_no_older_figure(root, capsys):
    assert command.main([str(root / "runs/one"), "--no_texts", "--no_figures"]) == 0
    assert (root / "runs/one/report_without_texts/report.html").exists()
    assert '<h1 dir="auto">one</h1>' in (root / "runs/one/report_without_texts/report.html").read_text()
    old = root / "runs/one/report_without_texts/figures/old.svg"
    old.parent.mkdir()
    old.write_text("zzid")
    with pytest.raises(UserError, match="figures of another report"):
        command.main([str(root / "runs/one"), "--no_texts"])
    old.unlink()
    assert command.main([str(root / "runs/one"), "--no_texts"]) == 0
    assert command.main([str(root / "runs/one"), "--no_texts"]) == 0  # its own figures are no others
    capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("/home/ann/models/small", "small"),
        ("model_name_or_path /home/ann b/my models/small, seed 4", "model_name_or_path small, seed 4"),
        ("embedding|model:/srv/x/small|v:1", "embedding|model:small|v:1"),
        ("~/models/small against /srv/ann/runs/ and ../ann/x", "small against runs and x"),
        ("file:///home/ann/pool.jsonl", "pool.jsonl"),
        (r"C:\Users\Ann\runs", "runs"),
        ("/home/ann", "~"),
        ("at (/data/a,b/run) of 9", "at (run) of 9"),
        ("rewards/bleu/mean of Qwen/Qwen2.5-7B at https://vega.github.io/schema/v6.json, 1/2 and and/or", None),
        ("tokens of the response / of the shortest reference", None),
    ],
)
def test_paths_become_names(text, short):
    assert short_paths(text, ["/data/a,b"]) == (text if short is None else short)


def test_a_home_has_no_name():
    assert own_name(Path.home()) == own_name(Path("/home/ann")) == "~"
    assert own_name(Path("/srv/ann/run")) == "run"
