"""Experiments: a protocol's arms x seeds, each run once and compared by one evaluation (`bleuberi compare`).

`protocol` reads the YAML file, with `fields` (values with their lines), `arms` (kinds, seeds, order), `pool_parts` and
`search` (the pilots in which an arm's settings were chosen; `search_costs` computes their cost).
`keys` computes a run's key, `inputs` creates pools and data sets, `stages` trains and generates responses in the
`store` by running commands with `process`; `answer` is the process that writes responses. `record` is a run's committed
folder (with `versions` of the source), `costs` its cost, `evaluation` and `table` compare all runs, `decision` writes
the one sentence. `run` executes everything as `config` asks, with estimates by `times`; `rerun` repeats one run, `plan`
computes the effect that a planned experiment can detect. `headroom` (run by `headroom_run`) measures, before any
training, how much there is to gain.

To add a kind of arm: add it and its fields to `arms.KINDS`, add the inputs of its model to `keys.model_decides` and
`inputs.data_settings`, and let `stages.make_run` create the model with the ordinary commands and count its cost.
"""
