"""Made estimates, and the verdict on groups of models that differ by them."""

from dataclasses import replace

from bleuberi.evaluation.record import ControlResult
from bleuberi.evaluation.verdict import TrainedGroup, questions, verdict
from bleuberi.statistics import Difference

BLEU = "bleu|tok:13a|order:4|smooth:add1-all|ref:shortest|v:1"


def estimate(low, high, p_value=0.01, **more):
    """A difference of three runs against one fixed base."""
    found = Difference((low + high) / 2, low, high, 50, 50, "m", p_value, 0.015, runs=(1, 3))
    return replace(found, **more)


ONE_RUN = {"p_value": None, "smallest_visible": None, "runs": (1, 1), "no_verdict": "one run"}


def ask(groups, controls=(), more=None, primary=None, **differences):
    """`differences`: grpo_sft=(low, high) stands for grpo - sft in bleu; what is not given has zero in it."""
    names = ["base", *(group.name for group in groups)]
    found = {
        (base, other): {
            "bleu": replace(estimate(*differences.get(f"{other}_{base}", (-1.0, 1.2, 0.9))), **(more or {})),
            "rouge": estimate(-1, 1, 0.9),
            "words": estimate(-3, 3, 0.9),
            "brevity_penalty": estimate(0.1, 0.3),
            "precision_1": estimate(-0.02, 0.04),
        }
        for base in names
        for other in names
        if base != other
    }
    for pair, by_metric in (differences.get("metrics") or {}).items():
        found[pair].update(by_metric)
    asked = questions(TrainedGroup("base", None), groups, primary)
    return verdict(asked, ["bleu", "rouge"], found, controls, {("sft", "grpo"): estimate(0.5, 0.7)})


def about(found, question):
    return next(one for one in found.questions if question in one.question)


def control(name="cut", bounds=(0.01, 0.02), **more):
    found = ControlResult(name=name, base="base", other="grpo", shortened=0.9, difference={"bleu": estimate(*bounds)})
    return replace(found, **more)
