"""Does a reward prefer the responses that people, or labels of models, prefer?

`pairs`, `tables`, `references` and `answers` read the data, `arena` the paper's own; `scores`, `mixes` and `ties`
score it; `analysis`, `votes` and `systems` compute agreement; `verdict` and `systems_verdict` put it into words;
`run_pairs` and `run_systems` are two flows; `view`, `table`, `figures`, `system_figures` show a result. Which reward
to train on: `which` (length-balanced), `judged` and `best_of` (judged answers), `damage`, `from_references` and
`run_references` (references alone), `judge_margins` (a judge where a reward is unsure), `choice` and
`references_verdict` (words), `which_tables` and `view_which`. To add a baseline score, add a function to
`bleuberi.rewards.baselines` and its name to `run_pairs`; to add a statistic, compute it in `analysis` and show it in
`view`.
"""
