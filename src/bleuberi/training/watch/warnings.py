"""The rules by which a run's metrics cause a warning.

The warnings depend only on the log entries, so a resumed run gives the same ones. The mean of a metric's last entries
is compared with a limit, with the metric's start, or with its best mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from bleuberi.training.config import MonitorConfig
from bleuberi.training.watch.trends import Trend

Entry = Mapping[str, Any]


class Rule(NamedTuple):
    """Warn if the mean of a metric's last entries exceeds the limit and, with `rise`, exceeds the metric's start by at
    least `rise`."""

    metric: str  # a name, or the end of one
    limit: str  # the field with the limit
    rise: float
    says: str


RULES: Final = (
    Rule("/length_correlation", "warn_correlation", 0, "the reward follows the length of the completions"),
    Rule("/copy_correlation", "warn_correlation", 0, "the reward follows what is copied from the prompt"),
    Rule("monitor/repeated_share", "warn_repeated_share", 0.2, "completions repeat themselves"),
    Rule("completions/clipped_ratio", "warn_clipped_share", 0.2, "completions no longer end by themselves"),
    Rule("frac_low_signal", "warn_low_signal", 0, "hardly any group has rewards that differ, so little is learned"),
)
REWARD: Final = "reward"
REWARD_WINDOWS: Final = (1, 2)
"""A steep fall shows in a short window, a small one in a noisy reward in a longer one."""
COPIED: Final = "monitor/copied_share"
REFERENCE_COPIED: Final = "monitor/reference_copied_share"
DISTINCT: Final = "monitor/distinct_share"
GRADIENT: Final = "grad_norm"
RATE: Final = "learning_rate"
DEAD_SIGNS: Final = {
    "completions/clipped_ratio": "every completion is cut off",
    "frac_reward_zero_std": "the rewards of every group are equal",
}
"""Metrics that explain a run without a gradient when they are 1."""
OF_EVALUATION: Final = "eval_"


class Warned(NamedTuple):
    """One warning; if the reward has fallen, also the step at which it was best."""

    text: str
    best_step: int | None = None


class Watch:
    """Reads log entries one by one, and gives each warning only once, because a warned run may continue."""

    def __init__(self, config: MonitorConfig) -> None:
        self._config = config
        self._trends: dict[tuple[str, int], Trend] = {}
        self._warned: set[str] = set()

    def read(self, entry: Entry, step: int) -> list[Warned]:
        """The warnings that this entry causes, without those given for earlier entries."""
        found = []
        for name, value in entry.items():
            rule = next((rule for rule in RULES if name.endswith(rule.metric)), None)
            if rule is not None and not name.startswith(OF_EVALUATION) and value is not None:
                found.append((name, self._over_limit(name, self._trend(name, step, float(value)), rule)))
        if entry.get(REWARD) is not None:
            for windows in REWARD_WINDOWS:
                found.append((REWARD, self._fallen(self._trend(REWARD, step, float(entry[REWARD]), windows))))
        if entry.get(COPIED) is not None:
            above = float(entry[COPIED]) - float(entry.get(REFERENCE_COPIED) or 0.0)
            found.append((COPIED, self._copying(self._trend(COPIED, step, above))))
        if entry.get(DISTINCT) is not None:
            found.append((DISTINCT, self._alike(self._trend(DISTINCT, step, float(entry[DISTINCT])))))
        found += self._dead(entry, step)
        fresh = {name: warned for name, warned in found if warned is not None and name not in self._warned}
        self._warned |= fresh.keys()
        return list(fresh.values())

    def _trend(self, name: str, step: int, value: float, windows: int = 1) -> Trend:
        trend = self._trends.setdefault((name, windows), Trend(windows * self._config.monitor_window))
        trend.add(step, value)
        return trend

    def _over_limit(self, name: str, trend: Trend, rule: Rule) -> Warned | None:
        limit = getattr(self._config, rule.limit)
        if not trend.has_window or trend.now <= limit or trend.now - trend.start < rule.rise:
            return None
        since = f", {trend.start:.2f} at the start" if rule.rise else ""
        return Warned(f"{rule.says}: {name} is {trend.now:.2f}, over {limit:g}{since}")

    def _fallen(self, trend: Trend) -> Warned | None:
        limit, fall = self._config.warn_reward_drop, trend.best - trend.now
        if limit == 1 or not trend.can_be_judged or fall <= limit * abs(trend.best) or not trend.is_sure(fall):
            return None
        text = f"the reward has fallen: its mean is {trend.now:.3g}, and was {trend.best:.3g} around step"
        return Warned(f"{text} {trend.best_step}", trend.best_step)

    def _dead(self, entry: Entry, step: int) -> Iterator[tuple[str, Warned | None]]:
        """Whether nothing is learned: no gradient over a window, or a learning rate of 0 from the start on."""
        if entry.get(GRADIENT) is not None:
            trend = self._trend(GRADIENT, step, float(entry[GRADIENT]))
            if trend.has_window and trend.now == 0.0:
                signs = [text for metric, text in DEAD_SIGNS.items() if entry.get(metric) == 1]
                because = f" ({', '.join(signs)})" if signs else ""
                yield GRADIENT, Warned(f"nothing is learned: {GRADIENT} is 0{because}")
        if entry.get(RATE) is not None:
            trend = self._trend(RATE, step, float(entry[RATE]))
            if trend.can_be_judged and trend.best == 0.0:
                yield RATE, Warned(f"nothing is learned: {RATE} is 0")

    def _copying(self, trend: Trend) -> Warned | None:
        limit, rise = self._config.warn_copied_share, trend.now - trend.start
        if limit == 1 or not trend.can_be_judged or min(trend.now, rise) <= limit or not trend.is_sure(rise):
            return None
        return Warned(
            f"completions copy their prompts: {COPIED} is {trend.now:.2f} above that of the references, "
            f"{trend.start:.2f} at the start"
        )

    def _alike(self, trend: Trend) -> Warned | None:
        limit, fall = self._config.warn_distinct_drop, trend.start - trend.now
        if limit == 1 or not trend.can_be_judged or fall <= limit * trend.start or not trend.is_sure(fall):
            return None
        return Warned(
            f"completions of a prompt have become alike: {DISTINCT} is {trend.now:.2f}, {trend.start:.2f} at the start"
        )
