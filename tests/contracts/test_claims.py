"""Claims about trainings: none stands without the cheap explanations that it does not rule out."""

import re

from tests.conftest import ROOT

DIFFERENCE = re.compile(r"[+-]0\.\d{3} \[[+-]\d\.\d{3}, [+-]\d\.\d{3}\]")
EXPLANATIONS = ("Copying", "Brevity", "Few prompts", "One SFT run", "Repair of quantisation")


def test_the_learning_run_names_the_explanations_that_it_does_not_rule_out():
    entry = (ROOT / "docs/lab_log.md").read_text(encoding="utf-8").split("five runs of GRPO", 1)[-1].split("\n## ")[0]
    for explanation in EXPLANATIONS:
        assert f"**{explanation}" in entry


def test_the_readme_prints_no_difference_of_the_withdrawn_result():
    log = (ROOT / "docs/lab_log.md").read_text(encoding="utf-8")
    entries = log[log.index("## 2026-11-22: the demo") : log.index("### What this result cannot show")]
    withdrawn = set(DIFFERENCE.findall(entries))
    assert withdrawn, "the lab log keeps the withdrawn figures"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not withdrawn & set(DIFFERENCE.findall(readme))
    assert "Which examples are picked matters more" not in readme


def test_the_validity_page_neither_equates_rouge_l_with_bleu_nor_calls_public_data_closed():
    page = (ROOT / "docs/validity.md").read_text(encoding="utf-8")
    assert "as good as BLEU" not in page
    assert "are not public" not in page
    assert "+1.2\n[-1.1, +3.5]" in page or "+1.2 [-1.1, +3.5]" in page
