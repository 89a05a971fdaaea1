"""What is wrong with a pool, before anything is spent.

`findings` computes one flag per row and kind, `prompt_overlap` compares with test prompts, `held_out` splits, `run`
is the flow of `bleuberi data check`, `view` shows `check.json`. To add a flag, add its function to `findings` (text
flags live in `bleuberi.data.text_checks`) and one row to the table in `docs/selection.md`.
"""
