"""The files of a training run: checkpoints, log, exported model, model card.

`run_folder` opens, resumes and finishes a run; `checkpoints` marks complete ones, `resume` and `foreign_checkpoint`
load them; `reference_model` keeps the one that `sync_ref_model` changes; `tracker` keeps a run's identity; `log` and
`progress` report steps; `export` writes the model, `model_card` and `hub` publish it. To add a format of the exported
model, write a module here and call it from `export.save_finished` between `check_model_folder` and the manifest. If its
file's ending is in `generation.model_identity._DECIDING` and no response depends on it, leave it out in
`folder_revision`, or the model's cache key changes. `hub` uploads what its lists name; add it to docs/data_format.md.
"""
