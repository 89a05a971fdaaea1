"""Checks of a training run before it starts, without weights and without a GPU.

`run` calls every check and `findings` holds their results; `launch`, `settings`, `installed`, `machine`, `model`,
`tokens`, `lengths`, `before`, `planned`, `signal`, `batch`, `memory`, `fit` and `time_estimate` are the checks. To add
a check, write `check_x(report, ...)` that calls `report.add(name, verdict, sentence)` (in `batch` if it is about
settings or batches), call it in `run.preflight` (in `_check_grpo_rows` or `_check_pairs` only if it needs rows or the
tokenizer, and then also in `planned.check_planned_rows`, which the job scripts run before there are rows), and add its
row to docs/preflight.md. If `train` shall refuse or warn too, see training/settings.
"""
