"""Are the trained models better than the base on held-out prompts, and by what?

`run` is the flow of `bleuberi evaluate`, `config` its settings, `models` and `model_facts` the models, `responses` and
`response_files` their responses; `measures` scores, `comparison` compares, `gains` tells where a gain sits, `controls`
and `base_controls` what cheap explanations would score, `judge*` asks a judge; `warnings`, `verdict` and
`control_sentences` put the result into words; `record` writes `evaluation.json`; `view*` and `table` show it. To add a
control, make its texts in `controls`, name it in CONTROLS, and give it its words in `control_sentences`.
"""
