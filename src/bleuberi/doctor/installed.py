"""Check that everything the run needs is on this machine: packages, model, trackers."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bleuberi.doctor.findings import Report, counted
from bleuberi.training.settings.installed import missing_packages, values_of
from bleuberi.training.settings.read import RunSettings

if TYPE_CHECKING:
    from packaging.requirements import Requirement  # comes with the extra `train`

_CONSTRAINTS: Final = Path(__file__).parents[3] / "constraints.txt"  # there in a checkout only
_WEIGHT_FILES: Final = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_TRACKERS: Final = {"wandb": "WANDB_MODE", "trackio": "", "swanlab": "SWANLAB_MODE", "mlflow": "", "tensorboard": ""}


def check_versions(report: Report, extras: set[str]) -> None:
    """Compare the extras' installed packages with the allowed ranges and with the versions that were tested
    together."""
    from packaging.utils import canonicalize_name

    tested = _tested_versions()
    missing, outside, untested, count = [], [], [], 0
    for wanted in _requirements(extras):
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            missing.append(str(wanted.name))
            continue
        count += 1
        pin = tested.get(canonicalize_name(wanted.name))
        if not wanted.specifier.contains(found, prereleases=True):
            outside.append(f"{wanted.name} {found} (wanted {wanted.specifier})")
        elif pin is not None and found.partition("+")[0] != pin:
            untested.append(f"{wanted.name} {found} (tested {pin})")
    chosen = ",".join(sorted(extras))
    cure = f'pip install -c constraints.txt -e ".[{chosen}]"' if tested else f'pip install "bleuberi[{chosen}]"'
    if missing or outside:
        said = ([f"not installed: {', '.join(missing)}"] if missing else []) + outside
        report.add("versions", "problem", "; ".join(said), cure)
    elif untested:
        text = f"{count} packages are in range; not the versions tested together: {', '.join(untested)}"
        report.add("versions", "warning", text, cure)
    else:
        known = "as tested together" if tested else "in range"
        report.add("versions", "ok", f"{counted(count, 'package')} of {chosen} {known}")


def _requirements(extras: set[str]) -> list[Requirement]:
    """The packages that the extras require, including extras that they name."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    every = [Requirement(line) for line in requires("bleuberi") or []]
    open_extras, seen, wanted = set(extras), set(), []
    while open_extras:
        extra = open_extras.pop()
        seen.add(extra)
        for requirement in every:
            if requirement.marker is None or not requirement.marker.evaluate({"extra": extra}):
                continue
            if canonicalize_name(requirement.name) == "bleuberi":
                open_extras |= requirement.extras - seen
            else:
                wanted.append(requirement)
    return wanted


def _tested_versions() -> dict[str, str]:
    if not _CONSTRAINTS.is_file():
        return {}
    from packaging.utils import canonicalize_name

    lines = [line.split("#")[0].strip() for line in _CONSTRAINTS.read_text(encoding="utf-8").splitlines()]
    pairs = [line.split("==") for line in lines if "==" in line]
    return {canonicalize_name(name): pin for name, pin in pairs}


def extras_of(settings: RunSettings, deepspeed: bool) -> set[str]:
    """The extras that the run needs, always including `train`."""
    wanted = {"train"}
    wanted |= {"deepspeed"} if deepspeed else set()
    wanted |= {"vllm"} if settings.method == "grpo" and settings.args.use_vllm else set()
    return wanted


def check_optional(report: Report, settings: RunSettings) -> None:
    """Report missing packages that a field needs beyond the extras, and trackers that need the network."""
    for error in missing_packages(values_of((settings.run, settings.args, settings.model))):
        report.add_error(error.what.partition(" ")[0], error)
    for tracker in settings.args.report_to:
        if (switch := _TRACKERS.get(tracker)) and not os.environ.get(switch):
            text = f"{tracker} wants the network and a login, unless {switch}=offline is set"
            report.add("trackers", "warning", text, f"Log in before the run, or export {switch}=offline.")


def check_offline(report: Report, settings: RunSettings) -> None:
    """Report whether the run can start without a network."""
    name, revision = settings.model.model_name_or_path, settings.model.model_revision
    fetch = f"hf download {name}" + ("" if revision in (None, "main") else f" --revision {revision}")
    offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")
    if Path(name).expanduser().is_dir():
        report.add("offline", "ok", "the model and the data are folders on this machine: no network is needed")
    elif _cached(name, revision):
        report.add("offline", "ok", f"{name} is in the hub cache; with HF_HUB_OFFLINE=1 the hub is not even asked")
    elif offline:
        text = f"HF_HUB_OFFLINE is set, and {name} is not in the hub cache"
        report.add("offline", "problem", text, f"Download it first on a machine with a network: {fetch}")
    else:
        text = f"the weights of {name} are not on this machine and will be downloaded"
        report.add("offline", "warning", text, f"Before a job without a network: {fetch}")


def _cached(name: str, revision: Any) -> bool:  # noqa: ANN401 - str or None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return any(
            isinstance(try_to_load_from_cache(name, file, revision=revision or "main"), str) for file in _WEIGHT_FILES
        )
    except HFValidationError:
        return False
