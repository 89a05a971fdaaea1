"""BERTScore, embeddings and reward models, on a real encoder of 22.7M weights and a small random classifier."""

import json
import math
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import make_tokenizer

from bleuberi.errors import UserError
from bleuberi.rewards import Bleu, load_reward
from bleuberi.rewards.bertscore import BertScore
from bleuberi.rewards.bleu_rm import BleuRm, standardised, standardised_mean
from bleuberi.rewards.embedding import Embedding
from bleuberi.rewards.encoder import REFERENCE_VECTORS, VectorCache, model_identity
from bleuberi.rewards.reward_model import RewardModel

torch = pytest.importorskip("torch", reason="torch is not installed")
SAYS, MEANS, OTHER = "A cat sat on the mat.", "The mat had a cat sitting on it.", "Interest rates rose in June."


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def classifier(encoder, tmp_path_factory):
    """A folder with a random reward model of 2 layers."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("reward_model")
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=128, num_labels=1, initializer_range=0.5,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def score(reward, response, references, prompt="Say it."):
    return reward(prompts=[prompt], responses=[response], references=[references])[0]


@pytest.mark.parametrize("kind", ["emb", "bertscore"])
def test_meaning_counts_blanks_are_defined_and_batches_do_not_matter(kind, encoder):
    reward = load_reward(f"{kind}:{encoder}")
    assert score(reward, SAYS, [SAYS]) == pytest.approx(1.0, abs=1e-5)
    assert score(reward, MEANS, [SAYS]) > score(reward, OTHER, [SAYS]) + 0.1
    assert score(reward, " \n", [SAYS]) == 0.0
    assert score(reward, "", [SAYS]) == 0.0
    assert score(reward, SAYS, ["", " "]) is None
    assert score(reward, SAYS, []) is None
    assert score(reward, SAYS, ["", MEANS]) == score(reward, SAYS, [MEANS])
    rows = [(SAYS, [MEANS, OTHER]), ("", [SAYS]), (OTHER * 40, [SAYS, ""]), (MEANS, [""]), ("word " * 3000, [SAYS])]
    together = reward(responses=[row[0] for row in rows], references=[row[1] for row in rows])
    for row, value in zip(rows, together, strict=True):
        assert score(reward, *row) == (None if value is None else pytest.approx(value, abs=1e-5))
    twin = pickle.loads(pickle.dumps(reward))
    assert len(pickle.dumps(reward)) < 1000
    assert score(twin, MEANS, [SAYS]) == score(reward, MEANS, [SAYS])


def test_embeddings_are_those_of_the_plain_model(encoder):
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder).eval()
    with torch.inference_mode():
        first, second = (model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
                         for text in (SAYS, MEANS))  # fmt: skip
    expected = float(torch.nn.functional.cosine_similarity(first, second, dim=0))
    assert score(Embedding(encoder), SAYS, [MEANS]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("layer", [3, 6])
def test_bertscore_equals_the_package(encoder, layer):
    package = pytest.importorskip("bert_score", reason="bert-score is not installed")
    texts = [(SAYS, MEANS), (MEANS, SAYS), (OTHER, SAYS), ("3.5, no!", "Well: 3.5 -- yes."), (SAYS, SAYS)]
    _, _, expected = package.score(
        [a for a, _ in texts], [b for _, b in texts], model_type=encoder, num_layers=layer, device="cpu"
    )
    reward = BertScore(encoder, layer=layer)
    found = reward(responses=[a for a, _ in texts], references=[[b] for _, b in texts])
    assert found == pytest.approx(expected.tolist(), abs=1e-5)


def test_bertscore_leaves_out_a_start_token_whose_number_is_0(tmp_path):
    """RoBERTa's vocabulary begins with its start token."""
    from tokenizers.processors import TemplateProcessing
    from transformers import RobertaConfig, RobertaModel

    tokenizer = make_tokenizer(["<s>", "<pad>", "</s>"], "</s>")
    tokenizer.cls_token, tokenizer.sep_token, tokenizer.pad_token = "<s>", "</s>", "<pad>"
    assert tokenizer.cls_token_id == 0
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", tokenizer.sep_token_id)]
    )
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=130, initializer_range=0.5, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (vectors,) = BertScore(str(tmp_path))._vectors([SAYS])
    assert vectors[:, -1].tolist() == [0.0] + [1.0] * (len(vectors) - 2) + [0.0]


