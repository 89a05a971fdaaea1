"""What a page shows of folders that are whole, half-written, foreign, or made in different ways."""

import json
import re
import time

import pytest

from bleuberi.cli import report as command
from bleuberi.errors import UserError
from bleuberi.plain_text import plain
from bleuberi.report import build as building
from bleuberi.report.build import build
from bleuberi.report.find import find, short_names
from bleuberi.rewards.explanation import explain
from bleuberi.view.highlight import marked
from bleuberi.view.html import embedded, numbers, render
from tests.unit.report.report_folders import (
    BLEU,
    EVIL,
    ROUGE,
    estimate,
    write_evaluation,
    write_json,
    write_run,
    write_selection,
)

pytest.importorskip("vl_convert")


def section(sections, kind):
    return next(one for one in sections if one.kind == kind)


def test_a_folder_with_nothing_known_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UserError, match="Nothing to report"):
        find([tmp_path])
    with pytest.raises(UserError, match=r"/absent does not exist\."):
        find([tmp_path / "absent"])


def test_folders_are_found_once_and_in_the_order_of_the_work(tmp_path):
    write_evaluation(tmp_path / "a/evaluation")
    write_run(tmp_path / "a/grpo")
    write_run(tmp_path / "b/grpo")
    write_selection(tmp_path / "data/picked")
    write_run(tmp_path / "a/grpo/checkpoint-4")
    write_selection(tmp_path / "a/.picked.abc.partial")
    found = find([tmp_path, tmp_path / "a", tmp_path / "a/evaluation/evaluation.json"])
    assert [one.kind for one in found] == ["selection", "training run", "training run", "evaluation"]
    assert set(short_names(found).values()) == {"data/picked", "a/grpo", "b/grpo", "a/evaluation"}


def test_a_killed_run_shows_what_it_logged(tmp_path):
    write_run(tmp_path / "run", finished=False, warnings=["the reward follows the length"])
    run = section(build([tmp_path]), "training run")
    assert "not finished at step 12 of 12" in run.lead
    told = " ".join(notice.text for notice in run.notices)
    assert "did not finish" in told
    assert "Step 6: the reward follows the length" in told
    assert "left out: 1" in told
    names = [chart.name for chart in run.charts]
    assert names[0] == "reward_bleu"
    assert {"length", "shares", "texts", "bleu_correlation", "loss"} <= set(names)
    assert run.charts[0].signature == BLEU
    rule = [layer for layer in run.charts[0].spec["layer"] if "data" in layer]
    assert rule[0]["data"]["values"] == [{"step": 6, "text": "the reward follows the length"}]


def test_a_run_that_only_started_and_one_without_rewards(tmp_path):
    write_json(tmp_path / "started/started.json", {"max_steps": 5, "num_generations": 4})
    write_run(tmp_path / "mute", reward=None, signature=None)
    runs = [one for one in build([tmp_path]) if one.kind == "training run"]
    told = {one.folder.rpartition("/")[2]: " ".join(notice.text for notice in one.notices) for one in runs}
    assert "Nothing was logged yet" in told["started"]
    assert "No reward was logged" in told["mute"]
    assert "its signature is unknown" in told["mute"]
    assert not [chart for one in runs for chart in one.charts if chart.name.startswith("reward")]


def test_rewards_made_in_different_ways_get_axes_of_their_own_and_the_reason(tmp_path):
    write_run(tmp_path / "one")
    write_run(tmp_path / "two")
    write_run(tmp_path / "other", reward="rouge", signature=ROUGE)
    side = section(build([tmp_path]), "side by side")
    rewards = [chart for chart in side.charts if chart.name.startswith("reward")]
    drawn = {
        chart.signature: {row["series"].rpartition("/")[2] for row in chart.spec["data"]["values"]} for chart in rewards
    }
    assert drawn == {BLEU: {"one", "two"}, ROUGE: {"other"}}
    (notice,) = side.notices
    assert notice.text.startswith("These rewards are not drawn on one axis")
    assert BLEU in notice.text
    assert ROUGE in notice.text


def test_runs_of_one_reward_share_an_axis(tmp_path):
    write_run(tmp_path / "one")
    write_run(tmp_path / "two")
    side = section(build([tmp_path]), "side by side")
    assert [chart.name for chart in side.charts if "reward" in chart.name] == ["reward_1"]
    assert side.notices == []


