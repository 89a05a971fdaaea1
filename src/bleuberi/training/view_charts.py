"""Curves of a training run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from bleuberi.view.curve_charts import lines
from bleuberi.view.parts import Chart
from bleuberi.view.reading import Json


class Curves(NamedTuple):
    """Metrics of the same quantity, which therefore share an axis."""

    name: str
    title: str
    label: str
    metrics: dict[str, str]  # metric -> its name in the legend
    note: str = ""
    form: str = ".3~g"
    domain: tuple[float, float] | None = None


_SHARE: Final = (0.0, 1.0)
_OF_ENDED: Final = "completions/mean_terminated_length"
_CURVES: Final = (
    Curves("length", "Completion length", "tokens",
           {"completions/mean_length": "mean", _OF_ENDED: "mean of those that ended"},
           "band: shortest to longest", ",.0f"),
    Curves("shares", "Cut off, and without signal", "share",
           {"completions/clipped_ratio": "completions cut off", "frac_reward_zero_std": "groups of equal rewards",
            "frac_low_signal": "groups of low signal", "monitor/eos_share": "completions that ended"},
           "share of completions, of groups", ".0%", _SHARE),
    Curves("texts", "Copied and repeated", "share of 4-grams",
           {"monitor/copied_share": "copied from the prompt",
            "monitor/reference_copied_share": "copied from the prompt by references",
            "monitor/repeated_share": "repeated"}, "", ".0%"),
    Curves("distinct", "Distinct within a prompt's completions", "share of 4-grams",
           {"monitor/distinct_share": "distinct"}, "", ".0%"),
    Curves("loss", "Loss", "loss", {"loss": "loss"}),
    Curves("entropy", "Entropy", "nats a token", {"entropy": "entropy"}),
    Curves("kl", "Divergence from the start", "KL", {"kl": "kl"}),
    Curves("gradient", "Gradient norm", "norm", {"grad_norm": "norm before clipping"}),
    Curves("accuracy", "Token accuracy", "share of tokens", {"mean_token_accuracy": "token accuracy"}, "", ".0%"),
    Curves("preferred", "Pairs in which the chosen response gained more", "share of pairs",
           {"rewards/accuracies": "chosen first"}, "", ".0%", _SHARE),
    Curves("margins", "Implicit rewards", "beta x log ratio to the start",
           {"rewards/chosen": "chosen", "rewards/rejected": "rejected", "rewards/margins": "difference"}),
    Curves("logps", "Log-probabilities of responses", "nats",
           {"logps/chosen": "chosen", "logps/rejected": "rejected"}),
    Curves("time", "Time per step", "seconds", {"step_time": "seconds"}),  # logged by GRPO alone
)  # fmt: skip


def is_number(value: object) -> TypeGuard[float]:
    """Whether the value is a finite number; logs may also contain words or NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def series(entries: Sequence[Json], name: str) -> list[tuple[int, float]]:
    """The steps and values of a metric, for the entries that have it."""
    return [(int(entry["step"]), float(entry[name])) for entry in entries if is_number(entry.get(name))]


def run_charts(entries: Sequence[Json], signatures: dict[str, str], warnings: Sequence[tuple[int, str]]) -> list[Chart]:
    """The charts of a run: rewards first, each on its own axis, then metrics of the completions and of the
    optimisation."""
    marks = [{"step": step, "text": text} for step, text in warnings]
    names = reward_names(entries)
    charts = []
    for name in names:
        charts += _reward_chart(entries, name, signatures.get(name, ""), marks)
    if not names and series(entries, "reward"):
        charts += _reward_chart(entries, "", "; ".join(signatures.values()), marks)
    charts += [chart for curves in (*_per_reward(names), *_CURVES) for chart in _chart(entries, curves, signatures)]
    return charts


def reward_names(entries: Sequence[Json]) -> list[str]:
    """The names of the rewards that have logged metrics."""
    found = {name.split("/")[1]: None for entry in entries for name in entry
             if name.startswith("rewards/") and name.endswith("/mean")}  # fmt: skip
    return list(found)


def _reward_chart(entries: Sequence[Json], name: str, signature: str, marks: Sequence[Json]) -> list[Chart]:
    mean, std = (f"rewards/{name}/mean", f"rewards/{name}/std") if name else ("reward", "reward_std")
    spread = dict(series(entries, std))
    values: list[dict[str, Any]] = [
        {"step": step, "series": name or "reward", "value": value}
        | ({"low": value - spread[step], "high": value + spread[step]} if step in spread else {})
        for step, value in series(entries, mean)
    ]
    if not values:
        return []
    note = "mean of the step's completions" + ("; band: one standard deviation" if spread else "")
    note += "; dashed: a warning" if marks else ""
    title = f"Reward: {name}" if name else "Reward"
    chart = Chart(
        f"reward_{name or 'all'}",
        title,
        lines(values, "reward", form=".3f", marks=marks),
        note,
        signature or "signature unknown",
        wide=True,
    )
    return [chart]


def _per_reward(names: Sequence[str]) -> list[Curves]:
    found = []
    for name in names:
        correlations = {
            f"rewards/{name}/length_correlation": "with length",
            f"rewards/{name}/copy_correlation": "with copying",
        }
        found.append(
            Curves(f"{name}_correlation", f"What {name} pays for", "rank correlation within groups", correlations,
                   "above 0: longer, or more copied, completions of a prompt get more", ".2f", (-1.0, 1.0))
        )  # fmt: skip
        parts = {f"{name}/precision_{order}": f"{order}-grams" for order in range(1, 5)}
        found.append(Curves(f"{name}_precisions", f"Precisions of {name}", "precision", parts, "with smoothing"))
        factors = {f"{name}/brevity_penalty": "brevity penalty", f"{name}/smoothing_share": "given by smoothing"}
        found.append(Curves(f"{name}_factors", f"Factors of {name}", "factor, share", factors, "", ".2f", _SHARE))
    return found


def _chart(entries: Sequence[Json], curves: Curves, signatures: dict[str, str]) -> list[Chart]:
    values: list[dict[str, Any]] = []
    low, high = dict(series(entries, "completions/min_length")), dict(series(entries, "completions/max_length"))
    for metric, name in curves.metrics.items():
        for step, value in series(entries, metric):
            if metric == _OF_ENDED and not value:
                continue  # no completion of the step ended: there is no mean
            row: dict[str, Any] = {"step": step, "series": name, "value": value}
            if metric == "completions/mean_length" and step in low and step in high:
                row |= {"low": low[step], "high": high[step]}
            values.append(row)
    if not values:
        return []
    spec = lines(values, curves.label, form=curves.form, domain=curves.domain, zero=curves.label == "tokens")
    of = next((name for name in signatures if curves.name.startswith(f"{name}_")), None)
    return [Chart(curves.name, curves.title, spec, curves.note, signatures[of] if of else "")]
