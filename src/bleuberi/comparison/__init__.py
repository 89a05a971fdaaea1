"""Experiments: arms x seeds of a protocol, each run made once, compared by one evaluation (`bleuberi compare`).

`protocol` reads the YAML file, with `fields` (values with their lines), `arms` (kinds, seeds, order) and `pool_parts`.
`keys` says what decides a run, `inputs` makes pools and data sets, `stages` trains and answers in the `store`, and
`process` runs the commands for it; `answer` is the process that writes responses. `record` is the committed folder of a
run (`versions` says of which source), `costs` what it cost, `evaluation` and `table` the comparison of all runs,
`decision` its one sentence. `run` puts them in order, with `times`; `rerun` repeats one run, `plan` says what an
experiment of some size could see. `headroom` (with `headroom_run`) measures what there is to gain before any run.

To add a kind of arm: name it and its fields in `arms.KINDS`, say in `keys.model_decides` what decides its model, and
let `stages.make_run` make that model with the ordinary commands and count its cost.
"""
