"""GRPO and SFT with TRL's own trainers.

`grpo` and `sft` are the two flows, `reasoning` asks for tagged answers, `early_stop` saves and leaves when a run is
told to stop; `settings/` reads and checks the config, `watch/` is what runs beside the trainer (rewards, gate, monitor,
samples), `folder/` is what a run leaves (checkpoints, log, export, model card); `presets/` and `launch/` are files that
the commands take by name; `view*` shows a run. To add an export format, add a module to `folder/` and call it from
`folder/export.py`; to add a preset, add a YAML file to `presets/`.
"""
