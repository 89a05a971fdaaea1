"""Merging LoRA loses nothing: not over many hand-overs to vLLM, not in the model that a run leaves."""

import copy

import pytest

from bleuberi.training.merge import keep_base_exact, merged_model
from bleuberi.training.model_loading import load_policy_tokenizer
from tests.unit.training.test_model_loading import wanted

torch = pytest.importorskip("torch")
pytest.importorskip("peft")


def tuned(model, dtype, **more):
    """The tiny model with an adapter that has learnt a little, as a real one has."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(model, dtype=dtype)
    tuned = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **more))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=1e-3)
    return tuned


def base_weights(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters() if "lora_" not in name}


def delta(model):
    """The adapter alone, in float32, by the name of its weight."""
    return {
        name.removeprefix("base_model.model."): layer.get_delta_weight("default").float()
        for name, layer in model.named_modules()
        if hasattr(layer, "get_delta_weight")
    }


def hand_over(model):
    """What TRL sends to vLLM, by the function that it calls for each hand-over."""
    from accelerate import Accelerator
    from trl.distributed import DistributedBackend
    from trl.generation.vllm_generation import VLLMGeneration

    sender = VLLMGeneration.__new__(VLLMGeneration)  # its constructor starts vLLM
    sender.model, sender.accelerator = model, Accelerator(cpu=True)
    sender._dist = DistributedBackend(sender.accelerator)
    return {name: weight.clone() for name, weight in sender._iter_named_params()}


def drift(before, after, learnt):
    """How far the base moved, as a share of what the adapter holds."""
    moved = sum((after[name].float() - before[name].float()).pow(2).sum() for name in before)
    return float((moved / sum(part.pow(2).sum() for part in learnt.values())).sqrt())


@pytest.mark.parametrize("dtype", [torch.bfloat16, pytest.param(torch.float32, marks=pytest.mark.slow)])
def test_300_hand_overs_leave_the_base_as_it_was(tiny_model, dtype):
    model = tuned(tiny_model, dtype)
    before, learnt = base_weights(model), delta(model)
    keep_base_exact(model)
    for _ in range(300):
        sent = hand_over(model)
    after = base_weights(model)
    assert all(after[name].equal(before[name]) for name in before)
    assert drift(before, after, learnt) == 0.0
    name = "model.layers.0.self_attn.q_proj"
    exact = before[f"base_model.model.{name}.base_layer.weight"].float() + learnt[name]
    assert sent[f"{name}.weight"].equal(exact.to(dtype)), "merged in float32 and rounded once"
    assert not model.base_model.model.model.layers[0].self_attn.q_proj.merged


def test_without_it_a_bfloat16_base_drifts(tiny_model):
    model = tuned(tiny_model, torch.bfloat16)
    before, learnt = base_weights(model), delta(model)
    for _ in range(20):
        hand_over(model)
    assert drift(before, base_weights(model), learnt) > 0.05


def test_the_forward_pass_is_the_same_after_hand_overs(tiny_model):
    model = tuned(tiny_model, torch.bfloat16)
    ids = torch.arange(20, 40).reshape(1, -1)
    with torch.no_grad():
        before = model(input_ids=ids).logits.clone()
        keep_base_exact(model)
        hand_over(model)
        assert model(input_ids=ids).logits.equal(before)


def test_parts_of_fsdp2_do_not_drift_either(tiny_model, tmp_path):
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        model = tuned(tiny_model, torch.bfloat16)
        for layer in model.base_model.model.model.layers:
            fully_shard(layer, mesh=init_device_mesh("cpu", (1,)))
        name = "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight"
        weight = dict(model.named_parameters())[name]
        before = weight.full_tensor().clone()
        keep_base_exact(model)
        for _ in range(3):
            model.merge_adapter()
            assert not weight.full_tensor().equal(before)
            model.unmerge_adapter()
        assert weight.full_tensor().equal(before)
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize("more", [{}, {"use_rslora": True}, {"use_dora": True}])
@pytest.mark.parametrize("trained_in", ["bfloat16", "float32"])
def test_the_exported_model_is_the_base_plus_the_adapter(tiny_model, tmp_path, trained_in, more):
    from transformers import AutoModelForCausalLM

    model = tuned(tiny_model, getattr(torch, trained_in), **more)
    model.save_pretrained(tmp_path / "adapter")
    asked = wanted(tiny_model)
    asked.dtype = trained_in
    merged = merged_model(copy.copy(asked), tmp_path / "adapter", load_policy_tokenizer(str(tiny_model)), False)
    assert asked.dtype == trained_in
    if more.get("use_dora"):
        assert all(weight.dtype == torch.float32 for weight in merged.state_dict().values())
        return  # its merge is not a sum
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).state_dict()
    learnt, off = delta(model), 0.0
    for name, part in learnt.items():
        off += float((merged.state_dict()[f"{name}.weight"] - base[f"{name}.weight"] - part).pow(2).sum())
    assert (off / sum(float(part.pow(2).sum()) for part in learnt.values())) ** 0.5 < 1e-3
    assert merged.state_dict().keys() == base.keys()
