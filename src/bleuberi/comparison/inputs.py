"""Inputs of runs: pools, base model, training configs and data sets, created by the ordinary commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import content_hash, file_hash, json_hash, local_path, read_manifest, write_text
from bleuberi.comparison.arms import RUNNERS_OWN, SAMPLED, TRAINERS, Arm
from bleuberi.comparison.fields import normal
from bleuberi.comparison.pool_parts import GeneratedPool, HeldOut, PoolFile, PoolPart
from bleuberi.comparison.process import COMMAND, run_process
from bleuberi.comparison.protocol import Protocol
from bleuberi.comparison.store import Store, held
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.generation.model_identity import identify_model, is_model_folder, load_tokenizer, refuse_exported
from bleuberi.rewards import load_reward
from bleuberi.selection.best_of import FOLDERS
from bleuberi.selection.modes import MODES
from bleuberi.strict_json import strict_json
from bleuberi.yaml_files import read_yaml

DEMO: Final = "demo"
NOT_DECIDING: Final = frozenset(
    {"logging_steps", "logging_strategy", "save_strategy", "save_steps", "save_total_limit", "report_to",
     "disable_tqdm", "log_level", "dataloader_pin_memory", "run_name"}
)  # fmt: skip
"""Training config fields that do not affect the weights; a run keeps its key if they change."""
CONFIGS: Final = "configs"
_DATA_SET: Final = "examples"


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The model that all arms start from. `identity` is its part of a key."""

    name: str
    identity: Mapping[str, str]
    template_kwargs: Mapping[str, Any]

    @property
    def template_words(self) -> list[str]:
        """The flag with the chat template's arguments, for all commands that render prompts."""
        return ["--chat_template_kwargs", strict_json(dict(self.template_kwargs))] if self.template_kwargs else []


@dataclass(frozen=True, slots=True)
class Pool:
    """One part of the pool on this machine."""

    path: Path
    sha256: str


def identify_base(protocol: Protocol, demo_folder: Path | None) -> BaseModel:
    """Read the base's configuration and hash its weights. `demo_folder`: the folder of the demo's model, if requested.

    A local model's identity covers weights, vocabulary and chat template, but not its other files, because libraries
    write their versions into those. Errors: `UserError` if the model is not available.
    """
    name = str(demo_folder.absolute()) if demo_folder is not None else protocol.model
    if demo_folder is None and (name.startswith((".", "~")) or (protocol.path.parent / name).is_dir()):
        name = str((protocol.path.parent / Path(name).expanduser()).resolve())
    kwargs = protocol.chat_template_kwargs
    refuse_exported(name, "A comparison")
    found = identify_model(name, template_kwargs=kwargs)
    if not is_model_folder(name):
        identity = {"name": name, "revision": found.revision, "chat_template": found.chat_template_sha256}
        return BaseModel(name, identity, kwargs)
    weights = sorted(file_hash(path) for path in local_path(name).glob("*.safetensors"))
    vocabulary = json_hash(load_tokenizer(name).get_vocab())
    return BaseModel(
        name,
        {"weights": content_hash(*weights), "vocabulary": vocabulary, "chat_template": found.chat_template_sha256},
        kwargs,
    )


def make_pools(protocol: Protocol, store: Store) -> dict[str, Pool]:
    """Find or create the parts of the pool that the runs need; returns them by name. Errors: `UserError`."""
    needed = [protocol.prompts, *(["train"] if any(arm.trained for arm in protocol.arms.values()) else [])]
    paths = {part: _make_pool(part, protocol.pool[part], store) for part in dict.fromkeys(needed)}
    return {part: Pool(path, file_hash(path)) for part, path in paths.items()}


def _make_pool(name: str, part: PoolPart, store: Store) -> Path:
    if isinstance(part, PoolFile):
        return _checked(part)
    if isinstance(part, GeneratedPool):
        folder = store.pool({"generate": part.flags})
        path = folder / f"{name}.jsonl"
        words = ["data", "generate", *flag_words(part.flags), "--output", str(path), "--overwrite"]
        run_process([*COMMAND, *words], name=f"The pool {name}", folder=folder, threads=1)
        return path
    return _held_out(part, store)


