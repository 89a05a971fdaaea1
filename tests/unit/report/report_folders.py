"""Folders as commands leave them, small, with texts that try to break a page."""

import json
import math

BLEU = "bleu|tok:13a|order:4|smooth:add1-all|ref:shortest|v:1"
ROUGE = "rouge|type:rougeL-f1|stem:no|ref:best|v:1"
EVIL = (
    '<script>window.pwned = 1</script><img src=x onerror="window.pwned=2"> \x1b[31m \u202egpj.exe '
    '</script><!-- "quoted"'
)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_run(folder, steps=12, reward="bleu", signature=BLEU, finished=True, warnings=(), evil=""):
    """A GRPO run; `reward=None` logs none. An unfinished one ends in half a line."""
    folder.mkdir(parents=True)
    lines = []
    for step in range(1, steps + 1):
        entry = {"step": step, "loss": 0.1 / step, "completions/mean_length": 40.0 - step,
                 "completions/min_length": 5.0, "completions/max_length": 48.0, "completions/clipped_ratio": 0.5,
                 "frac_low_signal": 0.25, "monitor/copied_share": 0.1}  # fmt: skip
        if reward:
            entry |= {"reward": 0.01 * step, "reward_std": 0.02, f"rewards/{reward}/mean": 0.01 * step,
                      f"rewards/{reward}/std": 0.02, f"rewards/{reward}/length_correlation": 0.3}  # fmt: skip
        if step == 6 and warnings:
            entry["warnings"] = list(warnings)
        lines.append(json.dumps(entry))
    (folder / "metrics.jsonl").write_text("\n".join(lines) + ("\n" if finished else '\n{"step": 99, "re'))
    config = {"reward_funcs": [reward] if reward else [], "max_steps": steps, "num_generations": 4}
    parents = {"reward_signatures": [signature] if signature else []}
    write_json(folder / "started.json", {**config, **parents})
    if finished:
        write_json(folder / "manifest.json", {"schema_version": 1, "kind": "model", "config": config, "steps": steps,
                                              "parents": parents, "rows_used": 20})  # fmt: skip
    samples = [
        {"step": step, "example_id": f"r{row}", "prompt": f"Prompt {row} {evil}", "completion": f"At {step}. {evil}",
         "tokens": 9, "ended": True, "scores": {reward or "bleu": 0.1 * step}}
        for step in (0, 6, 12) for row in range(2)
    ]  # fmt: skip
    (folder / "completions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
    return folder


def estimate(value, low=None, high=None):
    bounds = (-math.inf, math.inf) if low is None else (low, high)
    return {"value": value, "low": bounds[0], "high": bounds[1], "n": 3, "n_clusters": 3, "method": "made"}


def write_evaluation(folder, signature=BLEU, pool="p1", evil="", prompts=30):
    """Two models; the second gains most on the last prompt."""
    means = {"base": {"bleu": estimate(0.1, 0.05, 0.2)}, f"grpo{evil}": {"bleu": estimate(0.2, 0.1, 0.3)}}
    models = [
        {"name": name, "group": name, "model": "m", "revision": "r", "mean": mean, "mean_words": 10.0, "cut_share": 0.1,
         "refused": 0} for name, mean in means.items()
    ]  # fmt: skip
    write_json(folder / "evaluation.json", {
        "schema_version": 1, "kind": "evaluation", "base": "base", "prompts": prompts,
        "signatures": {"bleu": signature},
        "config": {"pool_sha256": pool, "sampling_signature": "greedy|max:48"}, "models": models,
        "groups": [{"name": name, "members": [name], "role": "base", "label": name, "mean": mean}
                   for name, mean in means.items()],
        "comparisons": [{"base": "base", "other": f"grpo{evil}", "difference": {"bleu": estimate(0.1)}}],
    })  # fmt: skip
    rows = [
        {"id": f"e{number}", "prompt": f"Question {number} {evil}", "references": [f"the answer is {number} {evil}"],
         "answers": {"base": "no idea", f"grpo{evil}": f"the answer is {number} {evil}"},
         "scores": {"base": {"bleu": 0.1}, f"grpo{evil}": {"bleu": 0.1 + 0.02 * number}}}
        for number in range(prompts)
    ]  # fmt: skip
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def write_selection(folder, rows=60, evil="", shown=60):
    """A selection of half of the rows, with `shown` examples."""

    def spread(count):
        values = [place / max(1, count - 1) for place in range(count)]
        return {"rows": count, "mean": 0.5, "min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}, values

    picked = rows // 2
    edges = [place / 10 for place in range(11)]
    distribution = {"pool": spread(rows)[0], "picked": spread(picked)[0], "edges": edges,
                    "pool_counts": [rows // 10] * 10, "picked_counts": [picked // 5] * 5 + [0] * 5}  # fmt: skip
    write_json(folder / "selection.json", {
        "schema_version": 1, "selection_mode": "hard", "reward_signature": BLEU, "rows_in": rows, "kept": picked,
        "dropped": {"not selected": rows - picked, "not scorable": 0}, "distributions": {"score": distribution},
        "source_mix": {f"source {evil}": {"pool": rows, "picked": picked}},
        "reference_length_mix": {"1-9 tokens": {"pool": rows, "picked": picked}},
        "rows": [{"id": f"r{number}", "score": number / rows} for number in range(picked)],
    })  # fmt: skip
    write_json(folder / "selection_examples.json", {
        "schema_version": 1, "reward_signature": BLEU, "picked": picked, "others": rows - picked,
        "rows": [
            {"id": f"r{number}", "source": "s", "picked": number < picked, "prompt": f"Prompt number {number} {evil}",
             "references": [f"the reference of {number} says so {evil}"], "score": number / rows,
             "samples": [{"score": number / rows, "response": f"the reference of {number} is otherwise {evil}"}]}
            for number in range(min(rows, shown))
        ],
    })  # fmt: skip
    write_json(folder / "manifest.json", {"schema_version": 1, "kind": "dataset", "config": {}})
    return folder