def test_bertscore_takes_a_folder_without_a_length_limit(encoder, tmp_path):
    folder = tmp_path / "encoder"
    folder.mkdir()
    for path in Path(encoder).iterdir():
        if path.is_file() and path.suffix in {".json", ".safetensors", ".txt"}:
            shutil.copyfile(path, folder / path.name)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["model_max_length"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert score(BertScore(str(folder)), "word " * 2000, [SAYS]) < score(BertScore(str(folder)), MEANS, [SAYS])


@pytest.mark.slow
def test_a_hub_models_pooling_is_its_own_and_its_commit_is_asked_once(encoder, tmp_path, monkeypatch):
    """A model in the hub's cache, as a download leaves it."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "models--some--encoder"
    shutil.copytree(encoder, place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs/main").write_text(commit)
    (place / "snapshots" / commit / "1_Pooling").mkdir(exist_ok=True)
    (place / "snapshots" / commit / "1_Pooling/config.json").write_text('{"pooling_mode_cls_token": true}')
    (place / "snapshots" / commit / "sentence_bert_config.json").write_text('{"max_seq_length": 77}')
    code = (
        "from unittest import mock\n"
        "from bleuberi.rewards import encoder, load_reward\n"
        "reward = load_reward('emb:some/encoder')\n"
        "with mock.patch.object(encoder, 'load_config', wraps=encoder.load_config) as asked:\n"
        "    print(reward.signature(), reward.signature() == reward.signature(), asked.call_count)"
    )
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split()[0] == "emb|cosine|model:some/encoder@0123456789ab|pool:cls|max:77|ref:best|v:1"
    assert done.stdout.split()[1:] == ["True", "1"]


def test_reference_vectors_are_kept_within_their_bound(encoder):
    reward = Embedding(encoder)
    score(reward, SAYS, [MEANS, OTHER])
    before = REFERENCE_VECTORS.nbytes
    score(reward, OTHER, [MEANS, OTHER])
    assert REFERENCE_VECTORS.nbytes == before > 0
    cache, made = VectorCache(megabytes=10 * 400 / 1e6), []

    def make(texts):
        made.extend(texts)
        return [torch.ones(100) for _ in texts]

    for number in range(50):
        cache.fetch(("space",), [str(number), "0"], make)
        assert cache.nbytes <= 4000
    assert made.count("0") == 1
    cache.fetch(("other space",), ["0"], make)
    assert made.count("0") == 2


@pytest.mark.parametrize("place", [-5, 2 << 20])  # at the end, and in the middle
def test_signatures_follow_the_weights(classifier, tmp_path, place):
    twin = tmp_path / "twin"
    shutil.copytree(classifier, twin)
    first = model_identity(str(twin)).partition("@")[2]
    assert first == model_identity(str(classifier)).partition("@")[2]
    changed = tmp_path / "changed"
    shutil.copytree(classifier, changed)
    weights = bytearray((changed / "model.safetensors").read_bytes())
    weights[place] ^= 1
    (changed / "model.safetensors").write_bytes(weights)
    assert model_identity(str(changed)).partition("@")[2] != first
    assert RewardModel(str(twin)).signature() != RewardModel(str(changed)).signature()
    assert "layer:2" in BertScore(str(twin)).signature()


def test_reward_model_gives_the_logit_whatever_the_batch(classifier):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(classifier)
    model = AutoModelForSequenceClassification.from_pretrained(classifier).eval()
    rows = [("Hello?", SAYS), ("Hm.", "short"), ("", OTHER), ("Tell me more. " * 60, MEANS), ("x", "")]
    reward = RewardModel(str(classifier), batch_size=2)
    found = reward(prompts=[p for p, _ in rows], responses=[r for _, r in rows])
    with torch.inference_mode():
        for (prompt, response), value in zip(rows[:3], found, strict=False):
            assert value == pytest.approx(
                float(model(**tokenizer(prompt, response, return_tensors="pt")).logits), abs=1e-4
            )
    for (prompt, response), value in zip(rows, found, strict=True):
        assert reward(prompts=[prompt], responses=[response]) == [pytest.approx(value, abs=1e-4)]
    assert len({round(value, 4) for value in found}) == len(rows)
    talk = [[{"role": "user", "content": "Hello?"}]], [[{"role": "assistant", "content": SAYS}]]
    assert reward(prompts=talk[0], completions=talk[1], id=["a"]) == [pytest.approx(found[0], abs=1e-4)]
    assert reward(prompts=["a", "b"], responses=[None, "b"])[0] is None


def test_reward_model_uses_the_chat_template_and_sees_the_end_of_long_texts(classifier, tmp_path):
    from transformers import AutoTokenizer

    folder = tmp_path / "with_template"
    shutil.copytree(classifier, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    tokenizer.save_pretrained(folder)
    reward = RewardModel(str(folder))
    assert reward(prompts=["Hello?"], responses=[SAYS]) != RewardModel(str(classifier))(
        prompts=["Hello?"], responses=[SAYS]
    )
    first, second = reward(prompts=["q", "q"], responses=["so " * 500 + end for end in ("yes", "never")])
    assert first != second


@pytest.mark.parametrize("prompt", ["", "Hello?", "Tell me more. " * 60])
def test_a_reward_model_without_a_template_sees_the_end_of_long_texts_too(classifier, prompt):
    reward = RewardModel(str(classifier))
    ends = ["so " * 500 + end for end in ("yes", "never")]
    first, second = reward(prompts=[prompt] * 2, responses=ends)
    assert first != second
    assert reward(prompts=[""], responses=ends[:1]) == [pytest.approx(first, abs=1e-4)]  # it leaves no room
    tails = reward(prompts=["so " * 500 + end for end in ("yes?", "never?")], responses=[SAYS] * 2)
    assert tails[0] != tails[1]


def test_a_classifier_with_two_outputs_is_refused(classifier, tmp_path):
    folder = tmp_path / "two"
    shutil.copytree(classifier, folder)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": "a", "1": "b"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="2 outputs"):
        RewardModel(str(folder))(prompts=["a"], responses=["b"])


def test_a_model_that_is_nowhere_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="could not be loaded"):
        Embedding(str(tmp_path))(responses=["a"], references=[["b"]])


def test_bleu_rm_is_the_mean_of_the_standardised(classifier):
    judge = RewardModel(str(classifier))
    reward = BleuRm(judge)
    rows = {"prompts": ["p", "q", "r", "s"], "responses": [SAYS, MEANS, OTHER, "x"],
            "references": [[SAYS], [SAYS], [SAYS], [""]]}  # fmt: skip
    found = reward(**rows)
    bleu, model = Bleu()(**rows), judge(**rows)
    assert found[3] is None

    def z(values, row):
        mean = sum(values[:3]) / 3
        return (values[row] - mean) / math.sqrt(sum((value - mean) ** 2 for value in values[:3]) / 3)

    for row in range(3):
        assert found[row] == pytest.approx((z(bleu, row) + z(model, row)) / 2)
    with pytest.raises(UserError, match="normalize_then_sum"):
        reward(prompts=["p"], completions=["a"], references=[["a"]])
    more = {key: [*values[:1], None if key == "responses" else values[0], *values[1:]] for key, values in rows.items()}
    assert reward(**more) == [found[0], None, *(value and pytest.approx(value) for value in found[1:])]
    assert [part.name for part in reward.parts] == ["bleu", "rm"]
    assert judge.signature() in reward.signature()


def test_standardising():
    assert standardised([1.0, None, 3.0]) == [-1.0, None, 1.0]
    assert standardised([0.1] * 3) == [0.0] * 3
    assert standardised([None]) == [None]
    assert standardised_mean([], []) == []
    assert standardised_mean([0.0, 1.0, 5.0], [-100.0, 100.0, None]) == [-1.0, 1.0, None]
