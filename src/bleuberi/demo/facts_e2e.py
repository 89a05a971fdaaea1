"""Accepted forms for the closed vocabulary of the E2E NLG Challenge: slot -> value -> patterns in normalized text."""

from __future__ import annotations

from typing import Final

E2E_FORMS: Final[dict[str, dict[str, tuple[str, ...]]]] = {}
E2E_OPPOSITES: Final = frozenset({"familyFriendly"})
