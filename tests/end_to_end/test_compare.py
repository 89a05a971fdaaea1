"""`bleuberi compare` with a tiny model: killed, resumed, repeated, refused, and shared between experiments."""

import json
import shutil

import pytest

from bleuberi.artifacts import file_hash, json_hash
from bleuberi.comparison.answer import responses_hash
from bleuberi.comparison.protocol import read_protocol
from bleuberi.comparison.rerun import rerun
from bleuberi.comparison.run import compare, open_workshop
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from tests.end_to_end.comparisons import killed_twice, lines, no_demo, options, quietly
from tests.end_to_end.experiment import ARMS, GRPO, evaluate, write_pools, write_protocol

pytest.importorskip("trl")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tiny_model, tmp_path_factory):
    """A finished experiment whose GRPO run was killed twice; and what the commands said."""
    work = tmp_path_factory.mktemp("compare")
    write_pools(work)
    protocol = write_protocol(work / "first/protocol.yaml", tiny_model)
    said = killed_twice(work, protocol)
    told = []
    outcome = compare(options(protocol, work / "cache"), told.append, evaluate)
    return work, protocol, said, told, outcome


def test_a_kill_is_told_and_the_same_command_completes_the_experiment(done):
    work, _, said, told, outcome = done
    assert "grpo@1: training was killed (SIGKILL)." in said[0]
    assert "Rerun the same command to resume." in said[0]
    assert "Traceback" not in said[0] + said[1]
    logs = [path.read_text() for path in work.glob("cache/experiments/models/*/log.txt")]
    assert sum(text.count("Going on from") for text in logs) == 2
    assert outcome.missing == []
    assert outcome.made == ["base", "grpo@1", "placebo@1"]
    assert [line for line in told if line.endswith("...")][:1] == ["[1/3] base ..."]
    assert told[0] == "tiny: 0 of 3 runs exist"


def test_what_is_committed(done):
    work, protocol, *_ = done
    folder = protocol.parent
    trained = {"cost.json", "manifest.json", "metrics.jsonl", "responses.jsonl"}
    found = {path.name: {file.name for file in path.iterdir()} for path in (folder / "runs").iterdir()}
    assert found == {"base": trained - {"metrics.jsonl"}, "grpo@1": trained, "placebo@1": trained}
    assert {path.name for path in folder.iterdir()} == {
        "protocol.yaml", "configs", "runs", "evaluation.json", "scores.jsonl", "table.md", "manifest.json"
    }  # fmt: skip
    rows = lines(folder / "runs/grpo@1/responses.jsonl")
    assert [row["id"] for row in rows] == [row["id"] for row in lines(work / "test.jsonl")]
    assert set(rows[0]) == {"id", "response", "finish_reason", "tokens"}
    manifest = json.loads((folder / "runs/grpo@1/manifest.json").read_text())
    assert manifest["key"] == json_hash(manifest["config"])
    assert (manifest["seed"], manifest["trained"]["steps"]) == (1, 8)
    assert manifest["config"]["training"]["config"]["learning_rate"] == 0.005
    assert manifest["cpu"]
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "protocol.yaml":
            assert str(work) not in path.read_text(), f"{path} names a place on this machine"
    assert "/secret" not in (folder / "evaluation.json").read_text()
    scores = lines(folder / "scores.jsonl")
    assert set(scores[0]["scores"]) == {"base", "grpo@1", "placebo@1"}
    assert set(scores[0]["scores"]["base"]) == {"bleu"}
    table = (folder / "table.md").read_text()
    assert "Primary comparison: grpo - placebo in bleu. All runs above." in table
    assert "| grpo@1 |" in table
    assert "| placebo | 1 |" in table


def test_costs_are_those_of_the_log_and_count_every_attempt(done):
    _, protocol, *_ = done
    folder = protocol.parent / "runs"
    cost = json.loads((folder / "grpo@1/cost.json").read_text())
    log = [entry for entry in lines(folder / "grpo@1/metrics.jsonl") if "completions/mean_length" in entry]
    assert len(log) == 8
    written = sum(entry["completions/mean_length"] * 4 for entry in log)
    assert cost["training"]["generated"] == {"sequences": 32, "tokens": written}
    assert (
        cost["training"]["forward"]
        == cost["training"]["backward"]
        == {"sequences": 32, "tokens": log[-1]["num_tokens"]}
    )
    rows = lines(folder / "grpo@1/responses.jsonl")
    assert cost["answering"]["generated"] == {"sequences": 6, "tokens": sum(row["tokens"] for row in rows)}
    assert cost["data"]["generated"]["tokens"] == 0, "random examples need no samples"
    assert cost["total"]["backward"] == cost["training"]["backward"]
    other = json.loads((folder / "placebo@1/cost.json").read_text())
    assert cost["training"]["seconds"]["cpu"] > 1.5 * other["training"]["seconds"]["cpu"], "three attempts against one"
    assert "training" not in json.loads((folder / "base/cost.json").read_text())


