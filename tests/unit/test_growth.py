"""Checks of texts take time that grows with the text, also with texts that were written against them: four times as
long a text may take 4^1.3 times as long."""

import math
import time

import pytest

from bleuberi.check.findings import TEXT_FLAGS
from bleuberi.data.thoughts import without_thoughts
from bleuberi.data.turns import as_turns
from bleuberi.generation.openai_errors import classify
from bleuberi.judge_prompt import read_verdict, score_messages
from bleuberi.plain_text import one_line, plain
from bleuberi.redaction import redact
from bleuberi.rewards.graders.model import read_number
from bleuberi.rewards.tags import is_well_formed, tagged_answer
from bleuberi.training.view import run_section
from tests.unit.report.report_folders import write_run

HOSTILE = {
    "lines": "\n",
    "blanks": " ",
    "line and blank": "\n ",
    "fences": "```\n",
    "marks": "`",
    "thoughts that begin": "<think>",
    "thoughts that end": "</think>",
    "thoughts and answers": "</think><answer>",
    "answers that end": "</answer> ",
    "verdicts": "verdict: ",
    "stars": "*_",
    "turns": "\n\nHuman: ",
    "quotes": '"a": "',
    "digits": "0123456789",
    "letters": "ab",
    "brackets": '[{"role": ',
    "controls": "<|",
    "addresses": "https://a:b",
    "questions": "?key=",
    "marks of the judge": "<",
    "marks and ends": ">>> end of ",
}
CHECKS = {
    **TEXT_FLAGS,
    "is_well_formed": lambda text: is_well_formed("<think>" + text),
    "is_well_formed, pairs": lambda text: is_well_formed(f"<think>{text}{'</answer>' * (len(text) // 9)}x"),
    "tagged_answer": tagged_answer,
    "read_verdict": read_verdict,
    "read_verdict, at the end": lambda text: read_verdict(text + "\nVERDICT: A"),
    "read_number": lambda text: read_number(text + "x"),
    "score_messages": lambda text: score_messages("q", text, [], 0, 10),
    "without_thoughts": without_thoughts,
    "as_turns": lambda text: as_turns("Human: a\n\nAssistant: " + text),
    "redact": redact,
    "plain": plain,
    "one_line": one_line,
}
SHORT, LONG = 16_384, 65_536
STEEPEST = 1.3
LEAST_SECONDS = 0.004  # what is faster is fast enough, and too fast to be measured


def seconds(check, text):
    best = math.inf
    for _ in range(6):  # milliseconds are noisy on a busy processor
        begin = time.process_time()
        check(text)
        best = min(best, time.process_time() - begin)
    return best


def growth(check, text):
    """The exponent with which time grows; 0 if the text is checked faster than can be measured."""
    long = seconds(check, text)
    if long <= LEAST_SECONDS:
        return 0.0
    return math.log(long / max(seconds(check, text[:SHORT]), 1e-6), LONG / SHORT)


@pytest.mark.parametrize("name", CHECKS)
def test_checks_grow_with_the_text(name):
    slow = {}
    for kind, unit in HOSTILE.items():
        text = (unit * LONG)[:LONG]
        exponents = []
        # What is quadratic is steep each time; a processor that slows down in between is not.
        while len(exponents) < 3 and (not exponents or exponents[-1] > STEEPEST):
            exponents.append(round(growth(CHECKS[name], text), 2))
        if exponents[-1] > STEEPEST:
            slow[kind] = exponents
    assert not slow


def test_errors_of_servers_are_read_at_their_ends():
    asked = [{"role": "user", "content": "input tokens " * 9}]
    short, long = (
        seconds(lambda text: classify(400, {}, text, asked, "KEY"), "input tokens exceed " * count)
        for count in (2_000, 100_000)
    )
    assert long < 3 * max(short, LEAST_SECONDS)
    told = "x" * 100_000 + " prompt is too long: 5000 tokens > 4096 maximum"
    assert classify(400, {}, told, asked, "KEY").kind == "too_long"


@pytest.mark.slow
def test_the_report_grows_with_the_logged_steps(tmp_path):
    def best(steps):
        folder = write_run(tmp_path / str(steps), steps=steps, warnings=["w"])
        found = math.inf
        for _ in range(2):
            begin = time.process_time()
            run_section(folder, "id", "run")
            found = min(found, time.process_time() - begin)
        return found

    assert any(math.log(best(16_000) / best(4_000), 4) < STEEPEST for _ in range(3))
