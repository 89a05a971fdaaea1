"""Are the trained models better than the base on held-out prompts, and by what?

run                the flow of `bleuberi evaluate`: responses, scores, controls, judge, record
config             its settings, and whether a folder holds an evaluation with others
models             the models by name, groups of seeds, the primary comparison
model_facts        how a model folder was trained
responses          every model's responses to the same prompts; repeated runs count once
response_files     responses made elsewhere
measures           scores, BLEU's factors, facts mentioned, words, copied share; families of scores
number_file        columns of numbers in a temporary file
comparison         means and differences over prompts and runs
controls           the texts of echo, cut and placebo, and the record of every control
base_controls      brief and long, for which the base writes again or a file stands in
gains              how many prompts make a gain, which ones, and how much is copied
retention          prompts that have nothing to do with the training, with token_kl; retention_table shows it
judge_results      win rates
warnings           caveats on files, limits, tokenizers and trainings
verdict            questions, and answers that claim no more than the numbers allow
control_sentences  what controls and gains say of an answer
record             the content of `evaluation.json`
write              makes that record, and the lines of `answers.jsonl`
card               the result that a model's card shows
view               the section that page, terminal and Markdown print, with view_tables, view_examples, view_compared

To add a measure, add a `Measure` in `measures` (its role decides where it is shown) and its family to `_FAMILIES`.
To add a control, make its texts in `controls` (or `base_controls`), add its name to CONTROLS, build it in
`run._controls`, and give it its words in `control_sentences`; a made pair in `tests/end_to_end/traps.py`
shows that it catches what it is for.
"""