def test_the_placebo_has_the_same_prompts_and_no_reference_of_its_own(done):
    work, protocol, *_ = done
    manifests = [
        json.loads((protocol.parent / f"runs/{name}/manifest.json").read_text()) for name in ("grpo@1", "placebo@1")
    ]
    own, placebo = (manifest["trained"]["data_sha256"] for manifest in manifests)
    sets = {}
    for folder in work.glob("cache/experiments/data/*/data_grpo/examples"):
        rows = [dict(raw.values) for raw in read_rows(str(folder))]
        sets[json_hash(rows)] = rows
    assert set(sets) == {own, placebo}
    pairs = list(zip(sets[own], sets[placebo], strict=True))
    assert len(pairs) == 8
    assert all(one["id"] == other["id"] and one["prompt"] == other["prompt"] for one, other in pairs)
    assert not any(set(one["references"]) & set(other["references"]) for one, other in pairs)


def test_no_weights_are_left_and_a_second_command_runs_nothing(done, capsys):
    work, protocol, *_ = done
    assert not list(work.glob("cache/experiments/models/*/model"))
    before = {path: path.read_bytes() for path in protocol.parent.rglob("*") if path.is_file()}
    told = []
    outcome = compare(
        options(protocol, work / "cache"), told.append, lambda words, folder: pytest.fail("evaluated again")
    )
    assert told == ["tiny: 3 of 3 runs exist"]
    assert outcome.table == protocol.parent / "table.md"
    assert {path: path.read_bytes() for path in protocol.parent.rglob("*") if path.is_file()} == before


def test_a_run_that_was_killed_twice_is_equal_to_one_from_nothing(done):
    work, protocol, *_ = done
    found = rerun(options(protocol, work / "cache"), "grpo@1", lambda line: None)
    assert (found.equal, found.responses, found.same_weights) == (True, 6, True)
    assert found.sentences() == ["grpo@1: all 6 responses are equal to the committed ones, weights equal."]
    assert not list((work / "cache/reruns").glob("*/[!.]*")), "nothing of it is left"


@pytest.fixture
def copied(done, tiny_model, tmp_path):
    """The finished experiment in a place where it may be spoilt; gives protocol and cache."""
    work, protocol, *_ = done
    write_pools(tmp_path)
    shutil.copytree(protocol.parent, tmp_path / "first")
    return write_protocol(tmp_path / "first/protocol.yaml", tiny_model), work / "cache"


def test_an_unequal_rerun_names_the_first_difference(copied, capsys, monkeypatch):
    protocol, cache = copied
    folder = protocol.parent / "runs/base"
    rows = lines(folder / "responses.jsonl")
    rows[2]["response"] += " and more"
    rows[4]["response"] = "other"
    (folder / "responses.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files_sha256"]["responses.jsonl"] = file_hash(folder / "responses.jsonl")
    manifest["cpu"] = "Another"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    from bleuberi.cli.main import find_command

    monkeypatch.setenv("BLEUBERI_CACHE", str(cache))
    command, rest = find_command(["compare", "--protocol", str(protocol), "--rerun", "base"])
    assert command(rest) == 1
    said = capsys.readouterr().out
    assert "base: 2 of 6 responses differ from the committed ones." in said
    assert f"First: {rows[2]['id']}" in said
    assert " and more" in said
    assert "processor Another then" in said


def test_changed_settings_are_refused_with_the_difference(copied, tiny_model):
    protocol, cache = copied
    write_protocol(protocol, tiny_model, settings={"grpo": {**GRPO, "learning_rate": 0.006}}, max_new_tokens=9)
    with pytest.raises(UserError) as caught:
        quietly(protocol, cache, dry_run=True)
    assert (
        "runs/base already exists with different settings (responses.max_new_tokens: existing 8, requested 9)"
        in caught.value.what
    )
    write_protocol(protocol, tiny_model, settings={"grpo": {**GRPO, "learning_rate": 0.006}})
    with pytest.raises(UserError) as caught:
        quietly(protocol, cache, dry_run=True)
    assert (
        "grpo@1 already exists with different settings (training.config.learning_rate: existing 0.005, requested 0.006"
        in caught.value.what
    )


def test_settings_that_change_no_weight_are_no_difference(copied, tiny_model):
    protocol, cache = copied
    write_protocol(protocol, tiny_model, settings={"grpo": {**GRPO, "save_steps": 4}})
    assert len(quietly(protocol, cache, dry_run=True).records) == 3


