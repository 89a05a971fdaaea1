"""When two facts are equal: exactly, except for numbers, which may differ in their last digits."""

import json
import math
import warnings

from tests.oracle.run import HERE

RELATIVE = 1e-9
TRAINED = 1e-6  # of weights, losses and what follows from them, on another processor than the one that recorded
GRADIENT_NORM = 1e-5
"""Processors choose other float32 kernels. With SSE4's, AVX2's and AVX-512's (`ATEN_CPU_CAPABILITY=avx2` selects them)
a gradient norm differed by up to 2.4e-6, a weight by up to 3.9e-7."""
TRAINING_GROUPS = ("train", "jobs", "artifacts")


def differences(expected, actual, tolerance=RELATIVE, path=""):
    """A line for each place where the two differ."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        if {"shape", "sum", "norm"} <= expected.keys() & actual.keys():
            return _tensor(expected, actual, tolerance, path)
        lines = [f"{path}/{name}: missing" for name in expected.keys() - actual.keys()]
        lines += [f"{path}/{name}: new, {_short(actual[name])}" for name in actual.keys() - expected.keys()]
        for name in expected:
            if name in actual and name != "bits":
                lines += differences(expected[name], actual[name], tolerance, f"{path}/{name}")
        return lines
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = zip(expected, actual, strict=True)
        return [
            line
            for place, (one, other) in enumerate(pairs)
            for line in differences(one, other, tolerance, f"{path}[{place}]")
        ]
    if path.endswith("/grad_norm"):
        tolerance = max(tolerance, GRADIENT_NORM)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (expected, actual))
    if expected == actual or (numbers and math.isclose(expected, actual, rel_tol=tolerance, abs_tol=tolerance)):
        return []
    return [f"{path}: {_short(expected)} was expected, {_short(actual)} came"]


def _tensor(expected, actual, tolerance, path):
    if any(expected[name] != actual[name] for name in ("shape", "dtype")):
        return [f"{path}: {expected['shape']} of {expected['dtype']} expected, {actual['shape']} of {actual['dtype']}"]
    scale = tolerance * max(expected["norm"], 1e-6)
    off = abs(expected["norm"] - actual["norm"]) > scale
    off |= abs(expected["sum"] - actual["sum"]) > scale * math.sqrt(math.prod(expected["shape"]))
    return [
        f"{path}: sum and norm {expected['sum']}, {expected['norm']} expected, {actual['sum']}, {actual['norm']}"
    ] * off


def _short(value):
    return json.dumps(value)[:160]


def unequal_bits(expected, actual, path=""):
    """Files of weights whose bits differ, which tells something only on the machine that recorded them."""
    if not isinstance(expected, dict) or not isinstance(actual, dict):
        return []
    if "bits" in expected:
        return [path] * (expected["bits"] != actual.get("bits"))
    return [
        line
        for name in expected.keys() & actual.keys()
        for line in unequal_bits(expected[name], actual[name], f"{path}/{name}")
    ]


def unlike_expected(group, recorded):
    """What a group's cases do now and did not do when they were recorded; a warning if only last bits differ."""
    expected = json.loads((HERE / f"expected/{group}.json").read_text())
    actual = recorded.cases[group]
    if expected["machine"] == recorded.machine and (files := unequal_bits(expected["cases"], actual)):
        warnings.warn(f"Weights differ in their last bits: {', '.join(files)}", stacklevel=1)
    return differences(expected["cases"], actual, TRAINED if group in TRAINING_GROUPS else RELATIVE)
