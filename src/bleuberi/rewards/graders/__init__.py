"""Graders of hosted reinforcement fine-tuning, as rewards: `grader:FILE.json`.

`read` checks the file and builds the graders; `templates` fills `{{item.x}}` and `{{sample.output_text}}`; `checks` has
`string_check`; `similarity` has `text_similarity`; `formula` parses and computes `multi`'s `calculate_output`; `model`
asks a judge (`score_model`); `reward` is the reward. To add a kind of grader, write its class with `fields`,
`signature()` and `score()`, and name it in `read`.
"""