def test_a_preset_that_changes_later_does_not_touch_an_experiment(copied):
    protocol, cache = copied
    frozen = protocol.parent / "configs/grpo_cpu.yaml"
    frozen.write_text(frozen.read_text().replace("temperature: 0.9", "temperature: 0.8"))
    with pytest.raises(UserError, match=r"training.config.temperature: existing 0.9, requested 0.8"):
        quietly(protocol, cache, dry_run=True)


def test_changed_files_and_runs_that_the_protocol_does_not_have_are_refused(copied, tiny_model):
    protocol, cache = copied
    path = protocol.parent / "runs/grpo@1/metrics.jsonl"
    content = path.read_text()
    path.write_text(content.replace("1", "2", 1))
    with pytest.raises(UserError, match=r"metrics\.jsonl was changed after it was written"):
        quietly(protocol, cache)
    path.write_text(content)
    arms = {name: arm for name, arm in ARMS.items() if name != "placebo"}
    write_protocol(protocol, tiny_model, arms=arms, primary={"arm": "grpo", "against": "base", "metric": "bleu"})
    with pytest.raises(UserError, match="placebo@1 is a run that is not in the protocol"):
        quietly(protocol, cache)
    pool = protocol.parent.parent / "test.jsonl"
    write_protocol(protocol, tiny_model)
    pool.write_text(pool.read_text() + pool.read_text().splitlines()[0].replace("demo-", "x-") + "\n")
    with pytest.raises(UserError, match="does not match the protocol"):
        quietly(protocol, cache)


def test_a_goal_that_is_moved_after_the_runs_is_said_in_the_table(copied, tiny_model):
    protocol, cache = copied
    write_protocol(protocol, tiny_model, primary={"arm": "grpo", "against": "base", "metric": "bleu"})
    quietly(protocol, cache)
    table = (protocol.parent / "table.md").read_text()
    assert (
        "Note: The protocol was changed after base, grpo@1, placebo@1 had run: primary: grpo - placebo in bleu then, "
        "grpo - base in bleu now" in table
    )


def test_an_experiment_of_scores_alone_shares_the_store_and_holds_no_text(done, tiny_model, tmp_path):
    work, *_ = done
    write_pools(tmp_path)
    protocol = write_protocol(tmp_path / "second/protocol.yaml", tiny_model, texts="scores_only")
    logs = {path: path.read_bytes() for path in work.glob("cache/experiments/models/**/log.txt")}
    outcome = quietly(protocol, work / "cache")
    assert outcome.made == ["base", "grpo@1", "placebo@1"]
    assert {path: path.read_bytes() for path in work.glob("cache/experiments/models/**/log.txt")} == logs
    rows = lines(protocol.parent / "runs/grpo@1/responses.jsonl")
    assert set(rows[0]) == {"id", "sha256", "finish_reason", "tokens"}
    made = lines(work / "first/runs/grpo@1/responses.jsonl")
    assert responses_hash(rows) == responses_hash(made)
    texts = [row["response"] for row in made]
    for raw in lines(work / "test.jsonl") + lines(work / "train.jsonl"):
        texts += [raw["prompt"], raw["ref_output_gold"], raw["ref_output_second"]]
    for path in protocol.parent.rglob("*"):
        if path.is_file():
            content = path.read_text()
            assert not [text for text in texts if text in content or json.dumps(text)[1:-1] in content], path
    assert len(lines(protocol.parent / "scores.jsonl")) == 6
    found = rerun(options(protocol, work / "cache"), "base", lambda line: None)
    assert (found.equal, found.same_weights) == (True, None)


def test_a_run_that_another_process_makes_is_left_to_it(copied, tiny_model):
    import fcntl

    protocol, cache = copied
    shutil.rmtree(protocol.parent / "runs/grpo@1")
    read = read_protocol(protocol)
    run = next(run for run in read.runs if run.name == "grpo@1")
    folder = open_workshop(read, cache, no_demo).entry(run).folder
    with (folder / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        outcome = quietly(protocol, cache)
    assert (outcome.held, outcome.missing, outcome.made) == (["grpo@1"], ["grpo@1"], [])
    assert quietly(protocol, cache).made == ["grpo@1"]


def test_the_evaluation_is_that_of_the_ordinary_command(copied):
    from bleuberi.cli.evaluate import make_parser

    if "--placebo" not in make_parser().format_help():
        pytest.skip("bleuberi evaluate does not read responses from files yet")
    protocol, cache = copied
    for name in ("manifest.json", "evaluation.json", "table.md", "scores.jsonl"):
        (protocol.parent / name).unlink()
    compare(options(protocol, cache), lambda line: None)
    evaluation = json.loads((protocol.parent / "evaluation.json").read_text())
    assert [group["name"] for group in evaluation["groups"]] == ["base", "grpo", "placebo"]
    assert len(lines(protocol.parent / "scores.jsonl")) == 6
    assert str(cache) not in (protocol.parent / "evaluation.json").read_text()
    assert "| placebo" in (protocol.parent / "table.md").read_text()
