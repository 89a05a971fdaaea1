"""Work on several machines at once, over Ray. Knows workers and their processes; knows no engines or rewards."""

from __future__ import annotations

from bleuberi.cluster.mapping import map_units
from bleuberi.cluster.options import ClusterOptions, check_ray
from bleuberi.cluster.session import connect, disconnect
from bleuberi.cluster.workers import Workers, plan_workers

__all__ = ["ClusterOptions", "Workers", "check_ray", "connect", "disconnect", "map_units", "plan_workers"]
