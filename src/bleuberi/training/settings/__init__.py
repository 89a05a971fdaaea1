"""A run's settings: read, checked, compared with the installed TRL.

`read` builds the config (`training.config` and the classes of TRL) from flags and file (`words`). `rules` and
`conflicts` check values, `original_flags` names the replacements of the original program's flags, and `installed`,
`drift` and `deciding` compare with the installed classes. `ready`, `lengths`, `dataset` and `paper_batch` look at the
model, data and processes. To add a rule that refuses a run, add it to `rules` or `conflicts`: `train` and the doctor
call both. To add a warning, return text and cure from a function as `paper_batch.grown_batch` does;
`read.read_settings` logs it, and `doctor/run.py` reports it.
"""
