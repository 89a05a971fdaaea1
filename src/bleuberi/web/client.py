"""Send JSON to one address and read the reply, limited in bytes and in time."""

from __future__ import annotations

import asyncio
import codecs
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.redaction import redact
from bleuberi.strict_json import strict_json
from bleuberi.web.address import is_this_machine

MAX_REPLY_BYTES: Final = 32 << 20
_MOST_DIGITS: Final = 4000  # Python reads no longer whole number
_CONNECT_SECONDS: Final = 10.0


class NoReplyError(Exception):
    """No complete reply came; the text says why. `unreachable` if the server could not even be connected to."""

    def __init__(self, what: str, *, unreachable: bool = False) -> None:
        super().__init__(what)
        self.unreachable = unreachable


class Reply(NamedTuple):
    """A complete, unpacked reply. `headers`: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        """The body as text for messages, with U+FFFD for unreadable bytes."""
        return _decoded(self.body, self.headers) or self.body.decode("utf-8", "replace")

    def json(self) -> Any:  # noqa: ANN401 - whatever the server sent
        """The body's JSON value. Errors: `ValueError` if the body is not JSON, or has an unknown charset."""
        text = _decoded(self.body, self.headers)
        if text is None:
            raise ValueError("it is not UTF-8")
        try:
            return json.loads(text, parse_int=_whole_number)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error


class WebClient:
    """Requests to one address. Its methods belong to one event loop; close it there."""

    def __init__(
        self, url: str, *, timeout_seconds: float, at_once: int, headers: Mapping[str, str] | None = None
    ) -> None:
        """Errors: `UserError` for an address or a proxy that cannot be used, `MissingExtraError` without httpx."""
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("httpx", "openai", "Asking a server") from error
        self.url, self._timeout_seconds = url, timeout_seconds
        try:
            httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise UserError(f"The address {redact(url)} cannot be used: {error}", "Check the URL.") from error
        try:
            self._client = httpx.AsyncClient(
                # What is not asked for here is not unpacked below.
                headers={"Accept-Encoding": "gzip", "Content-Type": "application/json", **(headers or {})},
                timeout=httpx.Timeout(None, connect=min(_CONNECT_SECONDS, timeout_seconds)),
                limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once),
                trust_env=not is_this_machine(url),
            )
        except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
            raise UserError(
                f"No connection to {redact(url)} can be set up: {redact(str(error))}",
                "Check the variables HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE.",
            ) from error

    async def post(self, content: Mapping[str, Any]) -> Reply:
        """Send JSON and read the whole reply. Errors: `NoReplyError`."""
        import httpx

        body = strict_json(content, ascii_only=True).encode()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                async with self._client.stream("POST", self.url, content=body) as response:
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    return Reply(response.status_code, headers, await _bounded(response, headers))
        except TimeoutError as error:
            raise NoReplyError(f"no whole reply within {self._timeout_seconds:g} s") from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoReplyError(f"it cannot be reached ({error})", unreachable=True) from error
        except (httpx.RequestError, OSError) as error:
            raise NoReplyError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _bounded(response: Any, headers: Mapping[str, str]) -> bytes:  # noqa: ANN401 - httpx.Response
    """The unpacked body. Errors: `NoReplyError` if it is too large, or packed in an unsupported way."""
    packing = headers.get("content-encoding", "").strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise NoReplyError(f"its reply is packed as {packing!r:.40}, which was not asked for")
    unpack = zlib.decompressobj(wbits=47) if packing not in ("", "identity") else None  # 47: gzip or zlib
    parts: list[bytes] = []
    size = 0
    async for raw in response.aiter_raw():
        part = raw
        if unpack is not None:
            try:
                part = unpack.decompress(raw, MAX_REPLY_BYTES + 1 - size)
            except zlib.error as error:
                raise NoReplyError(f"its reply is damaged {packing}: {error}") from error
        parts.append(part)
        size += len(part)
        if size > MAX_REPLY_BYTES:
            raise NoReplyError(f"its reply is longer than {MAX_REPLY_BYTES >> 20} MiB")
    if unpack is not None and size and not unpack.eof:
        raise NoReplyError(f"its reply ends within the {packing}")
    return b"".join(parts)


def _decoded(body: bytes, headers: Mapping[str, str]) -> str | None:
    """The text of a body: in UTF-8 (JSON's own), UTF-16 or UTF-32, or in the charset that the header names."""
    charset = headers.get("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    for name in (json.detect_encoding(body), charset):
        try:
            # Python's codecs also know base64 or zip, which are not charsets and may blow up.
            if name and codecs.lookup(name)._is_text_encoding:
                return body.decode(name).removeprefix("\ufeff")
        except (LookupError, ValueError):  # UnicodeDecodeError is a ValueError
            continue
    return None


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)
