"""What can be asked of a cluster, and how it refuses."""

import pytest

from bleuberi.cluster.options import ClusterOptions, check_ray
from bleuberi.cluster.session import connect
from bleuberi.cluster.workers import Machine, Workers, fit_workers
from bleuberi.errors import UserError

TWO_NODES = [Machine(64, 8), Machine(64, 8)]
CPU_NODES = [Machine(16, 0), Machine(8, 0)]


@pytest.mark.parametrize(
    ("options", "machines", "needed", "workers"),
    [
        (ClusterOptions(), TWO_NODES, 1, Workers(16, 1, 1)),
        (ClusterOptions(), TWO_NODES, 4, Workers(4, 1, 4)),
        (ClusterOptions(), TWO_NODES, 3, Workers(4, 1, 3)),  # two of three a machine; the rest stays free
        (ClusterOptions(workers=3), TWO_NODES, 1, Workers(3, 1, 1)),
        (ClusterOptions(gpus=0), TWO_NODES, 1, Workers(2, 64, 0)),
        (ClusterOptions(), TWO_NODES, 0, Workers(2, 64, 0)),  # scoring texts
        (ClusterOptions(), CPU_NODES, 1, Workers(2, 8, 0)),
        (ClusterOptions(workers=3), CPU_NODES, 1, Workers(3, 8, 0)),
        (ClusterOptions(workers=4), [Machine(4, 0)], 1, Workers(4, 1, 0)),
    ],
)
def test_as_many_workers_as_fit(options, machines, needed, workers):
    assert fit_workers(options, machines, needed) == workers


@pytest.mark.parametrize(
    ("options", "machines", "needed", "what"),
    [
        (ClusterOptions(workers=17), TWO_NODES, 1, "17 workers with 1 GPU each, but the cluster has room for 16"),
        (ClusterOptions(), TWO_NODES, 16, "room for 0"),  # a worker does not span machines
        (ClusterOptions(gpus=2), CPU_NODES, 1, "1 worker with 2 GPU each, but .* room for 0"),
        (ClusterOptions(workers=25), CPU_NODES, 1, "the cluster has 24 CPU"),
    ],
)
def test_more_than_there_is_is_refused(options, machines, needed, what):
    with pytest.raises(UserError, match=what) as caught:
        fit_workers(options, machines, needed)
    assert "--ray_workers" in caught.value.cure


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (ClusterOptions(workers=0), "--ray_workers must be at least 1"),
        (ClusterOptions(gpus=-1), "--ray_gpus must be at least 0"),
        (ClusterOptions("head"), "--ray_address head is not an address"),
        (ClusterOptions(""), "--ray_address is empty"),
        (ClusterOptions("ray://head:10001"), "is a Ray Client address"),
    ],
)
def test_bad_options_are_refused(options, what):
    with pytest.raises(UserError, match=what):
        options.check()


def test_rays_own_variable_names_the_cluster(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert ClusterOptions().address_in_force == "10.0.0.1:6379"
    assert ClusterOptions("auto").address_in_force == "auto"


def test_without_ray_the_install_line_is_given(monkeypatch):
    monkeypatch.setattr("bleuberi.cluster.options.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "bleuberi\[ray\]"'):
        check_ray()


def test_a_cluster_that_nobody_runs_is_said_at_once():
    pytest.importorskip("ray")
    with pytest.raises(UserError, match=r"The Ray cluster at 127\.0\.0\.1:9 cannot be reached") as caught:
        connect(ClusterOptions("127.0.0.1:9"))
    assert "--ray_address" in caught.value.cure
