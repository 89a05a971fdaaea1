"""Headroom on made pools with known answers, and the command on files and a tiny model."""

import json
from random import Random

import pytest

from bleuberi.cli.main import find_command
from bleuberi.comparison.headroom import Row, measure
from bleuberi.demo.facts_pool import generate, preset
from bleuberi.errors import UserError
from bleuberi.records import Example
from bleuberi.report.build import build
from bleuberi.rewards import load_reward
from bleuberi.selection.scored_samples import ScoredText
from tests.unit.comparison.test_decision import HELD, TALK

BLEU = load_reward("bleu")


def examples(pool, rows=48, count=3):
    """Examples with `count` references, each with the text of one more writer (or None)."""
    for row in generate(preset(pool, rows=rows, split="test")):
        references = [text for name, text in row.items() if name.startswith("ref_output_")]
        asked = [{"role": "user", "content": row["prompt"]}]
        example = Example(row["id"], "", asked, row["prompt"], references[0], references[:count])
        yield example, row.get(HELD)


def rows_of(pool, write, greedy=None, samples=4):
    """`write(example, writer's text, draw)` writes a response."""
    rows = []
    for example, text in examples(pool):
        draw = Random(example.id)
        texts = [write(example, text, draw) for _ in range(samples)]
        scores = BLEU(responses=texts, references=[example.references] * samples)
        own = greedy(example, text, draw) if greedy else write(example, text, draw)
        rows.append(
            Row(example, [ScoredText(*pair) for pair in zip(texts, ["stop"] * samples, scores, strict=True)], own)
        )
    return rows


def talk(example, text, draw):
    return " ".join(draw.sample(TALK, draw.randint(22, 26)))


def half(example, text, draw):
    """Words of the sentence with more or less talk between them: samples that differ in what the references share."""
    return " ".join(word if draw.random() < 0.6 else draw.choice(TALK) for word in text.split())


def partly(example, text, draw):
    share = draw.choice((0.2, 0.5, 0.9))
    return " ".join(word if draw.random() < share else draw.choice(TALK) for word in text.split())


@pytest.mark.parametrize(
    ("pool", "write", "verdict", "said"),
    [
        ("nothing", talk, "do not train", "references of a prompt have nothing in common"),
        ("length_only", talk, "do not train", "cutting responses to the references' length alone"),
        ("copy_only", talk, "do not train", "an echo of the prompt alone"),
        ("learn", talk, "other data", "all samples score the same or are at the floor"),
        ("learn", lambda example, text, draw: half(example, text, Random(1)), "other data", "score the same"),
        ("learn", partly, "train", "over the mean of the samples"),
    ],
)
def test_made_pools_get_the_right_sentence(pool, write, verdict, said):
    found = measure(rows_of(pool, write), BLEU)
    assert found.verdict == verdict, found.lines()
    assert said in found.sentence


def test_a_greedy_response_as_good_as_the_best_sample_is_no_reason_against_a_training():
    """RL reinforces what is better than the mean of its group; docs/headroom.md has runs that gained."""
    found = measure(rows_of("learn", partly, greedy=lambda example, text, draw: text), BLEU)
    assert found.gains["chosen"].high < 0
    assert found.verdict == "do not train"  # it writes like a reference
    found = measure(rows_of("learn", partly, greedy=lambda example, text, draw: but_its_end(text)), BLEU)
    assert found.gains["chosen"].low < 0
    assert found.verdict == "train", found.lines()
    assert "Over the greedy response it gains nothing clear (" in found.sentence


def but_its_end(text):
    words = text.split()
    return " ".join([*words[: round(0.7 * len(words))], *TALK[:3]])


def test_samples_that_differ_by_noise_do_not_make_a_best_of_k():
    """By the same references the best of k always gains; by references that did not choose it, noise gains nothing."""

    def a_few_words(example, text, draw):
        lucky = draw.sample(draw.choice(example.references).split(), draw.randint(0, 3))
        return " ".join([*draw.sample(TALK, 24 - len(lucky)), *lucky])

    found = measure(rows_of("nothing", a_few_words, samples=8), BLEU)
    assert found.gains["best"].low > 0
    assert found.gains["best"].value > 3 * found.gains["chosen"].value


def test_the_numbers_are_means_and_paired_differences():
    references = ["a b c d e", "a b c d f"]
    example = [Example(f"r{n}", "", [], f"prompt {n}", "", references) for n in range(32)]
    samples = [ScoredText("a b c d e", "stop", 1.0), ScoredText("x", "stop", 0.0)]
    rows = [Row(one, samples, "a b c d e", "x y") for one in example]
    found = measure(rows, BLEU)
    assert (found.prompts, found.samples, found.baseline) == (32, 2, "greedy")
    assert found.means["greedy"] == 1.0
    assert found.means["mean"] == 0.5
    assert found.gains["best"].value == 0.0
    assert found.gains["mean"].value == -0.5
    assert found.no_spread.value == 0
    assert found.deviation == pytest.approx(0.7071, abs=1e-4)
    expected = BLEU(responses=["a b c d e"], references=[["a b c d f"]])[0]
    assert found.means["oracle"] == pytest.approx(expected)
    assert found.means["chosen"] == pytest.approx((expected + 1) / 2)


