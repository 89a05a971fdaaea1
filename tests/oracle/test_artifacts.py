"""Files that commit f0822dc wrote are read, reused and resumed: `artifacts/`, copied to another folder.

The commands ran in a folder with relative paths, and the tests type the same words, so nothing has to be rewritten.
"""

import json

import pytest

from tests.oracle.compare import GRADIENT_NORM, unlike_expected
from tests.oracle.facts import cache_facts
from tests.oracle.run import HERE

pytest.importorskip("trl")
pytestmark = pytest.mark.slow

ARTIFACTS = HERE / "artifacts"
CHANGES = {"files", "names", "gone"}


@pytest.fixture
def cases(recorded):
    return recorded.cases["artifacts"]


@pytest.fixture
def place(recorded):
    return recorded.places["artifacts"]


def test_the_commands_do_what_they_did(recorded):
    found = unlike_expected("artifacts", recorded)
    assert not found, "\n".join(found[:40])


@pytest.mark.parametrize(
    "name",
    [
        "data set of a model's outputs",
        "data set of given outputs",
        "data set with a reward of one's own",
        "data set for sft",
    ],
)
def test_data_sets_are_reused(name, cases):
    told = cases[name]["stdout"]
    assert told["reused"]
    assert not told.get("generated_now")
    assert not CHANGES & cases[name].keys()


@pytest.mark.parametrize("name", ["references", "imported pool"])
def test_a_repeated_command_changes_nothing(name, cases):
    assert cases[name]["code"] == 0
    assert not CHANGES & cases[name].keys()


def test_a_repeated_check_adds_its_warnings(cases):
    assert cases["checked pool"]["code"] == 0
    told = {"checked/check.json", "checked/flags.jsonl", "checked/manifest.json"}  # control tokens are a new flag
    assert set(cases["checked pool"]["files"]) == told


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("agreement on pairs", "pairs/agreement.json"),
        ("agreement on systems", "systems/agreement.json"),
    ],
)
def test_a_repeated_command_computes_todays_statistics_and_nothing_else(name, result, cases):
    assert cases[name]["code"] == 0
    manifest = result.replace("agreement.json", "manifest.json")  # the older version had none
    assert sorted(cases[name]["files"]) == sorted([result, manifest])
    assert CHANGES & cases[name].keys() == {"files"}


def test_a_repeated_evaluation_adds_todays_scores_and_controls(cases):
    """The older version had no METEOR and one control; its responses serve, and nothing of it is lost."""
    found = cases["evaluation"]
    assert found["code"] == 0
    assert {"evaluation/evaluation.json", "evaluation/answers.jsonl"} <= set(found["files"])
    assert not found.get("gone")


def test_cached_outputs_and_kept_scores_serve_another_selection(cases):
    found = cases["other rows of cached outputs and kept scores"]
    assert (found["stdout"]["reused"], found["stdout"]["generated_now"]) == (False, 0)
    assert all(name.startswith("data/data_grpo/tiny_easy/") for name in found["files"])


def test_the_journal_of_a_killed_run_is_taken_over(cases, place):
    (before,) = (ARTIFACTS / "data/inference_outputs").glob("served_*")
    kept = [json.loads(line[17:]) for line in (before / "journal.open").read_text().splitlines()[:-1]]
    (shard,) = before.glob("*.jsonl")
    kept += [json.loads(line) for line in shard.read_text().splitlines()[:-1]]
    found = cases["the journal of a killed run"]
    after = place / "data/inference_outputs" / before.name
    rows = [json.loads(line) for path in after.glob("*.jsonl") for line in path.read_text().splitlines()[:-1]]
    assert len(kept) == 12
    assert found["stdout"]["generated_now"] == len(rows) - len(kept) == 5
    assert all(row in rows for row in kept)
    assert not (after / "journal.open").exists()


def test_a_finished_training_is_not_trained_again(cases):
    assert cases["finished training"]["code"] == 0
    assert not CHANGES & cases["finished training"].keys()


def test_a_killed_training_ends_as_an_undisturbed_one(cases, place):
    from safetensors.torch import load_file

    assert cases["killed training"]["code"] == 0
    for name in ("model.safetensors", "adapter/adapter_model.safetensors"):
        whole, resumed = load_file(ARTIFACTS / "runs/finished" / name), load_file(place / "runs/half" / name)
        assert whole.keys() == resumed.keys()
        assert all(weight.allclose(resumed[key], rtol=1e-5, atol=1e-6) for key, weight in whole.items())
    norms = [
        [line["grad_norm"] for line in map(json.loads, lines) if "grad_norm" in line]
        for lines in (_metrics(ARTIFACTS / "runs/finished"), _metrics(place / "runs/half"))
    ]
    assert len(norms[0]) == 4
    assert norms[1] == pytest.approx(norms[0], rel=GRADIENT_NORM)
    # From the checkpoint on, not from the start: lines of steps that are trained again have other times in them.
    assert _metrics(place / "runs/half")[:2] == _metrics(ARTIFACTS / "runs/half")[:2]


def _metrics(folder):
    return (folder / "metrics.jsonl").read_text().splitlines()


def test_an_evaluation_asks_no_model_again_but_the_base_for_its_new_control(place):
    """`brief` is newer than the artifact; every older response and every older number stays."""
    before, after = (folder / "evaluation" for folder in (ARTIFACTS, place))
    (trained,) = (path.name for path in (before / "inference_outputs").glob("finished_*"))
    (base,) = (path.name for path in (before / "inference_outputs").glob("model_*"))
    kept, now = ({name: cache_facts(folder / "inference_outputs" / name) for name in (trained, base)}
                 for folder in (before, after))  # fmt: skip
    assert now[trained] == kept[trained]
    assert set(kept[base]["hashes"]) < set(now[base]["hashes"])
    assert now[base]["rows"] == 2 * kept[base]["rows"]
    old, new = (json.loads((folder / "evaluation.json").read_text())["models"] for folder in (before, after))
    for was, is_now in zip(old, new, strict=True):
        assert is_now["name"] == was["name"]
        for metric, mean in was["mean"].items():
            assert is_now["mean"][metric]["value"] == pytest.approx(mean["value"], abs=1e-12)


@pytest.mark.parametrize(
    "name",
    [
        "finished training, other settings",
        "killed training, other settings",
        "evaluation, other settings",
        "checked pool, other settings",
    ],
)
def test_other_settings_are_refused(name, cases):
    assert cases[name] == {"code": 2, "error": "two lines", "stdout": None}


def test_the_report_shows_everything(cases, place):
    assert cases["report"]["code"] == 0
    page = (place / "page/report.html").read_text(encoding="utf-8")
    for folder in ("hard", "vowels", "finished", "half", "evaluation", "pairs", "systems", "checked"):
        assert folder in page