@pytest.mark.parametrize(("change", "reason"), [({"signature": BLEU + "x"}, "signatures"), ({"pool": "p2"}, "prompts")])
def test_evaluations_that_do_not_compare_are_kept_apart(tmp_path, change, reason):
    write_evaluation(tmp_path / "one")
    write_evaluation(tmp_path / "two", **change)
    side = build([tmp_path])[-1]
    assert side.title == "Evaluations side by side"
    assert [chart.name for chart in side.charts] == ["bleu_1", "bleu_2"]
    assert f"since the {reason} differ" in side.notices[0].text


def test_a_damaged_folder_is_told_and_the_others_are_shown(tmp_path):
    write_run(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/selection.json").write_text('{"selection_mode": "hard"')
    write_json(tmp_path / "foreign/evaluation.json", {"models": "none"})
    write_json(tmp_path / "foreign/check.json", [1, 2])
    sections = build([tmp_path])
    assert [one.kind for one in sections] == ["pool check", "selection", "training run", "evaluation"]
    broken = [one for one in sections if one.kind != "training run"]
    assert all("half-written or damaged" in one.notices[0].text for one in broken)
    assert "damaged" in render(sections, "t")


def test_the_largest_differences_come_first(tmp_path):
    write_evaluation(tmp_path / "evaluation")
    evaluation = section(build([tmp_path]), "evaluation")
    (browser,) = evaluation.browsers
    assert [row.id for row in browser.rows][:3] == ["e29", "e28", "e27"]
    ranks = next(chart for chart in evaluation.charts if chart.name == "by_example").spec["data"]["values"]
    assert ranks[0]["id"] == "e29"
    assert "not known" in evaluation.lead  # the interval of one prompt is infinite


def test_a_difference_is_drawn_the_way_the_verdict_tells_it(tmp_path):
    folder = write_evaluation(tmp_path / "evaluation")
    content = json.loads((folder / "evaluation.json").read_text())
    content["comparisons"] = [{"base": "grpo", "other": "sft", "difference": {"bleu": estimate(-0.1, -0.3, 0.1)}}]
    question = {"question": "Worth it?", "answer": "yes", "sentence": "So.", "metric": "bleu", "base": "sft",
                "other": "grpo", "difference": estimate(0.1)}  # fmt: skip
    for questions, expected in (([question], ("grpo - sft", 0.1, -0.1, 0.3)), ([], ("sft - grpo", -0.1, -0.3, 0.1))):
        content["verdict"] = {"questions": questions, "table": [], "unequal": []}
        write_json(folder / "evaluation.json", content)
        (row,) = section(build([tmp_path]), "evaluation").charts[0].spec["data"]["values"]
        assert (row["name"], row["value"], row["low"], row["high"]) == expected


def test_every_score_on_the_page_has_its_signature(tmp_path):
    write_selection(tmp_path / "data")
    write_run(tmp_path / "run")
    write_evaluation(tmp_path / "evaluation")
    for one in build([tmp_path]):
        for chart in one.charts:
            if any(word in chart.name for word in ("score", "reward", "means", "differences", "by_example")):
                assert chart.signature == BLEU, chart.name
        for browser in one.browsers:
            assert browser.signature == BLEU
        assert BLEU in one.signatures.values()


def test_marks_are_those_of_explain_and_lose_no_character():
    response = "The cat's  cat sat\n\ton the 1,000 mats &amp; left.\u202e A-B <skipped>it-\nself"
    references = ["the cat sat on the 1,000 mats & left", "The cat's mat"]
    parts = marked(response, references)
    assert "".join(text for text, _ in parts) == plain(response)
    found = explain(response, references)
    depth_of = dict(zip(found.tokens, found.depth, strict=True))
    by_text = dict(parts)
    assert max(by_text.values()) == max(found.depth) == 4
    assert any("on the 1,000 mats" in text and depth == depth_of["mats"] for text, depth in parts)
    assert marked("", references) == []
    assert marked("nothing shared", ["x"]) == [("nothing shared", 0)]


def test_texts_cannot_leave_their_place(tmp_path):
    write_selection(tmp_path / "data", evil=EVIL)
    write_run(tmp_path / "run", evil=EVIL, warnings=[EVIL])
    write_evaluation(tmp_path / "evaluation", evil=EVIL)
    page = render(build([tmp_path]), EVIL)
    assert "<script>window.pwned" not in page
    assert "<img src=x" not in page
    assert not {"\x1b", "\u202e"} & set(page)
    assert len(re.findall(r"^</?script|</script>$", page, re.MULTILINE)) == 6
    assert not re.search(r'(?:src|href)="(?!#)', page.partition('<script type="application/json"')[0])


def test_embedded_json_is_whole_and_strict():
    told = json.loads(embedded({"a</script>": ["<!--", float("nan"), float("-inf"), 1 / 3, "\ud800"]}))
    assert told == {"a</script>": ["<!--", None, None, 0.333333, "\\ud800"]}


def test_the_command_writes_page_numbers_and_figures(tmp_path, capsys):
    write_run(tmp_path / "run")
    assert command.main([str(tmp_path / "run")]) == 0
    out = tmp_path / "run/report"
    told = json.loads((out / "numbers.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    (run,) = told["sections"]
    assert run["charts"][0]["values"][0]["value"] == 0.01
    assert run["charts"][0]["signature"] == BLEU
    svg = (out / "figures" / f"{run['id']}_reward_bleu.svg").read_text()
    assert "#3b5bdb" in svg
    assert "var(" not in svg
    assert (out / "figures" / f"{run['id']}_reward_bleu.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "report.html").resolve().as_uri() in capsys.readouterr().out
    assert len(find([tmp_path])) == 1  # a report is not reported


def test_a_selection_of_50000_rows_is_written_in_seconds_and_stays_small(tmp_path):
    folder = write_selection(tmp_path / "data", rows=50_000, evil="word " * 400, shown=600)
    began = time.process_time()
    sections = build([folder])
    page = render(sections, "large")
    assert time.process_time() - began < 10
    assert len(page.encode()) < 5_000_000
    (browser,) = section(sections, "selection").browsers
    assert 50 < len(browser.rows) < 600
    assert f"{sum(row.tag == 'picked' for row in browser.rows):,} of 25,000 picked rows" in browser.note
    assert len(json.dumps(numbers(sections))) < 1_000_000


def test_examples_are_thinned_until_the_page_is_small(tmp_path, monkeypatch):
    write_selection(tmp_path / "data")
    write_evaluation(tmp_path / "evaluation")
    monkeypatch.setattr(building, "MOST_EXAMPLE_BYTES", 12_000)
    browsers = [browser for one in build([tmp_path]) for browser in one.browsers]
    assert sum(len(json.dumps(browser.rows)) for browser in browsers) <= 12_000
    assert any(f"Only {len(browser.rows)} of them fit" in browser.note for browser in browsers)


def test_a_reward_of_ones_own_keeps_its_signature(tmp_path):
    write_run(tmp_path / "run", reward="mine", signature="mine|v:1")
    for name in ("manifest.json", "started.json"):
        path = tmp_path / "run" / name
        path.write_text(path.read_text().replace('"reward_funcs": ["mine"]', '"reward_funcs": ["my.module:Mine"]'))
    run = section(build([tmp_path]), "training run")
    assert run.charts[0].signature == "mine|v:1"
    assert run.signatures["reward mine"] == "mine|v:1"


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda content: content["models"][0].update(name=["a", "list"]), "models.0.name is ['a', 'list'], not a text"),
        (
            lambda content: content["groups"][0]["mean"]["bleu"].update(value="x"),
            "mean.bleu.value is 'x', not a number",
        ),
        (lambda content: content.pop("signatures"), "evaluation.json has no signatures"),
    ],
)
def test_values_that_no_page_can_show_are_said_beside_the_other_folders(tmp_path, harm, told):
    for name in ("good", "bad", "better"):
        write_evaluation(tmp_path / name)
    content = json.loads((tmp_path / "bad/evaluation.json").read_text())
    harm(content)
    write_json(tmp_path / "bad/evaluation.json", content)
    sections = build([tmp_path])
    render(sections, "title")
    notices = [[notice.text for notice in one.notices] for one in sections]
    assert told in notices[0][0]
    assert "half-written or damaged" in notices[0][0]
    assert [one.kind for one in sections] == ["evaluation", "evaluation", "evaluation", "side by side"]
    assert all("damaged" not in text for own in notices[1:] for text in own)


def test_a_number_too_large_for_a_float_is_shown_as_missing(tmp_path):
    """Like a NaN, it is read as no value; the other numbers of the folder are shown."""
    pages = []
    for value in (10**400, None):
        content = json.loads((write_evaluation(tmp_path / "evaluation") / "evaluation.json").read_text())
        content["groups"][0]["mean"]["bleu"]["value"] = value
        write_json(tmp_path / "evaluation/evaluation.json", content)
        pages.append(render(build([tmp_path]), "title"))
    assert pages[0] == pages[1]
    assert "half-written or damaged" not in pages[0]


def test_a_number_where_a_text_belongs_is_said(tmp_path):
    entry = {"flag": "empty", "meaning": 5, "rows": 1, "share": 0.1, "references": None, "examples": []}
    write_json(tmp_path / "check.json", {"rows": 9, "table": [entry]})
    (found,) = build([tmp_path])
    assert "table.0.meaning is 5, not a text" in found.notices[0].text
    render([found], "title")
