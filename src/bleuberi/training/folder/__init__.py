"""What a training run leaves on disk: checkpoints, log, exported model, model card.

`run_folder` opens, resumes and finishes a run; `checkpoints` marks complete ones, `resume` and `foreign_checkpoint`
load them; `reference_model` keeps the one that `sync_ref_model` changes; `tracker` keeps a run's identity; `log` and
`progress` report steps; `export` writes the model, `model_card` and `hub` publish it. To add an export format, write
the module here and call it from `export`.
"""
