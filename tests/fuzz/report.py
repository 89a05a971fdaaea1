"""Folders of any content to the report page: it is made or refused, it is whole, and it runs its own scripts only.

Well-formed folders of every kind are harmed: values and names replaced by others and by hostile texts, parts left out,
files cut short.
"""

import copy
import json
import math
import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st

from bleuberi.report.build import build
from bleuberi.report.find import MARKS
from bleuberi.view import html as rendering
from tests.fuzz.pool import SHARED_MEMORY
from tests.fuzz.report_page import check_page
from tests.unit.report.report_folders import BLEU, estimate, write_evaluation, write_json, write_run, write_selection

FOLDER = Path(tempfile.mkdtemp(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None, prefix="bleuberi-fuzz-"))
HOSTILE = ["<script>alert(1)</script>", "</script>", "<!--", "-->", "]]>", "</title>", "</style>", '" onload="x', "'"]
HOSTILE += ["{{ 7 * 7 }}", "{% raw %}", "&lt;", "&#0;", "javascript:x", "\x00", "\x1b[2J", "\u202e", "\u2028", "\ud800"]
HOSTILE += ["|", "[", "", " ", "score", "bleu", "rewards/x/mean", "rewards/", "a.b[c]\\", "../..", "__class__", "\r\n"]

texts = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=6), min_size=1, max_size=3).map("".join)
numbers = st.integers(-2, 40) | st.floats() | st.sampled_from([10**400, -(10**30), 1e308, math.nan, math.inf])
plain = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)


def _estimate(middle):
    return estimate(middle, middle - 0.1, middle + 0.1)


def _write_check(folder):
    entry = {"flag": "empty", "meaning": "no text", "rows": 2, "share": 0.1, "references": 1, "examples": ["r1", "r2"]}
    quiet = {**entry, "flag": "other", "rows": 0, "references": None}
    write_json(
        folder / "check.json", {"rows": 20, "table": [entry, quiet], "agreement": BLEU, "reference_lengths": "x"}
    )
    write_json(folder / "manifest.json", {"rows_in": 20, "rows_out": 18, "dropped": {"empty": 2}, "rows_held_out": 1})


def _write_agreement(folder, kind):
    reward = {"name": "bleu", "kind": "reward", "signature": BLEU, "metric_ties": 1, "agreement": _estimate(0.6)}
    reward |= {"subsets": {"length_matched": _estimate(0.5)}, "spearman": {"both": _estimate(0.3)}}
    reward |= {"kendall": {"both": _estimate(0.2)}, "spearman_minus_length": _estimate(0.1)}
    reward["sources"] = {"a": _estimate(0.5), "b": _estimate(0.7)}
    both = [reward, {**reward, "name": "length", "kind": "baseline", "signature": None}]
    content = {"kind": kind, "verdict": "it agrees", "warnings": ["few"]}
    content["counts"] = {"prompts": 9, "decisive_pairs": 8, "ties_of_people": 1, "systems": 3, "answers": 20}
    content |= {"sureness": {"confidence": 0.95, "resamples": 1000}, "annotators": {"with_others": _estimate(0.7)}}
    content |= {"rewards": both, "length_baseline": "length", "label": "an arena"}
    lead = {"base": "length", "other": "bleu", "difference": _estimate(0.1), "p_value": 0.01}
    content |= {"comparisons": [lead], "curves": [{"reward": "bleu", "references": 2, "agreement": _estimate(0.6)}]}
    content["systems"] = [{"name": "m", "label": 3, "means": {"bleu": _estimate(0.1), "length": _estimate(9.0)}}]
    write_json(folder / "agreement.json", content)


