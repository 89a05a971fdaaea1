"""What runs beside the trainer: rewards, the low-signal gate, the monitor, samples, evaluation on dev prompts.

`reward` adapts a reward to TRL, with `handover`, `gate`, `groups` and `monitor` behind it; `warnings` holds the
monitor's rules and `callback` applies them; `samples` writes `completions.jsonl`; `dev` and `dev_rows` evaluate on
held-out prompts and choose the best checkpoint. To add a warning during a run, add a rule to `warnings`.
"""
