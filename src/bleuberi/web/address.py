"""Check addresses of servers that a user names."""

from __future__ import annotations

import ipaddress
import math
from urllib.parse import urlsplit

from bleuberi.errors import UserError
from bleuberi.redaction import redact

LONGEST_TIMEOUT_SECONDS = 86_400.0


def check_web_address(url: str, name: str) -> None:
    """Reject an address without a host, which can come from an unset shell variable. `name`: the flag or setting.

    Errors: `UserError`.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.port != 0 and _is_host(parts.netloc, parts.hostname or "")
    except ValueError:  # a port that is not a number, or half of a bracket
        good = False
    if not good or any(char.isspace() or not char.isprintable() for char in url):
        raise UserError(
            f"{name} {redact(url) if url.strip() else repr(url)} is not a web address.",
            "Write http://HOST:PORT/PATH, and an IPv6 address in brackets: http://[::1]:8000/v1. If it comes from a "
            "shell variable, check that the variable is set.",
        )


def check_timeout(seconds: float, name: str) -> None:
    """Reject a timeout that is not a number of seconds above 0 and at most a day. Errors: `UserError`."""
    if not 0 < seconds <= LONGEST_TIMEOUT_SECONDS or math.isnan(seconds):
        raise UserError(
            f"{name} is {seconds:g}.", f"Give seconds above 0, and at most {LONGEST_TIMEOUT_SECONDS:,.0f} (a day)."
        )


def is_this_machine(url: str) -> bool:
    """Whether the address belongs to this machine, so that no proxy can reach it."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _is_host(netloc: str, host: str) -> bool:
    """Whether a host can be looked up: names by IDNA's rules, numbers as they are. Errors: ValueError."""
    if "[" in netloc or ":" in host:
        ipaddress.IPv6Address(host)
        return "[" in netloc
    if host.isascii():  # servers in containers have names such as my_server, which IDNA refuses
        labels = host.removesuffix(".").split(".")
        return all(0 < len(label) <= 63 for label in labels) and len(host) <= 253
    host.encode("idna")
    return True
