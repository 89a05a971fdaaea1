"""Facts about a folder that a command left: numbers, hashes and names, without anything that may rightly differ.

Everything that is left out or replaced is listed at the top of this file, each entry with its reason. Beside that,
standard output is kept only with `--json`, of help only the flags, and of errors only that they have two lines.
"""

import fnmatch
import hashlib
import json
import math
import re

LEFT_OUT_FILES = {
    "*.png": "pictures: the drawing library, its fonts and the layout may change",
    "*.svg": "pictures",
    "*.html": "page layout and wording; only the fact that a page exists is kept",
    "*.md": "tables and model cards: the same numbers are compared in JSON files",
    "*numbers.json": "the report's figures in its own layout; the numbers are compared in the files they come from",
    "*.lock": "lock files have no content",
    "*.sqlite": "a cache of scores whose bytes depend on the SQLite version; the scores are compared in score files",
    "*/training_args.bin": "a pickle of TRL's settings, with times and paths",
    "*.pt": "optimizer and scheduler state: what they lead to is compared as weights",
    "*.pth": "random states: what they lead to is compared as weights and metrics",
    "*/trainer_state.json": "the trainer's own log, which repeats metrics.jsonl with times",
    "*/selection_examples.json": "sample rows for the report page; the rows themselves are compared in the data set",
    "*/started.json": "the same settings are in the manifest",
    "*/journal.open": "rows of an unfinished run; they are compared in the shards that the next run makes of them",
    "*tokenizer*.json": "written by transformers, in the form of its version",
    "*/config.json": "written by transformers, in the form of its version",
    "*/generation_config.json": "written by transformers, in the form of its version",
    "*/adapter_config.json": "written by peft, in the form of its version",
    "*.jinja": "copied from the model's input folder",
}
"""Patterns of files whose content is left out. Their names are kept, except for `NAMES_LEFT_OUT`."""

NAMES_LEFT_OUT = {
    "*.png": "which pictures are drawn may change; the method's score histogram is the exception (`NAMES_KEPT`)",
    "*.svg": "which pictures are drawn may change",
    "*.md": "which tables are written may change",
    "*.lock": "a lock file may be replaced by another kind of lock",
    "*.sqlite": "a cache may be kept in another form",
    "*numbers.json": "the report's data beside the page",
}
NAMES_KEPT = ("*_distribution.png",)

LEFT_OUT_KEYS = {
    "created": "time of the run",
    "command": "words and path of the program",
    "versions": "library versions",
    "version": "version of this package",
    "tstamp": "time of the run, in answer files of other harnesses",
    "served_on": "day of the run",
    "served_models": "days of the run",
    "findings": "the doctor's sentences; how many are problems and warnings is kept, and so are its numbers",
    "last_written": "time of the run",
    "step_time": "duration",
    "train_runtime": "duration",
    "train_samples_per_second": "duration",
    "train_steps_per_second": "duration",
    "total_flos": "an estimate of transformers",
    "bytes": "size of files that contain times",
    "disk_estimate": "free space of this machine's disk",
}
LEFT_OUT_KEY_PATTERNS = {r"profiling/.*": "durations"}
MEASURED = "seconds_per_step_estimate"
"""Left out where the doctor speaks of one process on a CPU: it measures this machine's speed."""
NAMES_ALONE = {"files_sha256": "bytes of Arrow files and of files with times; the rows in them are compared"}
"""Keys of which only the names inside are kept, where they hold an object."""

FOLDERS_ALONE = {"sections": "the report's kinds and sentences are wording; the folders that it shows are kept"}

COUNTS_BY_REASON = {
    "dropped": "the reasons are wording: only the counts above 0 are kept, sorted",
    "left_out": "as dropped",
    "flags": "as dropped (references)",
}

