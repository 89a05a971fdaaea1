"""Figures of the code base: how much there is, how deep its imports go, and how its docstrings read.

python benchmarks/architecture.py                  a table
python benchmarks/architecture.py --json           one JSON document
python benchmarks/architecture.py --root FOLDER    another checkout, e.g. of an older commit

Definitions, with the figures of commit f0822dc:

- modules: files `*.py` of the package that are not empty (232); lines: all lines in all of them (24,079).
- fullest folder: the folder that directly contains most of them, `__init__.py` included (training, 43).
- import: a module names another module of the package, at its top, within a function, or for type checkers alone;
  `from a.b import c` names a.b.c if that is a module, else a.b. Importing a.b.c does not count as importing a or a.b.
- longest import chain: modules on the longest path of imports on which no module comes twice (18).
- to read for create_grpo_data: the module that defines that function, and all it imports, directly or not (78).
- largest file (273 lines); longest function: from its first decorator or `def` to its last line (70 lines).
- words per 1,000 docstring words, in lower case: where 12.3, what 12.7, that 19.3, knows 13.2, if 0.4.
- string look-ups in views: places that read `x["..."]`, and different keys, in folders named report or view and in
  files named view.py (609 of 124 keys; another figure for f0822dc, 534 of 119, counted fewer kinds of them).
- plotting engines: those of PLOTTING that any module imports, and in how many modules.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORDS = ("where", "what", "that", "knows", "if")
PLOTTING = ("matplotlib", "vl_convert", "altair", "plotly", "bokeh", "seaborn", "plotext")
MAIN_JOB = "create_grpo_data"
PACKAGE = "bleuberi"

Graph = dict[str, set[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def read_modules(root: Path) -> dict[str, tuple[Path, str, ast.Module]]:
    """Every non-empty module by its dotted name: path, text and syntax tree."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if text.strip():
            parts = [PACKAGE, *path.relative_to(root).with_suffix("").parts]
            found[".".join(parts).removesuffix(".__init__")] = (path, text, ast.parse(text))
    return found


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each import as (module, name); the name is empty for `import module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def import_graph(trees: dict[str, ast.Module]) -> Graph:
    """Each module's imports of other modules of the package."""
    graph: Graph = {}
    for module, tree in trees.items():
        named = (f"{base}.{name}" if f"{base}.{name}" in trees else base for base, name in imported(tree))
        graph[module] = {name for name in named if name in trees and name != module}
    return graph


def closure(graph: Graph, start: str) -> set[str]:
    """The module and all that it imports, directly or not."""
    seen, waiting = {start}, [start]
    while waiting:
        new = graph[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def longest_chain(graph: Graph) -> list[str]:
    """The longest path of imports on which no module comes twice.

    Paths within a group of modules that import each other are all tried, so such groups must stay small.
    """
    reach = {module: closure(graph, module) for module in graph}
    found: dict[str, list[str]] = {}

    def from_module(start: str) -> list[str]:
        if start not in found:
            group = {module for module in reach[start] if start in reach[module]}
            found[start] = max(onwards([start], group), key=len)
        return found[start]

    def onwards(path: list[str], group: set[str]) -> Iterator[list[str]]:
        yield path
        for module in sorted(graph[path[-1]]):
            if module not in group:
                yield [*path, *from_module(module)]
            elif module not in path:
                yield from onwards([*path, module], group)

    return max((from_module(module) for module in sorted(graph)), key=len)


def docstrings(tree: ast.Module) -> Iterator[str]:
    """The docstrings of a module, its classes and functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                yield text


def is_view(path: Path) -> bool:
    """Whether a file shows results."""
    return bool({"report", "view"} & set(path.parts[:-1])) or path.name == "view.py"


def look_ups(tree: ast.Module) -> Iterator[str]:
    """The keys of `x["key"]` where a value is read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if isinstance(key, str):
                yield key


def length(function: Function) -> int:
    """Lines of a function, with its decorators."""
    first = min([function.lineno, *(one.lineno for one in function.decorator_list)])
    return (function.end_lineno or function.lineno) - first + 1


def figures(root: Path) -> dict[str, Any]:
    """All figures of the package in that folder."""
    modules = read_modules(root)
    trees = {name: tree for name, (_, _, tree) in modules.items()}
    lines = {name: len(text.splitlines()) for name, (_, text, _) in modules.items()}
    folders = Counter(path.parent for path, _, _ in modules.values())
    fullest = max(folders, key=lambda folder: (folders[folder], str(folder)))
    graph = import_graph(trees)
    chain = longest_chain(graph)
    functions = [
        (length(node), f"{module}.{node.name}")
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, Function)
    ]
    jobs = [module for module, tree in trees.items() for node in tree.body
            if isinstance(node, Function) and node.name == MAIN_JOB]  # fmt: skip
    texts = [text for tree in trees.values() for text in docstrings(tree)]
    words = Counter(word for text in texts for word in re.findall(r"[a-z']+", text.lower()))
    keys = [key for path, _, tree in modules.values() if is_view(path.relative_to(root)) for key in look_ups(tree)]
    plotting = {
        engine: sum(any(base.split(".")[0] == engine for base, _ in imported(tree)) for tree in trees.values())
        for engine in PLOTTING
    }
    return {
        "modules": len(modules),
        "lines": sum(lines.values()),
        "fullest_folder": {"files": folders[fullest], "name": fullest.relative_to(root.parent).as_posix()},
        "longest_import_chain": {"modules": len(chain), "chain": chain},
        "to_read_for_create_grpo_data": len(closure(graph, jobs[0])) if jobs else None,
        "largest_file": dict(zip(("lines", "name"), max((count, name) for name, count in lines.items()), strict=True)),
        "longest_function": dict(zip(("lines", "name"), max(functions), strict=True)),
        "docstring_words": words.total(),
        "per_1000_docstring_words": {word: round(1000 * words[word] / words.total(), 1) for word in WORDS},
        "string_look_ups_in_views": {"look_ups": len(keys), "keys": len(set(keys))},
        "plotting_engines": {engine: count for engine, count in plotting.items() if count},
    }


def table(found: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    rows = []
    for name, value in found.items():
        if name == "longest_import_chain":
            value = f"{value['modules']} ({value['chain'][0]} … {value['chain'][-1]})"
        elif isinstance(value, dict):
            value = ", ".join(f"{key} {item}" for key, item in value.items())
        rows.append(f"| {name.replace('_', ' ')} | {value:,} |" if isinstance(value, int) else
                    f"| {name.replace('_', ' ')} | {value} |")  # fmt: skip
    return "\n".join(["| figure | value |", "|---|---|", *rows])


def main() -> None:
    """Print the figures."""
    flags = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    flags.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help="a checkout")
    flags.add_argument("--json", action="store_true", help="print one JSON document")
    given = flags.parse_args()
    found = figures(given.root / "src" / PACKAGE)
    print(json.dumps(found, indent=2) if given.json else table(found))


if __name__ == "__main__":
    main()
