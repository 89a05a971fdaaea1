"""Every selection mode on a real pool with real outputs picks the rows of an independent computation."""

import gzip
import json
import math
from collections import Counter

import pytest

from bleuberi.cli.create_training_data import front_door
from tests.conftest import DATA

datasets = pytest.importorskip("datasets")
np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

POOL, OUTPUTS = DATA / "dev_pool_short.jsonl", DATA / "dev_policy_outputs.jsonl.gz"
COUNT = 60

pytestmark = pytest.mark.skipif(not (POOL.exists() and OUTPUTS.exists()), reason="../shared/data is not here")


def ngrams(tokens):
    return Counter(tuple(tokens[at : at + n]) for n in (1, 2, 3, 4) for at in range(len(tokens) - n + 1))


def bleu_by_hand(response, references):
    """The definition, written out: add-one precisions up to 4, clipped counts, the shortest reference's length."""
    tokenize = pytest.importorskip("sacrebleu.tokenizers.tokenizer_13a").Tokenizer13a()
    own = tokenize(response).split()
    others = [tokenize(reference).split() for reference in references]
    if not own:
        return 0.0
    most = Counter()
    for other in others:
        most |= ngrams(other)
    matched = ngrams(own) & most
    logs = 0.0
    for n in (1, 2, 3, 4):
        hits = sum(count for gram, count in matched.items() if len(gram) == n)
        logs += math.log((hits + 1) / (max(0, len(own) - n + 1) + 1)) / 4
    shortest = min(map(len, others))
    return math.exp(logs) * (1 if len(own) > shortest else math.exp(1 - shortest / len(own)))


@pytest.fixture(scope="module")
def table():
    """Pool, first output of each id and score, put together with pandas."""
    pool = pd.DataFrame(json.loads(line) for line in POOL.open(encoding="utf-8"))
    with gzip.open(OUTPUTS, "rt", encoding="utf-8") as stream:
        made = pd.DataFrame(json.loads(line) for line in stream)
    here = made[made["id"].isin(set(pool["id"]))]
    model = here.groupby("model")["id"].nunique().idxmax()
    first = here[here["model"] == model].drop_duplicates("id").set_index("id")["output"]
    joined = pool[pool["id"].isin(first.index)].reset_index(drop=True)
    joined["output"] = joined["id"].map(first)
    joined["score"] = [bleu_by_hand(row.output, [row.ref_output_gold]) for row in joined.itertuples()]
    return model, pool, joined


def expected_ids(table, mode):
    _, pool, joined = table
    if mode == "random":
        drawn = pool["id"].iloc[np.random.RandomState(42).choice(len(pool), COUNT, replace=False)]
        return [row for row in drawn if row in set(joined["id"])]
    ordered = joined.sort_values("score", ascending=mode != "easy", kind="stable")
    start = (len(joined) - COUNT) // 2 if mode == "medium" else 0
    return list(
        ordered.iloc[start : start + COUNT].sort_index().sort_values("score", ascending=False, kind="stable")["id"]
    )


@pytest.mark.parametrize("mode", ["hard", "medium", "easy", "random"])
def test_the_commands_rows_equal_an_independent_computation(table, mode, tmp_path):
    model, pool, joined = table
    words = ["grpo", "--hf_dataset_path", str(POOL), "--ref_models", "gold", "--selection_mode", mode]
    words += ["--num_examples", str(COUNT), "--metric", "bleu", "--model", model, "--outputs", str(OUTPUTS)]
    assert front_door([*words, "--output_dir", str(tmp_path), "--output_dataset_name", mode]) == 0
    rows = datasets.load_from_disk(str(tmp_path / "data_grpo" / mode))["train"].to_list()
    assert [row["id"] for row in rows] == expected_ids(table, mode)
    scores = dict(zip(joined["id"], joined["score"], strict=True))
    assert [row["bleu_score"] for row in rows] == pytest.approx([scores[row["id"]] for row in rows], abs=1e-12)
    by_id = {row["id"]: row for row in pool.to_dict("records")}
    for row in rows:
        assert row["prompt"] == by_id[row["id"]]["prompt"]
        assert row["references"] == [by_id[row["id"]]["ref_output_gold"]] == [row["ground_truth"]]
    manifest = json.loads((tmp_path / "data_grpo" / mode / "manifest.json").read_text())
    lacking = (COUNT - len(rows)) if mode == "random" else len(pool) - len(joined)
    assert manifest["dropped"].get("without an output", 0) == lacking
