"""The smallest visible difference of a plan, against simulated experiments of that size."""

import json
import random
from statistics import NormalDist, fmean, variance

import pytest

from bleuberi.cli.main import find_command
from bleuberi.comparison.plan import plan
from bleuberi.errors import UserError
from tests.unit.comparison.test_protocol import PROTOCOL

SEEDS = "[1, 2, 3, 4, 5, 6]"
MANY = PROTOCOL.replace("grpo: {kind: grpo, seeds: [1, 2]}", f"grpo: {{kind: grpo, seeds: {SEEDS}}}").replace(
    "data: shuffled, seeds: [1]", f"data: shuffled, seeds: {SEEDS}"
)


def draw_run(draw, prompts, shift, run_sd, noise_sd):
    """One run's scores: what the prompts have in common, the run's own level, and noise."""
    level = shift + draw.gauss(0, run_sd)
    return [easy + level + draw.gauss(0, noise_sd) for easy in prompts]


def write_pilot(folder, draw, prompts, arms, run_sd, noise_sd, protocol=MANY):
    """A pilot with scores of `facts`; `arms`: name -> number of runs."""
    (folder / "protocol.yaml").write_text(protocol)
    easy = [draw.gauss(0.5, 0.2) for _ in range(prompts)]
    runs = {"base": draw_run(draw, easy, 0, 0, noise_sd)}
    for arm, count in arms.items():
        runs |= {f"{arm}@{seed}": draw_run(draw, easy, 0, run_sd, noise_sd) for seed in range(1, count + 1)}
    rows = [
        {"id": str(n), "scores": {run: {"facts": scores[n]} for run, scores in runs.items()}} for n in range(prompts)
    ]
    (folder / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "protocol.yaml"


def test_a_difference_of_that_size_is_seen_as_often_as_promised(tmp_path):
    run_sd, noise_sd, prompts, runs = 0.02, 0.1, 100, 5
    seeds = str(list(range(1, 121)))  # a pilot that knows the spread
    path = write_pilot(
        tmp_path, random.Random(1), prompts, {"grpo": 120, "placebo": 120}, run_sd, noise_sd, MANY.replace(SEEDS, seeds)
    )
    visible = plan(path, prompts, runs).smallest_visible
    draw = random.Random(2)
    seen = 0
    for _ in range(400):
        sides = [
            [fmean(draw_run(draw, [0.5] * prompts, shift, run_sd, noise_sd)) for _ in range(runs)]
            for shift in (visible, 0.0)
        ]
        error = ((variance(sides[0]) + variance(sides[1])) / runs) ** 0.5
        seen += abs(fmean(sides[0]) - fmean(sides[1])) / error > 2.306  # t, 8 degrees of freedom
    assert 0.75 <= seen / 400 <= 0.93


def test_more_prompts_and_more_runs_see_less_and_runs_bound_what_prompts_can_do(tmp_path):
    path = write_pilot(tmp_path, random.Random(3), 60, {"grpo": 6, "placebo": 6}, 0.05, 0.05)
    visible = [plan(path, *size).smallest_visible for size in ((50, 3), (50, 5), (5000, 5), (50_000, 5), (50_000, 50))]
    assert visible == sorted(visible, reverse=True)
    assert visible[2] - visible[3] < 0.01 * visible[2] < visible[3] - visible[4]


def test_without_spread_between_runs_it_is_the_textbooks_paired_comparison(tmp_path):
    path = write_pilot(tmp_path, random.Random(4), 300, {"grpo": 2, "placebo": 2}, 0.0, 0.1)
    rows = [json.loads(line)["scores"] for line in (tmp_path / "scores.jsonl").open()]
    for row in rows:  # the same run twice
        row["grpo@2"], row["placebo@2"] = row["grpo@1"], row["placebo@1"]
    (tmp_path / "scores.jsonl").write_text("".join(json.dumps({"id": "x", "scores": row}) + "\n" for row in rows))
    deviation = variance([row["grpo@1"]["facts"] - row["placebo@1"]["facts"] for row in rows]) ** 0.5
    normal = NormalDist()
    expected = (normal.inv_cdf(0.975) + normal.inv_cdf(0.8)) * deviation / 300**0.5
    assert plan(path, 300, 5).smallest_visible == pytest.approx(expected, rel=0.01)


def test_an_arm_that_ran_once_is_taken_to_vary_as_the_other_does(tmp_path):
    both = write_pilot(tmp_path, random.Random(5), 50, {"grpo": 6, "placebo": 1}, 0.05, 0.0001, PROTOCOL.replace(
        "grpo: {kind: grpo, seeds: [1, 2]}", f"grpo: {{kind: grpo, seeds: {SEEDS}}}"))  # fmt: skip
    planned = plan(both, 400, 5)
    assert planned.pilot_runs == {"grpo": 6, "placebo": 1}
    assert planned.smallest_visible > 2 * planned.run_deviation * (1 / 5) ** 0.5
    assert "6 of grpo, 1 of placebo" in planned.sentence()


def test_the_command(tmp_path, capsys):
    path = write_pilot(tmp_path, random.Random(6), 40, {"grpo": 3, "placebo": 3}, 0.02, 0.1)
    command, rest = find_command(["compare", "--protocol", str(path), "--plan", "400", "5"])
    assert command(rest) == 0
    assert capsys.readouterr().out.startswith("400 prompts and 5 runs per arm show a difference of 0.")
    assert command([*rest, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pilot_runs"] == {"grpo": 3, "placebo": 3}


def test_what_cannot_be_planned(tmp_path):
    path = tmp_path / "protocol.yaml"
    path.write_text(MANY)
    with pytest.raises(UserError, match="the pilot is not evaluated yet"):
        plan(path, 10, 3)
    write_pilot(tmp_path, random.Random(7), 40, {"grpo": 1, "placebo": 1}, 0.02, 0.1)
    with pytest.raises(UserError, match="needs at least two runs of grpo or placebo"):
        plan(path, 10, 3)
    with pytest.raises(UserError, match="--plan needs at least 2 prompts"):
        plan(path, 1, 3)
    path.write_text(MANY.replace("metric: facts", "metric: fact"))
    with pytest.raises(UserError) as caught:
        plan(path, 10, 3)
    assert (caught.value.what, caught.value.cure) == ("The pilot has no scores named fact.", "Scores: facts.")
    command, rest = find_command(["compare", "--protocol", str(path), "--plan", "4", "5", "--dry_run"])
    with pytest.raises(UserError, match="cannot be combined"):
        command(rest)
