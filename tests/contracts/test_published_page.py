"""The page that is published with the project: whole, small, and without a text of the pool that is not ours."""

import json
import re

import pytest

from bleuberi.report.page.without_texts import SENTENCE
from tests.conftest import DATA, ROOT

PAGE = ROOT / "docs/learning_run.html"
POOL = DATA / "dev_pool_short.jsonl"  # what that run was made from
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="an sdist has no docs/learning_run.html")


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_it_is_small_says_what_it_leaves_out_and_tells_no_machine(page):
    assert len(page.encode()) < 2_500_000
    assert SENTENCE in page
    assert "data-browser=" not in page
    assert json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])["browsers"] == {}
    assert not re.search(r"/(?:root|home|tmp|work|Users)/|\.cache", page)


def test_its_numbers_are_those_of_the_lab_log(page):
    log = (ROOT / "docs/lab_log.md").read_text(encoding="utf-8")
    for number in ("+0.100 [+0.055, +0.145]", "+0.052 [+0.023, +0.083]", "+0.048 [+0.013, +0.084]"):
        assert number in page
        assert number in log


@pytest.mark.skipif(not POOL.exists(), reason=f"needs {POOL.name} beside the repository")
def test_no_line_id_or_source_of_the_pool_is_on_it(page):
    rows = [json.loads(line) for line in POOL.open(encoding="utf-8")]
    said = page.lower()
    texts = {text for row in rows for name, text in row.items() if name == "prompt" or name.startswith("ref_output_")}
    lines = {line.strip().lower() for text in texts if text for line in text.splitlines()}
    lines = {line for line in lines if len(line) >= 20}
    words = {str(row[name]).strip().lower() for row in rows for name in ("id", "source")}
    assert len(rows) == 443
    assert len(lines) > 4000
    assert not [text for text in lines | words if text in said]
