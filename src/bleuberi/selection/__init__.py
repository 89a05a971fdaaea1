"""Pool to GRPO or SFT data set: responses, scores, picked examples.

`create` is the flow of `data grpo`, `config` its settings and `request` what they stand for; `responses` and `samples`
get responses, `original_files` those of the method's original program; `scores` scores them; `modes` is the table of
selection modes, with `pick` for those by score and `signal` (with `pick_signal`) for the sampled one; `record`,
`measures` and `examples` write `selection.json`, `headroom_record` is `headroom.json`; `sft_pairs` is `data sft`,
`best_of` is `data bestof` and `data pairs`, from `scored_samples`; `dataset_folder` saves, with a `card`, which
`--push_to_hub` uploads too; `view`, `view_examples` and `figure` show a selection. To add a selection mode: write its
function and its row in `modes.MODES`, from which experiments take it, and its name in the choices of `config`, whose
import needs no numpy. Add its row to docs/selection.md, and name it in docs/experiments.md and training/README.md;
`make docs`.
"""
