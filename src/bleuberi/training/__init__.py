"""GRPO and SFT with TRL's own trainers.

`grpo` and `sft` are the two flows, `warm_start` runs one before the other, `reasoning` asks for tagged answers,
`merge` puts LoRA into its base without loss, `early_stop` saves and leaves when a run is told to stop; `settings/`
reads and checks the config, `watch/` is what runs beside the trainer (rewards, gate, monitor, samples, dev prompts),
`folder/` is what a run leaves (checkpoints, log, export, model card); `presets/` and `launch/` are files that the
commands take by name; `view*` shows a run. To add an export format: see
`folder/`; to add a preset, add a YAML file to `presets/`.
"""
