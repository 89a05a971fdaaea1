"""The folder that docs/validity.md calls $DATA, with made texts: its columns and names, in a few rows each.

The page's figures come from public data that this project does not carry; here its commands only have to work.
"""

import csv
import gzip
import json
import random
import re
from pathlib import Path

from tests.documents.pages import read

_SOURCES = ("pandalm", "tulu1_human_eval", "mtbench_human_llmbar", "faireval_llmbar")
_REFERENCES = ("gold", "second", "third", "fourth", "fifth")
_TEXT = "the quick brown fox jumps over a lazy dog and runs into some deep dark wood where owls sing by night"
_LABELS = {
    "alpaca_eval": ("arena_elo_2024_02_02", "ae2_lc_winrate", "ae2_winrate"),
    "arena_hard_v0.1": ("arena_hard_score_20250217",),
    "bleuberi_checkpoints": ("arena_hard_v1", "mt_bench"),
}


def make_answers(folder: Path) -> None:
    """Every file of the page's table."""
    folder.mkdir()
    draw = random.Random(5)
    prompts = [f"Tell of topic {number}, which is the {number}th." for number in range(24)]
    texts = {
        prompt: " ".join([*draw.sample(_TEXT.split(), 14), f"topic{number}"]) for number, prompt in enumerate(prompts)
    }
    _write(folder / "dev_preferences_with_refs.jsonl.gz", _pairs(prompts, texts, draw))
    references = [_with_references(prompt, texts[prompt], draw) for prompt in prompts]
    by_id = [{"id": f"p{number}", "prompt": prompt, **more} for number, (prompt, more) in enumerate(references)]
    by_prompt_id = [{"prompt_id": row["id"], **{key: row[key] for key in row if key != "id"}} for row in by_id]
    _write(folder / "dev_pool_modern.jsonl.gz", by_id)
    for name in ("judged_vicuna_qlora_refs.jsonl", "judged_arena_bench_v1_refs.jsonl.gz", "mt_bench_refs.jsonl"):
        _write(folder / f"dev_{name}", by_prompt_id)
    models = [f"model-{number}" for number in range(8)]
    trained = sorted(
        {name for order in re.findall(r"'([^' ]+<[^' ]+)'", read("docs/validity.md")) for name in order.split("<")}
    )
    answers = _answers(models, prompts, texts, draw)
    _write(
        folder / "dev_judged_alpaca_eval.jsonl.gz", [{**row, "win_prob_vs_gpt4_1106": row["score"]} for row in answers]
    )
    for name in ("arena_hard_v0.1.jsonl.gz", "vicuna_qlora.jsonl", "arena_bench_v1.jsonl.gz"):
        _write(folder / f"dev_judged_{name}", answers)
    judged = [
        {**row, "qid": row["prompt_id"], "prompt": (prompt := prompts[int(row["prompt_id"][1:])])}
        | {"id": f"row{number}", "ref_output_gold": texts[prompt]}
        for number, row in enumerate(answers)
    ]
    _write(folder / "dev_judged_prometheus.jsonl", judged)
    _write(folder / "dev_outputs_bleuberi_checkpoints.jsonl.gz", _answers(trained, prompts, texts, draw))
    for name, columns in _LABELS.items():
        kind = "outputs" if name.startswith("bleuberi") else "judged"
        _labels(folder / f"dev_{kind}_{name}_systems.csv", trained if kind == "outputs" else models, columns)


def _pairs(prompts: list[str], texts: dict[str, str], draw: random.Random) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for number, prompt in enumerate(prompts * 4):
        good, bad = _changed(texts[prompt], 3, draw), _changed(texts[prompt], 10, draw)
        first = draw.random() < 0.5
        winner = "model_a" if first == (draw.random() < 0.8) else "model_b"
        row = {"id": f"pair{number}", "source": _SOURCES[number % 4], "prompt": prompt, "winner": winner}
        row |= {"response_a": good if first else bad, "response_b": bad if first else good}
        rows.append({**row, "votes": [winner, winner, "tie"], **_with_references(prompt, texts[prompt], draw)[1]})
    return rows


def _with_references(prompt: str, text: str, draw: random.Random) -> tuple[str, dict[str, str]]:
    return prompt, {f"ref_output_{name}": text if name == "gold" else _changed(text, 3, draw) for name in _REFERENCES}


def _answers(
    models: list[str], prompts: list[str], texts: dict[str, str], draw: random.Random
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for rank, model in enumerate(models):
        for number, prompt in enumerate(prompts):
            output = _changed(texts[prompt], rank + 1, draw)
            score = round(10 - rank + draw.random(), 3)
            rows.append({"prompt_id": f"p{number}", "model": model, "output": output, "score": score})
    return rows


def _changed(text: str, count: int, draw: random.Random) -> str:
    words = text.split()
    for _ in range(count):
        words[draw.randrange(len(words))] = draw.choice(_TEXT.split())
    return " ".join(words[: draw.randint(len(words) // 2, len(words))])


def _labels(path: Path, models: list[str], columns: tuple[str, ...]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["model", *columns])
        writer.writerows([model, *[50 - rank for _ in columns]] for rank, model in enumerate(models))


def _write(path: Path, rows: list[dict[str, object]] | list[dict[str, str]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
