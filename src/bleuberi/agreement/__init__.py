"""Measure whether a reward prefers the same responses as people, or ranks models as their labels do.

`pairs`, `tables`, `references` and `answers` read the data, `arena` the paper's data; `scores`, `mixes` and `ties`
compute scores; `analysis`, `votes` and `systems` compute agreement; `verdict` and `systems_verdict` phrase it;
`run_pairs` and `run_systems` are complete flows, with the settings of `config`. `record` (with `record_parts`) finds,
writes and reads `agreement.json`, which `view` and `view_tables` show. For the choice of a reward: `which`
(length-balanced), `judged` and `best_of` (judged answers), `damage`, `from_references` and `run_references` (references
only), `judge_margins` (a judge for pairs whose scores hardly differ), `choice` and `references_verdict` (sentences),
`view_which`. To add a baseline, add it to `bleuberi.rewards.baselines` and its name to `run_pairs`; to add a statistic,
compute it in `analysis`, add it to `record_parts` and show it in `view`.
"""