def _write_judged(folder):
    write_evaluation(folder, prompts=4)
    content = json.loads((folder / "evaluation.json").read_text())
    pair = {"base": "base", "other": "grpo", "win_rate": estimate(0.6, 0.5, 0.7), "counts": {"other": 3, "tie": 1}}
    pair |= {"members": [["base", "grpo"]], "prompts": 4}
    pair |= {"mean_words": {"winner": 9.0, "loser": 8.0}, "longer_won": 0.5}
    content["judge"] = {"pairs": [pair], "signature": "judge|v:1", "settings": {"model": "big/judge"}}
    row = {"role": "base", "label": "base", "group": "base", "mean": {"bleu": estimate(0.1, 0, 0.2)}, "steps": 4}
    question = {"question": "Worth it?", "answer": "yes", "sentence": "Yes.", "metric": "bleu", "base": "base"}
    question |= {"other": "grpo", "difference": estimate(0.1, 0, 0.2)}
    content["verdict"] = {"questions": [question], "unequal": ["steps"], "table": [{**row, "data": "a1b2"}, row]}
    content["metrics"] = [{"name": "bleu", "role": "score", "signature": BLEU}]
    write_json(folder / "evaluation.json", content)


def _templates():
    """Kind -> file -> its lines as JSON values."""
    writers = {
        "check": _write_check,
        "selection": lambda folder: write_selection(folder, rows=20, shown=3),
        "run": lambda folder: write_run(folder, steps=7, warnings=["the reward follows the length"]),
        "killed": lambda folder: write_run(folder, steps=2, reward=None, finished=False),
        "pairs": lambda folder: _write_agreement(folder, "pairs"),
        "systems": lambda folder: _write_agreement(folder, "systems"),
        "evaluation": lambda folder: write_evaluation(folder, prompts=3),
        "judged": _write_judged,
    }
    found = {}
    for kind, write in writers.items():
        write(FOLDER / kind)
        found[kind] = {
            path.name: [json.loads(line) for line in _whole_lines(path)] for path in sorted((FOLDER / kind).iterdir())
        }
        shutil.rmtree(FOLDER / kind)
    return found


def _whole_lines(path):
    lines = path.read_text().splitlines()
    return lines if path.name.endswith(".json") else [line for line in lines if line.endswith("}")]


TEMPLATES = _templates()


def _places(value, found):
    """Every container with each of its keys."""
    for key in value if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            _places(value[key], found)
    return found


@st.composite
def folders(draw):
    """Folder's name -> file's name -> bytes."""
    made = {}
    for number in range(draw(st.integers(1, 3))):
        files = copy.deepcopy(TEMPLATES[draw(st.sampled_from(sorted(TEMPLATES)))])
        places = [place for name in files for place in _places(files[name], [])]
        for _ in range(draw(st.integers(0, 5))):
            where, key = draw(st.sampled_from(places))
            harm = draw(st.integers(0, 5))
            if (key not in where) if isinstance(where, dict) else key >= len(where):
                continue  # an earlier harm took it
            if harm == 0:
                del where[key]
            elif harm == 1 and isinstance(where, dict):
                where[draw(texts)] = where.pop(key)
            else:
                where[key] = draw(texts if harm < 4 and isinstance(where[key], str) else values)
        made[f"{number}{draw(st.sampled_from(['', '<b>', chr(0x202E), '&amp;', chr(0xDC80)]))}"] = {
            name: draw(_as_bytes(lines)) for name, lines in files.items() if draw(st.integers(0, 19))
        }
    return made


@st.composite
def _as_bytes(draw, lines):
    content = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n"
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(content)))
        harm = draw(
            st.binary(max_size=4) | st.sampled_from([b"\xff", b"[" * 3000, b"9" * 5000, b"\n", b"\xed\xa0\x80"])
        )
        content = content[:place] + harm + content[place + draw(st.sampled_from([0, 1, 8, len(content)])) :]
    return content


STRATEGY = st.tuples(folders(), texts)


def check(given):
    made, title = given
    place = FOLDER / "given"
    shutil.rmtree(place, ignore_errors=True)
    for name, files in made.items():
        (place / name).mkdir(parents=True)
        for file, content in files.items():
            (place / name / file).write_bytes(content)
    if not any(name in MARKS for files in made.values() for name in files) and not _started(made):
        return
    sections = build([place])
    check_page(rendering.render(sections, title), rendering._library())
    json.dumps(rendering.numbers(sections), allow_nan=False).encode()


def _started(made):
    return any("started.json" in files for files in made.values())
