"""Pool to GRPO or SFT data set: responses, scores, picked examples.

`create` is the flow of `data grpo`, `config` its settings and `request` what they stand for; `responses` and `samples`
get responses, `original_files` those of the method's original program; `scores` scores them; `modes` is the table of
selection modes, with `pick` for those by score and `signal` (with `pick_signal`) for the sampled one; `record`,
`measures` and `examples` write `selection.json`; `sft_pairs` is `data sft`, `best_of` is `data bestof` and `data
pairs`, from `scored_samples`; `dataset_folder` saves; `view`, `view_examples` and `figure` show a
selection. To add a selection mode: write its function and its row in
`modes.MODES`, from which the config and experiments take it, and its name in the choices of
`bleuberi.cli.create_training_data`, whose help needs no numpy. Add its row to docs/selection.md; `make docs`.
"""