INPUT_MODEL = "10a31cfee6919c29d5b1a889d6ffc2e2a5fe4798c78c931d7e97af18c33d326f"  # of inputs/model, which is committed
STRINGS = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "<server>", "the port of the local server is any free one"),
    (re.compile(r"\b(served|served-judge)_[0-9a-f]{12}\b"), r"\1_<hash>", "hashed from the server's port"),
    (re.compile(rf"files:(?!{INPUT_MODEL})[0-9a-f]{{64}}"), "files:<trained>", "hash of trained weights, bit by bit"),
    (re.compile(r"\b(grpo|grpo_1|sft)_[0-9a-f]{12}\b"), r"\1_<hash>", "hashed from trained weights, bit by bit"),
)
"""Pattern, replacement, reason. Texts with a blank in them are replaced as a whole (`TEXT`)."""

TEXT = "<text>"  # wording: sentences, warnings, verdicts and the like
LONG = 12  # longer lists of numbers are kept as count, sum and a sum weighted by place
DIGITS = 12  # significant digits that are recorded
ROW_DIGITS = 9  # significant digits of numbers within a row's hash


def rounded(value, digits=DIGITS):
    """A number with so many significant digits; null for what JSON has no word for."""
    if isinstance(value, bool) or not isinstance(value, float):
        return value
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def facts_of(value, place=""):
    """A JSON value without what may differ. `place`: the folder of the run, which is cut from strings."""
    if isinstance(value, dict):
        return {
            _string(str(key), place, key=True): _item(key, item, place)
            for key, item in value.items()
            if not _left_out_key(str(key)) and not (key == MEASURED and value.get("processes") == 1)
        }
    if isinstance(value, list | tuple):
        if len(value) > LONG and all(isinstance(item, int | float) for item in value):
            weighted = sum((number + 1) * item for number, item in enumerate(value))
            return {"numbers": len(value), "sum": rounded(float(sum(value))), "weighted": rounded(float(weighted))}
        return [facts_of(item, place) for item in value]
    return _string(value, place) if isinstance(value, str) else rounded(value)


def _item(key, item, place):
    if key in NAMES_ALONE and isinstance(item, dict):
        return sorted(_string(name, place, key=True) for name in item)
    if key in FOLDERS_ALONE and isinstance(item, list):
        return sorted({section["folder"] for section in item if section.get("folder")})
    return _counts(item) if key in COUNTS_BY_REASON else facts_of(item, place)


def _left_out_key(key):
    return key in LEFT_OUT_KEYS or any(re.fullmatch(pattern, key) for pattern in LEFT_OUT_KEY_PATTERNS)


def _counts(value):
    if isinstance(value, dict) and all(isinstance(count, int) for count in value.values()):
        return sorted(count for count in value.values() if count)
    return facts_of(value)


def _string(text, place, key=False):
    if place:
        text = text.replace(place, "<place>")
    for pattern, replacement, _ in STRINGS:
        text = pattern.sub(replacement, text)
    return TEXT if " " in text and not key else text


def row_hash(row):
    """The first letters of a hash of a row, with numbers to `ROW_DIGITS` digits."""
    text = json.dumps(_plain(row), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if not _left_out_key(str(key))}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return rounded(value, ROW_DIGITS)


def rows_facts(rows):
    """Number of rows, their columns, and a hash per row in their order; many rows share one hash."""
    names = sorted({name for row in rows if isinstance(row, dict) for name in row if not _left_out_key(name)})
    hashes = [row_hash(row) for row in rows]
    if len(hashes) > 64:
        hashes = [hashlib.sha256("".join(hashes).encode()).hexdigest()]
    return {"rows": len(rows), "columns": names, "hashes": hashes}


