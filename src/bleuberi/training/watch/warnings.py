"""When a run's numbers call for a warning. Knows log entries and limits; knows no trainer.

The warnings are a function of the entries alone, so that a run that was killed goes on with the same ones.
A metric's last entries are compared with a limit and, where good runs differ from the start, with its own first ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from statistics import fmean
from typing import Any, Final, NamedTuple

from bleuberi.errors import UserError

Entry = Mapping[str, Any]


@dataclass
class MonitorConfig:
    """The monitor's fields of a run; none of them changes what is learned. `docs/monitor.md` argues the defaults."""

    warn_correlation: float = field(
        default=0.9,
        metadata={"help": "GRPO: rank correlation of reward with length, or with copying, that is warned of; 1: never"},
    )
    warn_copied_share: float = field(
        default=0.5, metadata={"help": "GRPO: share of 4-grams from the prompt, risen by 0.2, that is warned of"}
    )
    warn_repeated_share: float = field(
        default=0.5, metadata={"help": "GRPO: share of repeated 4-grams, risen by 0.2, that is warned of"}
    )
    warn_clipped_share: float = field(
        default=0.9, metadata={"help": "GRPO: share of completions cut off, risen by 0.2, that is warned of"}
    )
    warn_low_signal: float = field(
        default=0.9, metadata={"help": "GRPO: share of groups without a usable spread that is warned of"}
    )
    monitor_window: int = field(
        default=5,
        metadata={"help": "GRPO: log entries whose mean is compared with the limits, and with the first ones"},
    )
    stop_on_warning: bool = field(
        default=False, metadata={"help": "GRPO: save a checkpoint and end the run at the first warning"}
    )
    sample_every: int = field(
        default=25, metadata={"help": "GRPO: steps between samples in completions.jsonl; 0: none are made"}
    )
    sample_prompts: int = field(default=4, metadata={"help": "GRPO: prompts that are sampled, the same each time"})

    def __post_init__(self) -> None:
        for item in fields(MonitorConfig):
            value = getattr(self, item.name)
            if item.name.startswith("warn_") and not 0 < value <= 1:
                raise UserError(f"{item.name} is {value}.", "Give a limit above 0 and at most 1; 1 never warns.")
        for name, least in (("monitor_window", 1), ("sample_every", 0), ("sample_prompts", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{name} is {getattr(self, name)}.", f"Give a whole number of at least {least}.")


NOT_DECIDING: Final = frozenset(item.name for item in fields(MonitorConfig))
"""Settings that a run may change when it goes on."""


class Rule(NamedTuple):
    """Warn where the mean of a metric exceeds a limit and, with `rise`, its own start by that much."""

    metric: str  # a name, or the end of one
    limit: str  # the field with the limit
    rise: float
    says: str


RULES: Final = (
    Rule("/length_correlation", "warn_correlation", 0, "the reward follows the length of the completions"),
    Rule("/copy_correlation", "warn_correlation", 0, "the reward follows what is copied from the prompt"),
    Rule("monitor/copied_share", "warn_copied_share", 0.2, "completions repeat their prompts"),
    Rule("monitor/repeated_share", "warn_repeated_share", 0.2, "completions repeat themselves"),
    Rule("completions/clipped_ratio", "warn_clipped_share", 0.2, "completions no longer end by themselves"),
    Rule("frac_low_signal", "warn_low_signal", 0, "hardly any group has rewards that differ, so little is learned"),
)


class Watch:
    """Reads log entries one by one, and gives each warning once: a run that went on in spite of it was asked to."""

    def __init__(self, config: MonitorConfig) -> None:
        self._config = config
        self._first: dict[str, list[float]] = {}
        self._last: dict[str, deque[float]] = {}
        self._warned: set[str] = set()

    def read(self, entry: Entry) -> list[str]:
        """The warnings that this entry calls for first."""
        found = []
        for name, value in entry.items():
            rule = next((rule for rule in RULES if name.endswith(rule.metric)), None)
            if rule is None or value is None or name in self._warned:
                continue
            text = self._note(name, float(value), rule)
            if text:
                self._warned.add(name)
                found.append(text)
        return found

    def _note(self, name: str, value: float, rule: Rule) -> str:
        window, limit = self._config.monitor_window, getattr(self._config, rule.limit)
        first = self._first.setdefault(name, [])
        last = self._last.setdefault(name, deque(maxlen=window))
        last.append(value)
        if len(first) < window:
            first.append(value)
        now, start = fmean(last), fmean(first)
        if len(last) < window or now <= limit or now - start < rule.rise:
            return ""
        since = f", {start:.2f} at the start" if rule.rise else ""
        return f"{rule.says}: {name} is {now:.2f}, over {limit:g}{since}"
