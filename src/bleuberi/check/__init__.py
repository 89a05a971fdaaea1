"""Check a pool before money is spent on it.

`findings` computes one flag per row and kind, `prompt_overlap` compares with test prompts, `held_out` splits, `run` is
the flow of `bleuberi data check` and `config` its settings, `view` shows `check.json`. To add a flag, add its function
to `findings` (text flags live in `bleuberi.data.text_checks`) and one row to the table in `docs/selection.md`.
"""