def test_without_greedy_responses_the_baseline_is_the_mean_and_few_prompts_are_no_verdict():
    rows = [Row(row.example, row.samples) for row in rows_of("learn", partly)]
    assert measure(rows, BLEU).baseline == "mean"
    found = measure(rows[:20], BLEU)
    assert found.verdict == "no verdict"
    assert "20 prompts are fewer than 30" in found.lines()[0]
    assert "oracle" not in found.gains


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def files(tmp_path):
    """A pool, samples and greedy responses."""
    pool = write(tmp_path / "pool.jsonl", generate(preset("learn", rows=40, split="test")))
    made = list(examples("learn", 40))
    draw = Random(1)
    samples = [{"id": row.id, "response": partly(row, text, draw)} for row, text in made for _ in range(4)]
    greedy = [{"id": row.id, "response": half(row, text, draw)} for row, text in made]
    return ["--input_data_path", pool, "--ref_models", "gold", "writer_2", "writer_3", "--outputs",
            write(tmp_path / "samples.jsonl", samples), "--greedy", write(tmp_path / "greedy.jsonl", greedy),
            "--output_dir", str(tmp_path / "data")]  # fmt: skip


def run(words, capsys):
    command, rest = find_command(["headroom", *words])
    assert command(rest) == 0
    return capsys.readouterr().out


def test_the_command_on_files(files, tmp_path, capsys):
    said = run([*files, "--metric", "bleu", "--output", str(tmp_path / "headroom.json")], capsys)
    assert said.startswith("Train: ")
    assert "best of k, by references that did not choose it" in said
    assert "told to be brief" not in said
    assert "is not predicted" in said
    saved = json.loads((tmp_path / "headroom.json").read_text())
    assert (saved["kind"], saved["headroom"]["prompts"]) == ("headroom", 40)
    section = build([tmp_path / "headroom.json"])[0]
    assert section.lead == said.partition("\n")[0] == saved["headroom"]["sentence"]
    table = {row[0].text: row[1:] for row in section.tables[0].rows}
    assert table["baseline: greedy"][0].value == saved["headroom"]["means"]["greedy"]
    for name, gain in saved["headroom"]["gains"].items():
        mean, shown = table[saved["meanings"][name]]
        assert (mean.value, shown.value) == (saved["headroom"]["means"][name], gain["value"])
        assert (shown.low, shown.high) == (gain["low"], gain["high"])
    assert [row["name"] for row in section.charts[0].spec["data"]["values"]] == [*table][1:]
    assert section.signatures == {"bleu": saved["headroom"]["signature"]}
    few = json.loads(run([*files, "--metric", "bleu", "--num_prompts", "30", "--json"], capsys))
    assert (few["prompts"], few["verdict"]) == (30, "train")
    assert (few["rows_in"], few["dropped"]) == (40, {"not among --num_prompts": 10})


def test_rows_that_are_left_out_are_told(files, tmp_path, capsys):
    """No references, a single sample, scores that are null, no greedy response: a row each."""
    paths = {name: tmp_path / f"{name}.jsonl" for name in ("pool", "samples", "greedy")}
    rows = {name: [json.loads(line) for line in path.open()] for name, path in paths.items()}
    lost, single, null, silent = (row["id"] for row in rows["pool"][:4])
    for name in ("gold", "writer_2", "writer_3"):
        rows["pool"][0][f"ref_output_{name}"] = None
    draw = Random(3)
    kept = [row | {"bleu_score": None if row["id"] == null else draw.random()} for row in rows["samples"]]
    alone = next(row for row in kept if row["id"] == single)
    kept = [row for row in kept if row["id"] not in (lost, single)]
    kept = [alone, *kept[:-1], kept[-1] | {"finish_reason": "length"}]
    write(paths["pool"], rows["pool"])
    write(paths["samples"], kept)
    write(paths["greedy"], [row for row in rows["greedy"] if row["id"] not in (lost, silent)])
    said = run([*files, "--metric", "bleu", "--output", str(tmp_path / "found.json")], capsys)
    assert said.splitlines()[-1] == (
        "Rows: kept 36 of 40 (1 without gold, 2 with fewer than two scored samples, "
        "1 without a greedy or brief response)."
    )
    assert "Samples that end at the token limit: 1%." in said
    saved = json.loads((tmp_path / "found.json").read_text())
    assert (saved["rows_used"], saved["unscored_samples"]) == (36, {"`bleu_score` is null or not a number": 4})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "No reward is given, but the controls have to be scored"),
        (["--metric", "bleu", "--num_prompts", "0"], "num_"),
    ],
)
def test_bad_input(files, capsys, words, said):
    with pytest.raises(UserError, match=said):
        run([*files, *words], capsys)


@pytest.mark.slow
def test_a_model_is_asked_for_samples_greedy_and_brief_responses(pool_file, tiny_model, tmp_path, capsys):
    pytest.importorskip("transformers")
    words = ["--input_data_path", str(pool_file), "--model", str(tiny_model), "--metric", "bleu", "--num_samples", "2"]
    words += ["--inference_max_new_tokens", "6", "--num_prompts", "4", "--output_dir", str(tmp_path / "data"), "--json"]
    found = json.loads(run(words, capsys))
    assert (found["prompts"], found["samples"], found["baseline"], found["verdict"]) == (4, 2, "greedy", "no verdict")
    assert {"mean", "best", "cut", "echo", "brief"} <= set(found["gains"])
