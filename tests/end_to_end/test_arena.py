"""The paper's Figure 1 from a folder that is laid out as its released `arena_analysis`."""

import csv
import json
import shutil

import pytest

from bleuberi.agreement.arena import ORDER
from bleuberi.cli.agreement import main
from bleuberi.errors import UserError
from bleuberi.rewards import load_reward

datasets = pytest.importorskip("datasets")

OTHERS = ("gpt-4o-2024-08-06", "Meta-Llama-3-8B-Instruct")
MODELS = (*ORDER, *OTHERS)
TEXT = "the quick brown fox jumps over a lazy dog and runs into some deep dark wood"
WORDS = TEXT.split()
WINNERS = ["model_a", "model_b", "model_a", "tie", "model_a", "tie (bothbad)"]


def talk(question, *answers):
    turns = []
    for answer in answers:
        turns += [{"content": question, "role": "user"}, {"content": answer, "role": "assistant"}]
    return turns


@pytest.fixture
def arena(tmp_path):
    """42 pairs: the nearer response is a for even ids; references of one model lack id q7, of another one q8's text."""
    folder = tmp_path / "arena_analysis"
    pairs, judgments = [], []
    texts = {model: [] for model in MODELS}
    for number in range(42):
        reference = [*WORDS[number % 5 :], f"topic{number}"]
        near, far = " ".join(reference[:-3]), " ".join(reversed(reference)) + " and more" * (number % 3)
        first, second = (near, far) if number % 2 == 0 else (far, near)
        pairs.append(
            {"id": f"q{number}", "model_a": "vicuna-13b", "model_b": "alpaca-13b", "winner": WINNERS[number % 6],
             "judge": "arena_user_1", "turn": 2, "conversation_a": talk(f"Tell {number}", first, "later a"),
             "conversation_b": talk(f"Tell {number}", second, "later b")}
        )  # fmt: skip
        for place, model in enumerate(MODELS):
            text = " ".join(reference[place % 3 :] + ["extra"] * place)
            if (model, number) == (OTHERS[0], 8):
                text = ""
            if (model, number) != (ORDER[1], 7):
                texts[model].append((f"q{number}", text))
        judgments.append([f"q{number}", number % 4, 1, "model_a", number % 5 * 0.5, 1.0, "model_b"])
    datasets.Dataset.from_list(pairs).save_to_disk(str(folder / "arena_1k_final"))
    (folder / "ref_outputs").mkdir()
    for model, rows in texts.items():
        write(folder / f"ref_outputs/{model}.csv", ["id", "output"], rows)
    header = ["id"] + [f"{name}_{part}" for name in ("rm_8b", "rm_27b") for part in ("score_a", "score_b", "winner")]
    (folder / "arena_1k_final_results").mkdir()
    write(folder / "arena_1k_final_results/rm_judgments_all.csv", header, judgments)
    return folder, pairs, {model: dict(rows) for model, rows in texts.items()}, judgments


def write(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


def said(score_a, score_b):
    return "model_a" if score_a > score_b else "model_b" if score_b > score_a else "tie"


def by_hand(arena, score):
    """The share of pairs whose winner by `score(pair, side, references)` is people's, over the paper's rows."""
    _, pairs, texts, _ = arena
    rows = [
        pair for pair in pairs
        if pair["winner"] != "tie (bothbad)" and all(texts[model].get(pair["id"]) for model in MODELS)
    ]  # fmt: skip
    assert len(rows) == 42 - 7 - 2
    right = [said(score(pair, "a"), score(pair, "b")) == pair["winner"] for pair in rows]
    return sum(right) / len(right)


def figure(folder, out, *words):
    assert main(["--arena", str(folder), "--output_dir", str(out), "--resamples", "200", *words]) == 0
    return json.loads((out / "agreement.json").read_text(encoding="utf-8"))


def test_one_command_repeats_figure_1(arena, tmp_path, capsys):
    folder, _, texts, judgments = arena
    result = figure(folder, tmp_path / "out", "--rewards", "bleu", "rouge")
    found = {(one["score"], one["references"]): one for one in result["figure_1"]}

    def reward(name, count):
        def score(pair, side):
            references = [texts[model][pair["id"]] for model in ORDER[:count]]
            response = pair[f"conversation_{side}"][1]["content"]
            return load_reward(name)(prompts=[""], responses=[response], references=[references])[0]

        return score

    for name in ("bleu", "rouge"):
        for count in range(1, 6):
            assert found[name, count]["same_winner"]["value"] == pytest.approx(by_hand(arena, reward(name, count)))
    by_id = {row[0]: row for row in judgments}
    for name, at in (("rm_8b", 1), ("rm_27b", 4)):
        own = by_hand(arena, lambda pair, side, at=at: by_id[pair["id"]][at + (side == "b")])
        assert found[name, None]["same_winner"]["value"] == pytest.approx(own)
    length = by_hand(arena, lambda pair, side: len(pair[f"conversation_{side}"][1]["content"]))
    assert found["longer_chars", None]["same_winner"]["value"] == pytest.approx(length)
    assert {("z-mean(bleu+rm_8b)", 5), ("z-mean(bleu+rm_27b)", 5)} <= found.keys()
    assert (found["bleu", 1]["paper"], found["bleu", 5]["paper"]) == (72.3, 74.2)
    assert result["inputs"]["rows"]["dropped"] == {
        "on which people found both responses bad": 7,
        "without a reference of every model": 2,
    }
    assert result["inputs"]["references_used"]["models"][:5] == list(ORDER)
    shown = capsys.readouterr().out
    assert "Figure 1 of the paper" in shown
    assert "(74.2)" in shown
    for name in ("figure_1.png", "agreement.png"):
        assert (tmp_path / "out" / name).read_bytes()[:4] == b"\x89PNG"


def test_other_references_and_no_reward_models(arena, tmp_path):
    folder, *_ = arena
    (folder / "arena_1k_final_results/rm_judgments_all.csv").unlink()
    words = ["--rewards", "bleu", "--ref_models", "claude-3-7-sonnet@20250219", "--no_figures"]
    result = figure(folder, tmp_path / "out", *words)
    assert {one["references"] for one in result["figure_1"] if one["score"] == "bleu"} == {1}
    assert not [one for one in result["rewards"] if one["kind"] == "column"]


def test_files_in_other_places_are_recognised_by_their_columns(arena, tmp_path):
    folder, *_ = arena
    words = ("--rewards", "bleu", "--no_figures")
    expected = figure(folder, tmp_path / "there", *words)["figure_1"]
    (folder / "ref_outputs").rename(folder / "references")
    (folder / "arena_1k_final_results/rm_judgments_all.csv").rename(folder / "references/judged.csv")
    per_pair = [["q0", "Tell 0", "one", "other", "model_a"]]
    write(folder / "results_bleu.csv", ["id", "instruction", "response_a", "response_b", "winner"], per_pair)
    assert figure(folder, tmp_path / "moved", *words)["figure_1"] == expected


def test_a_folder_without_pairs_or_references_is_told(arena, tmp_path):
    folder, *_ = arena
    shutil.rmtree(folder / "ref_outputs")
    with pytest.raises(UserError, match="has no CSV files of references"):
        figure(folder, tmp_path / "out")
    shutil.rmtree(folder / "arena_1k_final")
    with pytest.raises(UserError, match="has no data set arena_1k_final"):
        figure(folder, tmp_path / "out")
