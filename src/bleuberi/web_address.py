"""Addresses of servers that a user names."""

from __future__ import annotations

from urllib.parse import urlsplit

from bleuberi.errors import UserError


def check_web_address(url: str, name: str) -> None:
    """Refuse an address without a host, which an unset shell variable leaves behind. `name`: the flag or setting.

    Errors: `UserError`.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is not a number
        good = False
    if not good:
        raise UserError(
            f"{name} {url if url.strip() else repr(url)} is not a web address.",
            "Write http://HOST:PORT/PATH. If it comes from a shell variable, check that the variable is set.",
        )
