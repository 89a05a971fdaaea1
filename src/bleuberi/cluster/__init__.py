"""Distribute work over several machines with Ray.

`session` connects to a cluster, `workers` plans and starts worker processes, `mapping` sends units of work to them,
yields results as they finish and retries after failures; `options` has the flags. To run new work, pass its
function to `map_units`.
"""

from __future__ import annotations

from bleuberi.cluster.mapping import map_units
from bleuberi.cluster.options import ClusterOptions, check_ray
from bleuberi.cluster.session import connect, disconnect
from bleuberi.cluster.workers import Workers, plan_workers

__all__ = ["ClusterOptions", "Workers", "check_ray", "connect", "disconnect", "map_units", "plan_workers"]
