"""Units of rows that share one stream, without Ray: what a worker does."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions
from bleuberi.generation.base import Output, Request, Sampling
from bleuberi.generation.canned import answers_revision
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.transformers_engine import BATCHES_A_SHARD
from bleuberi.generation.worker_calls import StreamWork, _EndlessStream
from bleuberi.generation.workers_engine import WorkerShards
from bleuberi.records import Conversation, Message
from tests.canned import CannedEngine


def unit_of(numbers):
    return [
        Request(str(number), Conversation(str(number), [Message(role="user", content=f"prompt {number}")]), number)
        for number in numbers
    ]


def serve(engine):
    stream = _EndlessStream(engine, Sampling())
    threading.Thread(target=stream.run, daemon=True).start()
    return stream


class Batching:
    """As vLLM and the OpenAI engine take rows: whenever there is room, and without waiting for all."""

    def __init__(self, room):
        self.room, self.most_in_work = room, 0

    def stream(self, requests, sampling):
        waiting, in_work = iter(requests), []
        while True:
            in_work += islice(waiting, self.room - len(in_work))
            if not in_work:
                return
            self.most_in_work = max(self.most_in_work, len(in_work))
            threading.Event().wait(0.001)
            request = in_work.pop(0)
            yield request, Output(f"answer {request.key}", "stop", 1)


def test_units_in_threads_get_their_own_answers_from_one_stream():
    engine = Batching(room=24)
    stream = serve(engine)
    units = [unit_of(range(start, start + 8)) for start in range(0, 400, 8)]
    with ThreadPoolExecutor(5) as threads:
        answered = list(threads.map(stream.answer, units))
    assert [output.text for outputs in answered for output in outputs] == [f"answer {number}" for number in range(400)]
    assert engine.most_in_work > 8, "the units were answered one after the other"


def test_an_engine_that_reads_to_the_end_begins_anew():
    stream = serve(CannedEngine({str(number): f"answer {number}" for number in range(20)}))
    for start in (0, 10):
        assert [output.text for output in stream.answer(unit_of(range(start, start + 10)))] == [
            f"answer {number}" for number in range(start, start + 10)
        ]


def test_a_failing_engine_fails_all_that_wait_and_all_that_come():
    stream = serve(CannedEngine({"0": "answer 0"}))
    for numbers in ((0, 1, 2), (0,)):
        with pytest.raises(UserError, match="Row 1 has no canned answer"):
            stream.answer(unit_of(numbers))


def test_a_worker_with_other_files_refuses(tmp_path):
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": "0", "response": "here"}\n')
    options = EngineOptions(answers=answers)
    identity = ModelIdentity("org/model", answers_revision(answers), "")
    work = StreamWork(identity, "canned", options, Sampling())
    assert [output.text for output in work()(unit_of([0]))] == ["here"]
    answers.write_text('{"id": "0", "response": "there"}\n')
    with pytest.raises(UserError, match="A worker has a different org/model"):
        work()


def test_shards_are_cut_as_one_process_cuts_them():
    shards = WorkerShards(ModelIdentity("m", "files:1", ""), EngineOptions(engine_args={"batch_rows": 4}), iter)
    assert shards.shard_rows == 4 * BATCHES_A_SHARD
