"""What every report page keeps: tags that close, one id once, plain text, and no script but those its policy names."""

import base64
import hashlib
import json
import re
import unicodedata
from html.parser import HTMLParser

VOID = {"meta", "br", "img", "link", "input", "hr"}
ATTRIBUTES = {
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "charset",
    "class",
    "content",
    "dir",
    "href",
    "http-equiv",
}
ATTRIBUTES |= {
    "id",
    "lang",
    "name",
    "open",
    "role",
    "scope",
    "tabindex",
    "type",
    "data-browser",
    "data-chart",
    "data-of",
}
ATTRIBUTES |= {"data-title", "data-value"}
MARK = "/* the library */"


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.scripts, self.styles, self.policy = [], [], [], [], [], ""

    def handle_starttag(self, tag, attributes):
        assert not {name for name, _ in attributes} - ATTRIBUTES, attributes
        given = dict(attributes)
        assert len(given) == len(attributes)
        if "id" in given:
            self.ids.append(given["id"])
        if "href" in given:
            self.links.append(given["href"])
        if given.get("http-equiv"):
            assert not self.policy
            self.policy = given["content"]
        if tag in ("script", "style"):
            (self.scripts if tag == "script" else self.styles).append([given.get("type"), ""])
        assert tag not in ("iframe", "object", "embed", "base", "form", "svg", "math", "img", "link", "template")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            (self.scripts if self.open[-1] == "script" else self.styles)[-1][1] += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data[:80]}")

    def unknown_decl(self, data):
        raise AssertionError(f"a declaration: {data[:80]}")

    def handle_pi(self, data):
        raise AssertionError(f"an instruction: {data[:80]}")


def check_page(page, library):
    """The library is put aside, since parsing a megabyte of script each time tests nothing."""
    page.encode()
    assert page.count(library) == 1
    page = page.replace(library, MARK)
    unseen = {char for char in set(page) if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"}
    assert not unseen | (set(page) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2028\u2029\ufeff"))
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    assert len(reader.ids) == len(set(reader.ids))
    assert all(link.startswith("#") and link[1:] in reader.ids for link in reader.links)
    assert [kind for kind, _ in reader.scripts] == ["application/json", None, None]
    assert len(reader.styles) == 1
    sources = [text.replace(MARK, library) for _, text in reader.scripts[1:]]
    assert _directive(reader.policy, "script-src") == [_hash(text) for text in sources]
    assert _directive(reader.policy, "style-src") == [_hash(reader.styles[0][1])]
    assert _directive(reader.policy, "default-src") == ["'none'"]
    _check_data(json.loads(reader.scripts[0][1], parse_constant=_no_constant), page)


def _check_data(data, page):
    """The scripts find what they look for."""
    assert re.findall(r'class="plot" data-chart="([^"]*)"', page) == list(data["charts"])
    assert all(
        isinstance(spec["height"], int) and spec["data"]["values"] is not None for spec in data["charts"].values()
    )
    for browser in data["browsers"].values():
        for row in browser["rows"]:
            assert len(row["numbers"]) == len(browser["columns"])
            assert all(value is None or isinstance(value, int | float) for value in row["numbers"])
            assert all(isinstance(text, str) for text in (row["id"], row["title"], row["tag"]))
            assert all(isinstance(part[0], str) for block in row["blocks"] for part in block[3])


def _directive(policy, name):
    return next(words[1:] for words in (part.split() for part in policy.split(";")) if words[0] == name)


def _no_constant(word):
    raise AssertionError(f"{word} is no JSON")


def _hash(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