def _checked(part: PoolFile) -> Path:
    if not part.path.is_file():
        raise UserError(
            f"Pool {part.path} does not exist.", part.get or "Put the file there; the protocol does not name a source."
        )
    if (found := file_hash(part.path)) != part.sha256:
        raise UserError(
            f"The pool {part.path} does not match the protocol: its SHA-256 is {found}.",
            "Put the right file there, or correct `sha256` if the experiment has no runs yet.",
        )
    return part.path


def _held_out(part: HeldOut, store: Store) -> Path:
    """Split the file: hold out `test` first, then `dev` from the rest."""
    source = _checked(part.file)
    for name in ("test", "dev"):
        if name not in part.rows:
            continue
        folder = store.pool({"file": file_hash(source), "rows": part.rows[name], "seed": part.seed}) / "split"
        words = ["data", "check", str(source), "--held_out", str(part.rows[name]), "--seed", str(part.seed)]
        if read_manifest(folder) is None:
            words += ["--output_dir", str(folder)]
            run_process([*COMMAND, *words], name=f"The split of {source.name}", folder=folder.parent, threads=1)
        if part.part == name:
            return folder / "held_out.jsonl"
        source = folder / "train.jsonl"
    return source


def freeze_configs(protocol: Protocol) -> None:
    """Copy the arms' presets into the experiment's folder.

    The package's presets may change with its version, but a committed experiment must not. Errors: `UserError`.
    """
    for arm in protocol.arms.values():
        if arm.trained and (path := _config_path(arm, protocol)).parent == _presets():
            write_text(protocol.folder / CONFIGS / path.name, path.read_text(encoding="utf-8"))


def training_config(arm: Arm, protocol: Protocol) -> dict[str, Any]:
    """All training fields of an arm: its config file's, overridden by the protocol's.

    Errors: `UserError` if the preset or file does not exist.
    """
    path = _config_path(arm, protocol)
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a YAML mapping of `field: value`.", "Write one `field: value` per line.")
    merged = {**normal(content), **(arm.settings or {})}
    return {name: value for name, value in merged.items() if name not in RUNNERS_OWN}


def _config_path(arm: Arm, protocol: Protocol) -> Path:
    """The first that exists: a preset's frozen copy, a file next to the protocol, or a preset."""
    name = f"{arm.config}.yaml"
    for path in (protocol.folder / CONFIGS / name, protocol.path.parent / arm.config, _presets() / name):
        if path.is_file():
            return path
    known = ", ".join(sorted(preset.stem for preset in _presets().glob(f"{TRAINERS[arm.kind]}_*.yaml")))
    raise UserError(
        f"The arm {arm.name} has config {arm.config}, which is neither a preset nor a file next to the protocol.",
        f"Presets: {known}.",
    )


def _presets() -> Path:
    return Path(str(files("bleuberi.training") / "presets"))


_ROWS: Final[Mapping[str, str]] = {"sft": "pairs", "bestof": "best of samples", "dpo": "best and worst of samples"}


