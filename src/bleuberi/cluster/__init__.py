"""Distribute work over several machines with Ray.

`session` connects to a cluster, `workers` plans and starts worker processes, `mapping` sends units of work to them,
yields results as they finish and retries after failures; `options` has the flags. To run new work, pass its
function to `mapping.map_units`.
"""
