"""Are the trained models better than the base on held-out prompts, and by what?

`run` is the flow of `bleuberi evaluate`, `config` its settings, `models` and `model_facts` the models, `responses`
their responses; `measures` and `length_control` score, `comparison` compares, `judge*` asks a judge; `warnings`,
`verdict` and `control_sentences` put the result into words; `record` writes `evaluation.json`; `view*` and `table` show
it. To add a control, compute its scores like `length_control`, add it to `record`, and let `control_sentences` name it.
"""