def data_settings(arm: Arm, pool_sha256: str, base: BaseModel, max_new_tokens: int) -> dict[str, Any]:
    """Everything that decides an arm's data set."""
    examples = arm.examples
    if examples is None:
        raise ValueError(f"{arm.name} is not trained")
    scored = {"model": base.identity, "max_new_tokens": max_new_tokens, "flags": dict(examples.flags)}
    settings = {
        "pool": pool_sha256,
        "ref_models": list(examples.ref_models),
        "min_references": examples.min_references,
        "mode": examples.mode,
        "count": examples.count,
        "seed": examples.seed,
        "shuffle_references": examples.shuffle,
        **(scored if MODES[examples.mode].needs_scores else {}),
        "rows": _ROWS.get(arm.kind, "prompts"),
    }
    if arm.kind in SAMPLED:
        reward = load_reward(arm.rewards[0]).signature()
        drawn = {"model": base.identity, "max_new_tokens": max_new_tokens, **(arm.sampling or {}), "reward": reward}
        settings["drawn"] = drawn
    return settings


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set on this machine."""

    folder: Path
    sha256: str  # of its rows
    samples: tuple[Path, ...]  # caches of the responses that its rows were chosen by
    processes: tuple[Path, ...]  # folders with the log and the seconds of what made it


def make_data_set(
    arm: Arm, settings: Mapping[str, Any], pool: Pool, base: BaseModel, store: Store, threads: int
) -> DataSet:
    """Create an arm's data set, or reuse it. Errors: `UserError`."""
    examples = arm.examples
    if examples is None:
        raise ValueError(f"{arm.name} is not trained")
    work = store.data_set({**{name: value for name, value in settings.items() if name != "drawn"}, "rows": "prompts"})
    words = ["data", "grpo", "--hf_dataset_path", str(pool.path), "--ref_models", *examples.ref_models]
    words += ["--selection_mode", examples.mode, "--num_examples", str(examples.count), "--seed", str(examples.seed)]
    words += ["--output_dir", str(work), "--output_dataset_name", _DATA_SET]
    if examples.min_references is not None:
        words += ["--min_references", str(examples.min_references)]
    if examples.shuffle is not None:
        words += ["--shuffle_references", str(examples.shuffle)]
    if MODES[examples.mode].needs_scores:
        words += ["--model", base.name, "--inference_max_new_tokens", str(settings["max_new_tokens"])]
        words += [*base.template_words, *flag_words(examples.flags)]
    prompts, pairs = work / "data_grpo" / _DATA_SET, work / "data_sft" / f"{_DATA_SET}_SFT"
    with held(work):
        if read_manifest(prompts) is None:
            run_process([*COMMAND, *words], name=f"The data of {arm.name}", folder=work, threads=threads)
        if arm.kind == "sft" and read_manifest(pairs) is None:
            words = ["data", "sft", "--input_data_path", str(prompts), "--output_dir", str(work)]
            run_process([*COMMAND, *words], name=f"The data of {arm.name}", folder=work / "pairs", threads=threads)
    folder, places = (pairs, (work, work / "pairs")) if arm.kind == "sft" else (prompts, (work,))
    if arm.kind in SAMPLED:
        own = store.data_set({**settings, "rows": "samples"})  # arms that draw the same samples share them
        folder, places = _from_samples(arm, prompts, own, settings, base, threads), (work, own)
    rows_hash = json_hash([dict(raw.values) for raw in read_rows(str(folder))])
    return DataSet(folder, rows_hash, tuple(place / "inference_outputs" for place in places), places)


def _from_samples(
    arm: Arm, prompts: Path, own: Path, settings: Mapping[str, Any], base: BaseModel, threads: int
) -> Path:
    """The data set made from the base's samples, which are drawn in a separate folder so that their cost can be
    counted."""
    command = SAMPLED[arm.kind]
    folder = own / FOLDERS[command] / _DATA_SET
    words = ["data", command, "--input_data_path", str(prompts), "--model", base.name, "--metric", arm.rewards[0]]
    words += ["--inference_max_new_tokens", str(settings["drawn"]["max_new_tokens"])]
    words += [*flag_words(arm.sampling or {}), *base.template_words, "--output_dir", str(own)]
    words += ["--output_dataset_name", _DATA_SET]
    with held(own):
        if read_manifest(folder) is None:
            run_process([*COMMAND, *words], name=f"The data of {arm.name}", folder=own, threads=threads)
    return folder


def flag_words(flags: Mapping[str, Any]) -> list[str]:
    """Convert settings to command-line flags: a list becomes several words, `true` a bare flag, `false` nothing."""
    words: list[str] = []
    for name, value in flags.items():
        if value is False or value is None:
            continue
        items = value if isinstance(value, list) else [] if value is True else [value]
        words += [f"--{name}", *map(str, items)]
    return words
