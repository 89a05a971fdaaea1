"""GRPO, SFT and DPO with TRL's own trainers.

`grpo` is one flow, `offline` the other, which `sft` and `dpo` share; `warm_start` runs SFT before GRPO, `reasoning`
asks for tagged answers, `merge` puts LoRA into its base without loss, `early_stop` saves and leaves when a run is told
to stop; `config` has our own settings, which are also flags; `settings/` reads and checks them and TRL's; `watch/` is
what runs beside the trainer (rewards, gate, monitor, samples, dev prompts), `folder/` is what a run leaves
(checkpoints, log, export, model card); `presets/` and `launch/` are files that the commands take by name; `view*` shows
a run. To add a setting, add a field to `config`; a format of the exported model: see `folder/`; a preset: a YAML file
in `presets/`; a table or curve of a run: `view.run_section` and `view_charts._CURVES`.
"""
