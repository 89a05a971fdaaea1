"""Two hosts on one machine: network namespaces with a cable between them, and nothing shared but the disk."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from typing import NamedTuple

import pytest


class Host(NamedTuple):
    """One host: its address, and the name of its namespace."""

    address: str
    name: str

    @property
    def before(self):
        """What stands before a command that runs on it."""
        return ["ip", "netns", "exec", self.name]

    def received_bytes(self):
        counters = json.loads(ip("-n", self.name, "-json", "-stats", "link", "show", "eth0").stdout)
        return counters[0]["stats64"]["rx"]["bytes"]

    def lose_power(self):
        """SIGKILL to all of its processes at once."""
        for pid in map(int, ip("netns", "pids", self.name).stdout.split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


@contextlib.contextmanager
def joined_hosts():
    """Two hosts; the test is skipped where they cannot be made."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("making hosts needs iproute2 and root")
    first, second = (Host(f"10.77.0.{number}", f"bleuberi-{os.getpid()}-{number}") for number in (1, 2))
    if ip("netns", "add", first.name).returncode:
        pytest.skip("this machine allows no network namespaces")
    try:
        ip("netns", "add", second.name)
        ip("-n", first.name, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", second.name)
        for host in (first, second):
            ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                assert ip("-n", host.name, "link", "set", link, "up").returncode == 0
        yield first, second
    finally:
        for host in (first, second):
            host.lose_power()
            ip("netns", "delete", host.name)
