"""The report section of a training run: finished, running or killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from bleuberi.training.view_charts import is_number, reward_names, run_charts, series
from bleuberi.training.view_completions import completions_browser
from bleuberi.training.view_dev import dev_charts, dev_notices
from bleuberi.view.parts import Cell, Fact, Notice, Section, Table, number
from bleuberi.view.reading import Json, read_lines, read_object
from bleuberi.view.without_texts import short_paths


class Run(NamedTuple):
    """The content of a run's folder."""

    name: str
    entries: list[Json]  # logged, by step; the closing entry is not among them
    config: Json
    manifest: Json  # empty where the run did not finish
    damaged_lines: int

    @property
    def signatures(self) -> dict[str, str]:
        """The signature of each reward, by its name, as recorded by the run."""
        noted = self.manifest.get("parents", {}).get("reward_signatures") or self.config.get("reward_signatures") or []
        names = reward_names(self.entries)  # logged in the order of the rewards
        if len(names) != len(noted):
            names = [str(signature).split("|")[0] for signature in noted]
        return {name: str(signature) for name, signature in zip(names, noted, strict=True)}

    @property
    def method(self) -> str:
        """The training method, derived from the logged metrics; if nothing was logged, from the settings."""
        if any(name in entry for entry in self.entries for name in ("reward", "completions/mean_length")):
            return "GRPO"
        if any("rewards/margins" in entry for entry in self.entries):
            return "DPO"
        if self.entries:
            return "SFT"
        return "GRPO" if "num_generations" in self.config else "training"

    @property
    def last_step(self) -> int:
        return int(self.entries[-1]["step"]) if self.entries else 0

    @property
    def warnings(self) -> list[tuple[int, str]]:
        """The monitor's warnings, each with its step."""
        return [(int(entry["step"]), str(text)) for entry in self.entries for text in entry.get("warnings") or []]


def read_run(folder: Path, name: str) -> Run:
    """Read a run's folder. If a step was logged twice, after a crash, the later entry is used."""
    rows, damaged = read_lines(folder / "metrics.jsonl")
    by_step = {int(row["step"]): row for row in rows if is_number(row.get("step")) and "train_runtime" not in row}
    manifest = read_object(folder / "manifest.json")
    config = manifest.get("config") or read_object(folder / "started.json")
    return Run(name, [by_step[step] for step in sorted(by_step)], config, manifest, damaged)


def run_section(folder: Path, id_: str, name: str) -> Section:
    """The section of one run: state, curves, warnings and completions."""
    run = read_run(folder, name)
    steps = run.config.get("max_steps")
    planned = int(steps) if is_number(steps) and steps > 0 else None
    state = "finished" if run.manifest else "not finished"
    lead = f"{run.method}, {state} at step {run.last_step:,}" + (f" of {planned:,}" if planned else "")
    start, end = ends(run.entries, "reward")
    if start is not None and end is not None:
        lead += f": reward {start:.3f} at the start, {end:.3f} at the end"
    elif run.method == "SFT":
        first, last = ends(run.entries, "loss")
        if first is not None and last is not None:
            lead += f": loss {first:.3f} at the start, {last:.3f} at the end"
    if run.warnings:
        lead += f"; {len(run.warnings)} warning{'s' if len(run.warnings) > 1 else ''}"
    facts = [
        Fact("method", run.method),
        Fact("state", state),
        Fact("steps", f"{run.last_step:,}", f"of {planned:,}" if planned else ""),
    ]
    if end is not None:
        facts.append(Fact("reward", f"{end:.3f}", f"first tenth of the steps: {start:.3f}"))
    if run.config.get("model_name_or_path"):
        facts.append(Fact("model", short_paths(str(run.config["model_name_or_path"]))))
    if run.manifest.get("rows_used") is not None:
        facts.append(Fact("examples", f"{run.manifest['rows_used']:,}"))
    completions, damaged = read_lines(folder / "completions.jsonl")
    browser = completions_browser(completions, run.signatures)
    rows, lost = read_lines(folder / "dev.jsonl")
    dev = [row for row in rows if is_number(row.get("step"))]
    charts = [
        *run_charts(run.entries, run.signatures, run.warnings),
        *dev_charts(dev, run.manifest, "; ".join(run.signatures.values())),
    ]
    links = run.manifest.get("trackers") or read_object(folder / "tracker.json").get("links") or {}
    facts += [Fact(str(name), str(link)) for name, link in sorted(links.items())]
    return Section(
        id_, "training run", f"Training run: {run.method}", name, lead + ".", facts,
        [*_notices(run, damaged + lost), *dev_notices(dev, run.manifest)], charts,
        [_ends_table(run)] if run.entries else [],
        [browser] if browser else [],
        {f"reward {reward}": signature for reward, signature in run.signatures.items()} | _settings(run.config),
    )  # fmt: skip


def ends(entries: list[Json], name: str) -> tuple[float | None, float | None]:
    """Means over the first and the last tenth of the logged values: single steps are too noisy to compare."""
    values = [value for _, value in series(entries, name)]
    if not values:
        return None, None
    some = max(1, len(values) // 10)
    return sum(values[:some]) / some, sum(values[-some:]) / some


def _notices(run: Run, damaged_samples: int) -> list[Notice]:
    notices = [Notice("warning", f"Step {step}: {text}") for step, text in run.warnings]
    if not run.manifest:
        notices.append(
            Notice("note", "The run did not finish (or is still going on): this is what it had logged so far.")
        )
    if run.damaged_lines or damaged_samples:
        notices.append(Notice("note", f"Damaged lines that were left out: {run.damaged_lines + damaged_samples}."))
    if run.entries and not series(run.entries, "reward") and run.method == "GRPO":
        notices.append(Notice("note", "No reward was logged, so none is drawn."))
    if not run.entries:
        notices.append(Notice("note", "Nothing was logged yet."))
    if run.method == "GRPO" and run.entries and not run.signatures:
        notices.append(Notice("warning", "The run does not tell how its reward was made: its signature is unknown."))
    return notices


def _ends_table(run: Run) -> Table:
    names = sorted(
        {name for entry in run.entries for name, value in entry.items() if is_number(value)} - {"step", "epoch"}
    )
    rows: list[list[Cell]] = []
    for name in names:
        values = [value for _, value in series(run.entries, name)]
        start, end = ends(run.entries, name)
        cells: list[Any] = [number(value, 4) for value in (start, end, min(values), max(values))]
        rows.append([Cell(name), *cells])
    return Table("metrics", "Every logged metric", ["metric", "first tenth", "last tenth", "least", "most"], rows,
                 note="means over the first and the last tenth of the logged steps")  # fmt: skip


def _settings(config: Json) -> dict[str, str]:
    """The settings that a reader of curves asks for."""
    asked = (
        "model_name_or_path",
        "model_revision",
        "learning_rate",
        "num_generations",
        "temperature",
        "beta",
        "max_completion_length",
        "seed",
    )
    words = [f"{name} {config[name]}" for name in asked if config.get(name) is not None]
    return {"settings": ", ".join(words)} if words else {}
