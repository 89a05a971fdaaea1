"""Tiny random models of six families, with tokenizers and chat templates as their real ones have them."""

from importlib.resources import files

from tests.conftest import make_tokenizer

MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)
CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# name -> class, template of TRL's wheel (Mistral's is not there), special tokens, begin, end and padding token
FAMILIES = {
    "qwen2_5": ("Qwen2", "qwen2_5", CHATML, None, "<|im_end|>", "<|endoftext|>"),
    "qwen3": ("Qwen3", "qwen3", [*CHATML, "<think>", "</think>"], None, "<|im_end|>", "<|endoftext|>"),
    "llama3": (
        "Llama", "llama3", ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                            "<|eot_id|>"], "<|begin_of_text|>", "<|end_of_text|>", None),
    "gemma": (
        "Gemma", "gemma", ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"], "<bos>", "<eos>", "<pad>"),
    "mistral": ("Mistral", None, ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"], "<s>", "</s>", None),
    "phi3": (
        "Phi3", "phi3", ["<unk>", "<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"], "<s>",
        "<|endoftext|>", "<|endoftext|>"),
}  # fmt: skip


def save_family(name, folder):
    """The model of that family as a model folder."""
    import torch
    import transformers

    kind, template, tokens, begin, end, padding = FAMILIES[name]
    text = MISTRAL if template is None else files("trl").joinpath(f"chat_templates/{template}.jinja").read_text()
    tokenizer = make_tokenizer(tokens, end, text)
    tokenizer.bos_token, tokenizer.pad_token = begin, padding
    tokenizer.unk_token = "<unk>" if "<unk>" in tokens else None
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=512, initializer_range=0.3,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.bos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    getattr(transformers, f"{kind}ForCausalLM")(config).save_pretrained(folder)
    return folder
