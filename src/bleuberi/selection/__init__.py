"""Pool to GRPO or SFT data set: responses, scores, picked examples.

`create` is the flow of `data grpo`, `config` its settings and `request` the names of its files; `responses` and
`samples` get responses, `original_files` those of the method's original program; `scores` scores them; `pick` holds
the method's modes and `signal` (with `pick_signal`) the sampled one; `record`, `measures` and `examples` write
`selection.json`; `sft_pairs` is `data sft`, `best_of` is `data bestof`
and `data pairs`, from `scored_samples`; `dataset_folder` saves; `view`, `view_examples`, `figure` and `histogram`
show a selection. To add a selection mode: add its name to `pick.SelectionMode` and to the choices in
`bleuberi.cli.create_training_data`, its rule to `pick` and a branch to `create._pick`. If it needs no scores, treat
it as `random` in `config.scores_needed`, `config.check` and `request.scored_by_original`. For experiments add it to
`comparison.arms.MODES`. Add its row to docs/selection.md; `make docs`.
"""
