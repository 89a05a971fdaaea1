"""Checks of a training run before it starts, without weights and without a GPU.

`run` calls every check and `findings` holds their results; `launch`, `settings`, `installed`, `machine`, `model`,
`tokens`, `lengths`, `batch`, `memory`, `fit` and `time_estimate` are the checks. To add a check, write a function
that returns findings and call it in `run`.
"""
