"""Miniatures: a family's model at a few MB, with random weights, so that its code path can be run anywhere.

Same architecture class and same peculiarities as the real one (how positions are scaled, which layers see only the
last tokens, what is tied); widths are multiples of 256, so that Q4_K_M gives the types that its name promises.
"""

from __future__ import annotations

from typing import Any

from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

_WIDTH = 256
_HEADS = 4
_SIZES = {
    "hidden_size": _WIDTH,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": _HEADS,
    "num_key_value_heads": 2,
}
_WINDOW = 64  # tokens; the real one has 1,024, which no program would reach


def build(family: str, tokenizer: PreTrainedTokenizerBase, stop: str) -> PreTrainedModel:
    """A model of the family for this tokenizer, with random weights (seed torch before). stop: ends an answer."""
    model = {"llama3": _llama3, "gemma3": _gemma3, "phi4": _phi4, "tinyllama": _tinyllama}[family]({
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    })  # fmt: skip
    ends = sorted({tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(stop)})
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=ends, pad_token_id=tokenizer.pad_token_id
    )
    return model


def _llama3(vocabulary: dict[str, Any]) -> PreTrainedModel:
    """As Llama 3.2: positions scaled for 128k, tied embeddings."""
    from transformers import LlamaConfig, LlamaForCausalLM

    scaling = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    config = LlamaConfig(
        **_SIZES,
        **vocabulary,
        max_position_embeddings=131072,
        rope_parameters={**scaling, "original_max_position_embeddings": 8192, "rope_theta": 500000.0},
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def _tinyllama(vocabulary: dict[str, Any]) -> PreTrainedModel:
    """As Llama 2: plain positions, an output matrix of its own."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        **_SIZES, **vocabulary, max_position_embeddings=2048, rms_norm_eps=1e-5, tie_word_embeddings=False
    )
    return LlamaForCausalLM(config)


def _gemma3(vocabulary: dict[str, Any]) -> PreTrainedModel:
    """The text part: five layers that see the last tokens only, then one that sees all, as llama.cpp counts them."""
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(
        **{**_SIZES, "num_hidden_layers": 6},
        **vocabulary,
        head_dim=_WIDTH // _HEADS,
        query_pre_attn_scalar=_WIDTH // _HEADS,
        max_position_embeddings=131072,
        sliding_window=_WINDOW,
        rope_parameters={
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
    )
    return Gemma3ForCausalLM(config)


def _phi4(vocabulary: dict[str, Any]) -> PreTrainedModel:
    """As Phi-4 Mini: three quarters of each head are rotated, by other factors beyond 4,096 tokens; tied embeddings."""
    from transformers import Phi3Config, Phi3ForCausalLM

    pairs = _WIDTH // _HEADS * 3 // 4 // 2
    config = Phi3Config(
        **_SIZES,
        **vocabulary,
        max_position_embeddings=131072,
        original_max_position_embeddings=4096,
        sliding_window=262144,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.75,
            "original_max_position_embeddings": 4096,
            "short_factor": [1.0 + pair / pairs for pair in range(pairs)],
            "long_factor": [1.0 + pair for pair in range(pairs)],
        },
        tie_word_embeddings=True,
    )
    return Phi3ForCausalLM(config)
