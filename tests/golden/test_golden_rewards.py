"""BLEU and ROUGE-L give the numbers of the method's reference path.

`reward_golden.jsonl`: texts made for this project, with what the `evaluate` library's `bleu` (`smooth=True`) and
`rouge` (rougeL) returned for them. `null` marks a case where that path raised; there the project's own rule holds.
"""

import json
from pathlib import Path

import pytest

from bleuberi.rewards import Bleu, RougeL, backend
from bleuberi.rewards.tokens import tokenize_13a

HAS_NATIVE = backend._native is not None
CASES = [json.loads(line) for line in (Path(__file__).parent / "reward_golden.jsonl").open(encoding="utf-8")]


def own_rule(case):
    """The project's answer where the reference path divides by zero or has no references."""
    filled = [text for text in case["references"] if tokenize_13a(text)]
    if not filled:
        return None
    if not tokenize_13a(case["prediction"]):
        return 0.0
    return Bleu()(prompts=[""], responses=[case["prediction"]], references=[filled])[0]


def test_there_are_399_cases():
    assert len(CASES) == 399


@pytest.mark.parametrize("back_end", ["native", "python"])
@pytest.mark.parametrize("metric", ["bleu", "rouge_l"])
def test_every_case_equals_the_reference_path(metric, back_end, monkeypatch):
    if back_end == "native" and not HAS_NATIVE:
        pytest.skip("the compiled extension was not built here")
    monkeypatch.setenv("BLEUBERI_BACKEND", back_end)
    reward = Bleu() if metric == "bleu" else RougeL()
    given = reward(
        prompts=[""] * len(CASES),
        responses=[case["prediction"] for case in CASES],
        references=[case["references"] for case in CASES],
    )
    checked = 0
    for case, value in zip(CASES, given, strict=True):
        if case[metric] is not None:
            assert value == pytest.approx(case[metric], abs=1e-12), case["note"]
            checked += 1
        elif metric == "bleu":
            assert value == own_rule(case), case["note"]
        else:
            assert value is None, case["note"]
    assert checked > 370
