"""What `evaluate` and `agreement` print of results that were made to fool them, and of policies that truly learnt.

All responses are made from a generated pool. Each pair has the facts of `evaluation.json` that give it away, and the
sentences that are printed about it, word for word and number for number.
"""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bleuberi.cli import agreement, data_generate, evaluate
from bleuberi.cli.parser import run
from tests.end_to_end.trap_parts import (
    COMMON,
    COUNT,
    REFERENCES,
    ROWS,
    Found,
    facts_first,
    junk,
    of_others,
    writer,
)
from tests.end_to_end.traps import TRAPS

GENERATE = ["--rows", str(COUNT), "--seed", "5", "--references", "6", "--patterns", "6"]
ASKED_LAST = (
    "Please put these facts into one sentence, use every fact once, and write nothing else before or behind it."
)


@pytest.fixture(scope="module", autouse=True)
def pool(tmp_path_factory):
    """Fills ROWS by the command that makes a pool."""
    path = tmp_path_factory.mktemp("pool") / "pool.jsonl"
    assert run(data_generate.main, ["--output", str(path), *GENERATE]) == 0
    ROWS[:] = [json.loads(line) for line in path.read_text().splitlines()]


def with_prompt(row, prompt):
    answer = {"role": "assistant", "content": row["ref_output_gold"]}
    return {**row, "prompt": prompt, "messages": [{"role": "user", "content": prompt}, answer]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Evaluates a trap once; gives the record and what was printed."""
    done = {}

    def make(name):
        if name not in done:
            trap, folder = TRAPS[name], tmp_path_factory.mktemp("trap")
            rows = ROWS[: trap.rows]
            if trap.asked_last:
                rows = [
                    with_prompt(row, f"{text}\n{ASKED_LAST}") for row, text in zip(rows, facts_first(), strict=True)
                ]
            (folder / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            models = []
            for model, texts in trap.models.items():
                made_rows = [{"id": row["id"], "response": text} for row, text in zip(rows, texts(), strict=False)]
                (folder / f"{model}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made_rows))
                models.append(f"{model}={folder / model}.jsonl")
            words = ["--models", *models, "--prompts", str(folder / "pool.jsonl"), "--ref_models", *REFERENCES]
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                assert run(evaluate.main, [*words, "--output_dir", str(folder / "out"), *trap.words]) == 0
            content = json.loads((folder / "out/evaluation.json").read_text())
            assert all(text in Path(folder, "out/comparison.md").read_text() for text in trap.sentences)
            done[name] = Found(content), printed.getvalue()
        return done[name]

    return make


@pytest.mark.parametrize(
    ("name", "fact"), [(name, fact) for name, trap in TRAPS.items() for fact in COMMON | trap.facts]
)
def test_the_record_gives_it_away(made, name, fact):
    found, _ = made(name)
    assert (COMMON | TRAPS[name].facts)[fact](found)


@pytest.mark.parametrize(
    ("name", "sentence"), [(name, sentence) for name, trap in TRAPS.items() for sentence in trap.sentences]
)
def test_it_is_printed(made, name, sentence):
    _, printed = made(name)
    assert sentence in printed


@pytest.mark.parametrize("name", [name for name, trap in TRAPS.items() if "learnt" not in name.partition(",")[0]])
def test_no_trap_is_praised(made, name):
    """`Yes` may be said, since the score did rise, but beside what explains it."""
    _, printed = made(name)
    excuses = ("Perhaps", "A few prompts carry", "But it is worse", "Cutting base's responses", "Not told apart")
    assert "Yes, " not in printed or any(words in printed for words in excuses)


PREFERENCES: dict[str, tuple[Callable[[], list[tuple[str, str]]], str]] = {
    "worse than a coin": (
        lambda: list(zip(of_others(7), writer(4), strict=True)),
        "bleu is worse than a coin: it prefers the response that people reject.",
    ),
    "people prefer copies": (
        lambda: [(row["prompt"], text) for row, text in zip(ROWS, writer(4), strict=True)],
        "bleu is worse than a coin: it prefers the response that people reject.",
    ),
    "three prompts": (
        lambda: list(zip(writer(4), of_others(7), strict=True))[:3],
        "with fewer than 30 prompts this describes these pairs and nothing can be concluded about others;",
    ),
    "thirty of thirty": (
        lambda: list(zip(writer(4), junk(), strict=True))[:30],
        "On 30 decisive pairs over 30 prompts, bleu agrees with people in 100.0 % [87.8, 100.0]",
    ),
    "people prefer what is right": (
        lambda: list(zip(writer(4), of_others(7), strict=True)),
        "No more prompts are needed to settle the direction. An echo of the prompt agrees in",
    ),
    "one prompt": (
        lambda: list(zip(writer(4), of_others(7), strict=True))[:1],
        "bleu agrees with people in 100.0 % no interval and",
    ),
}


@pytest.mark.parametrize("name", PREFERENCES)
def test_agreement_prints_it(name, tmp_path):
    """Chosen and rejected responses, made so that the answer is known."""
    pairs, sentence = PREFERENCES[name]
    references = [f"ref_output_{name}" for name in REFERENCES]
    rows = [
        {"prompt": row["prompt"], "chosen": chosen, "rejected": rejected, **{one: row[one] for one in references}}
        for row, (chosen, rejected) in zip(ROWS, pairs(), strict=False)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--preferences", str(tmp_path / "pairs.jsonl"), "--output_dir", str(tmp_path / "out"), "--rewards", "bleu"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run(agreement.main, [*words, "--no_figures", "--resamples", "1000"]) == 0
    said = " ".join(printed.getvalue().split())
    assert sentence in said
    written = (tmp_path / "out/agreement.json").read_text()
    assert "Infinity" not in written
    for text in (said, json.loads(written)["verdict"]):
        assert "inf" not in text.replace("information", "")
        assert not ("No more prompts are needed" in text and "certain only if" in text)
