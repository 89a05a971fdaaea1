"""What runs beside the trainer: rewards, the low-signal gate, the monitor, samples.

`reward` adapts a reward to TRL, with `handover`, `gate`, `groups` and `monitor` behind it; `warnings` holds the
monitor's rules and `callback` applies them; `samples` writes `completions.jsonl`. To add a warning, add a rule to
`warnings`.
"""