def file_facts(path, place):
    """What is kept of one file."""
    if path.name == "metrics.jsonl":
        return {
            "metrics": [facts_of(json.loads(line), place) for line in path.read_text(encoding="utf-8").splitlines()]
        }
    if path.suffix == ".jsonl":
        return rows_facts([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])
    if path.suffix == ".json":
        value = json.loads(path.read_text(encoding="utf-8"))
        if path.name == "complete.json":  # sizes depend on times in the files
            return {"settings": facts_of(value["settings"], place)}
        is_rows = isinstance(value, list) and value and all(isinstance(row, dict) for row in value)
        return rows_facts(value) if is_rows else facts_of(value, place)
    if path.suffix == ".safetensors":
        return tensor_facts(path)
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def cache_facts(folder):
    """Rows of all shards in a cache of outputs, sorted: a server answers in any order, and shards are cut by time."""
    rows = rows_facts([row for path in sorted(folder.glob("[!.]*.jsonl")) for row in _shard_rows(path)])
    return rows | {"hashes": sorted(rows["hashes"])}


def _shard_rows(path):
    """The rows of a shard, without the closing line with their number and checksum."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:-1]]


def tensor_facts(path):
    """Per tensor its shape, sum and norm, and the file's hash, which tells only on the machine that recorded it."""
    import torch
    from safetensors import safe_open

    facts = {}
    with safe_open(path, framework="pt") as weights:
        names = sorted(weights.keys())
        digest = hashlib.sha256()
        for name in names:
            tensor = weights.get_tensor(name)
            digest.update(name.encode() + tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
            values = tensor.double()
            facts[name] = {
                "shape": list(tensor.shape),
                "dtype": str(tensor.dtype),
                "sum": rounded(float(values.sum())),
                "norm": rounded(float(values.norm())),
            }
    return {"tensors": facts, "bits": digest.hexdigest()}


def dataset_facts(folder):
    """Rows of a data set that `save_to_disk` wrote, by split."""
    from datasets import load_from_disk

    return {name: rows_facts(list(split)) for name, split in load_from_disk(str(folder)).items()}


class Folder:
    """A folder whose files are read again only where they were written again."""

    def __init__(self, root):
        self.root = root
        self._read = {}  # by path: when it was read, and its facts

    def facts(self):
        """Facts of all files by their path, and the names of those of which nothing else is kept.

        A data set is one entry, and so are the shards of a cache. `inputs/` is left out.
        """
        found, names = {}, []
        files = [path for path in sorted(self.root.rglob("*")) if path.is_file()]
        datasets = {path.parent for path in files if path.name == "dataset_dict.json"}
        caches = {path.parent for path in files if path.name == "cache.json"}
        parts = {}  # of what is one entry
        for path in files:
            name = path.relative_to(self.root).as_posix()
            inside = next((folder for folder in path.parents if folder in datasets), None)
            if name.startswith("inputs/") or _matches(name, NAMES_LEFT_OUT) > _matches(name, NAMES_KEPT):
                continue
            if inside is not None and (path.suffix == ".arrow" or path.name in _OF_DATASETS):
                parts.setdefault((inside, dataset_facts), []).append(path)
            elif path.parent in caches and path.suffix == ".jsonl":
                parts.setdefault((path.parent, cache_facts), []).append(path)
            elif _matches(name, LEFT_OUT_FILES):
                names.append(self._name(name))
            else:
                found[self._name(name)] = self._once(path, [path], lambda path: file_facts(path, str(self.root)))
        for (folder, read), paths in parts.items():
            found[self._name(folder.relative_to(self.root).as_posix()) + "/"] = self._once(folder, paths, read)
        return dict(sorted(found.items())), sorted(names)

    def _name(self, name):
        return _string(name, str(self.root), key=True)

    def _once(self, place, paths, read):
        stats = [(path, stat.st_ino, stat.st_size, stat.st_mtime_ns) for path in paths for stat in [path.stat()]]
        if self._read.get(place, (None,))[0] != stats:
            self._read[place] = (stats, read(place))
        return self._read[place][1]


def _matches(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


_OF_DATASETS = ("dataset_dict.json", "dataset_info.json", "state.json")
