"""Train the tiny model by GRPO on completions that are always the same, in the way that the words ask for.

Called with a model folder, an output file and words such as `dapo:8x1`; several processes write one file together.
"""

import json
import sys
import tempfile
from pathlib import Path

PROMPTS = ["Say yes.", "Name a fish.", "What is blue?", "Count to two.", "Go on.", "Who is it?"]
WORDS = ["a", "the sky", "one two", "yes it is so", "a fish is a fish", "no", "blue and blue", "it is"]


def completions(prompts, trainer):
    """The k-th answer to a prompt is the same in every arrangement; its length differs from answer to answer."""
    tokenizer, seen, answers = trainer.processing_class, {}, []
    for turns in prompts:
        text = turns[-1]["content"]
        place = seen[text] = seen.get(text, -1) + 1
        ids = tokenizer(WORDS[(place * 3 + len(text)) % len(WORDS)], add_special_tokens=False)["input_ids"]
        answers.append([*ids, tokenizer.eos_token_id])
    asked = [tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False) for turns in prompts]
    return {"prompt_ids": asked, "completion_ids": answers, "logprobs": None}


def train(model_folder, loss_type, micro_batch, accumulation):
    """Three steps: losses, gradient norms and rewards as logged, and some of the weights."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    from bleuberi.training.model_loading import load_policy_tokenizer
    from bleuberi.training.watch.reward import TrlReward
    from tests.end_to_end.vowel_reward import Vowels

    logged = []

    class Listen(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **_):
            if "loss" in logs:
                logged.append([logs["loss"], logs["grad_norm"], logs["reward"]])

    with tempfile.TemporaryDirectory() as folder:
        args = GRPOConfig(
            folder, loss_type=loss_type, per_device_train_batch_size=micro_batch, num_generations=4, max_steps=3,
            gradient_accumulation_steps=accumulation, learning_rate=1e-2, lr_scheduler_type="constant", optim="sgd",
            max_grad_norm=1.0, beta=0.0, max_completion_length=16, use_cpu=True, bf16=False, report_to="none",
            logging_steps=1, save_strategy="no", dataloader_pin_memory=False, disable_tqdm=True, seed=1,
            gradient_checkpointing=False,
        )  # fmt: skip
        rows = [{"prompt": [{"role": "user", "content": text}], "references": ["x"]} for text in PROMPTS]
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(model_folder),
            reward_funcs=[TrlReward(Vowels())],
            args=args,
            train_dataset=Dataset.from_list(rows),
            processing_class=load_policy_tokenizer(model_folder),
            rollout_func=completions,
            callbacks=[Listen()],
        )
        trainer.train()
        weights = [float(value) for _, tensor in trainer.model.named_parameters() for value in tensor.flatten()[::97]]
        return {"logged": logged, "weights": weights}, trainer.is_world_process_zero()


if __name__ == "__main__":
    from bleuberi.training.processes import part_processes

    results = {}
    for word in sys.argv[3:]:
        loss_type, _, shape = word.partition(":")
        micro_batch, _, accumulation = shape.partition("#")[0].partition("x")
        results[word], first = train(sys.argv[1], loss_type, int(micro_batch), int(accumulation))
    if first:
        Path(sys.argv[2]).write_text(json.dumps(results), encoding="utf-8")
    part_processes()
