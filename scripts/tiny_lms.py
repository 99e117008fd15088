"""Tiny random LMs of every causal family that transformers knows, for tests and for the page that lists them.

A config is made of the family's own defaults, with whatever makes it large replaced by something small. Windows and
chunks become 16 positions, so that texts of a few dozen tokens reach past them.
"""

from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

VOCABULARY = 420  # of the tests' tokenizer, and some more
WINDOW = 16
FAMILIES = tuple(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)

_MOST_PARAMETERS = 3_000_000
_BY_VALUE: dict[Any, tuple[str, ...]] = {
    VOCABULARY: ("vocab_size", "vocab_size_per_layer_input"),
    32: (
        *("hidden_size", "d_model", "n_embd", "dim", "embed_dim", "emb_dim", "word_embed_proj_dim", "embedding_size"),
        *("embedding_dim", "dim_model", "lru_width", "attention_hidden_size", "mamba_d_ssm", "moe_intermediate_size"),
        *("shared_expert_intermediate_size", "expert_ffn_hidden_size"),
    ),
    4: (
        *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "num_decoder_layers"),
        *("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads"),
        *("num_decoder_attention_heads", "encoder_attention_heads", "num_experts", "num_local_experts"),
        *("n_routed_experts", "moe_num_experts", "qk_rope_head_dim", "qk_nope_head_dim", "rotary_dim"),
        *("mamba_n_heads", "mamba_num_heads", "linear_num_value_heads", "time_step_rank"),
    ),
    2: (
        *("num_key_value_heads", "num_kv_heads", "encoder_layers", "num_experts_per_tok", "num_experts_per_token"),
        *("moe_k", "moe_topk", "index_n_heads", "linear_num_key_heads", "num_attention_groups"),
        *("multi_query_group_num", "eos_token_id"),
    ),
    8: (
        *("head_dim", "attention_head_dim", "kv_channels", "dim_head", "v_head_dim", "index_head_dim"),
        *("mamba_d_state", "mamba_d_head", "mamba_head_dim", "state_size", "ssm_state_size"),
        *("linear_key_head_dim", "linear_value_head_dim", "hidden_size_per_layer_input"),
    ),
    64: (
        *("intermediate_size", "n_inner", "ffn_dim", "decoder_ffn_dim", "encoder_ffn_dim", "ffn_hidden_size"),
        *("dim_ff", "dff", "index_topk"),
    ),
    256: ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "context_length"),
    WINDOW: (
        *("sliding_window", "window_size", "attention_window_size", "attention_chunk_size", "q_lora_rank"),
        *("kv_lora_rank", "mamba_chunk_size", "chunk_size"),
    ),
    1: ("n_group", "topk_group", "n_shared_experts", "mamba_n_groups", "n_groups", "mamba_expand", "pad_token_id"),
    0: ("bos_token_id", "decoder_start_token_id"),
}
_TINY = {name: value for value, names in _BY_VALUE.items() for name in names}
_LATENT = {"num_key_value_heads": 4, "head_dim": None, "qk_head_dim": None}  # keys and values from one latent vector
_LINEAR = ["linear_attention", "linear_attention", "linear_attention", "full_attention"]
_SLIDING = ["sliding_attention", "full_attention"] * 2
_ROTARY = {"rope_type": "default", "rope_theta": 10000.0}
_ZAMBA = {"layers_block_type": ["mamba", "hybrid"] * 2, "num_key_value_heads": 4}
# What the rule above gets wrong: parts that must fit each other, and layers of which one of each kind should stand.
_OWN: dict[str, dict[str, Any]] = {
    "bailing_hybrid": {"layer_types": _LINEAR},
    "bamba": {"attn_layer_indices": [1, 3]},
    "cohere_compass_text": {"layer_types": _SLIDING, "rope_parameters": dict.fromkeys(_SLIDING, _ROTARY)},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2},
        "ffn_config": {"hidden_size": 32, "ffn_hidden_size": 32, "moe_num_experts": 4, "moe_top_k": 2},
        "rope_parameters": _ROTARY,
    },
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1},
    "electra": {"embedding_size": 32},
    "falcon_h1": {"mamba_expand": 2, "mamba_d_ssm": 32},
    "gemma3n_text": {"num_kv_shared_layers": 1, "layer_types": _SLIDING},
    "gemma4_text": {"num_kv_shared_layers": 0, "layer_types": _SLIDING},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "kimi_linear": {"linear_head_dim": 8, "linear_num_heads": 4, "layer_types": _LINEAR},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2, "num_dense_layers": 1},
    "llama4_text": {"layer_types": ["chunked_attention", "full_attention"] * 2, "intermediate_size_mlp": 64},
    "mamba2": {"num_heads": 8, "head_dim": 8, "expand": 2},
    "ministral": {"head_dim": 8},
    "nemotron": {"num_key_value_heads": 2},
    "qwen3_5_moe_text": {"layer_types": _LINEAR},
    "qwen3_5_text": {"layer_types": _LINEAR},
    "qwen3_next": {"layer_types": _LINEAR},
    "zamba": {**_ZAMBA, "attention_hidden_size": 64, "attention_head_dim": 16},
    "zamba2": {**_ZAMBA, "n_mamba_heads": 8, "mamba_expand": 2},
    "zaya": {"num_experts_per_tok": 1, "router_hidden_size": 16},
}


def tiny_config(family: str) -> PreTrainedConfig:
    """Return a tiny config of a family; raises whatever transformers says of one that cannot be made."""
    return _shrunk(CONFIG_MAPPING[family])


def build_tiny(family: str, seed: int = 0) -> Any:
    """Build a tiny LM of a family with random weights in float32, of a size at which positions matter.

    Raises
    ------
    ValueError
        If the family does not become small; and whatever transformers raises.
    """
    config = tiny_config(family)
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in AutoModelForCausalLM.from_config(config).parameters())
    if count > _MOST_PARAMETERS:
        raise ValueError(f"stays at {count:,} parameters")
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1 and 0 < (deviation := float(parameter.std())) < 0.1:
                parameter.mul_(0.15 / deviation)
    return model


def _shrunk(kind: type[PreTrainedConfig]) -> PreTrainedConfig:
    default = kind()
    values: dict[str, Any] = {
        name: tiny
        for name, tiny in _TINY.items()
        if name.endswith("token_id")
        or (_value(default, name) is not None and not isinstance(getattr(kind, name, None), property))
    }
    for name, value in vars(default).items():
        if name.endswith(("_token_id", "_token_index")) and isinstance(value, int) and value >= VOCABULARY:
            values.setdefault(name, VOCABULARY - 1)
    if _value(default, "kv_lora_rank"):
        values |= _LATENT
    for name in kind.sub_configs:
        if _value(default, name) is not None:
            values[name] = _shrunk(type(_value(default, name)))
    values |= _OWN.get(kind.model_type, {})
    return kind(**{name: value for name, value in values.items() if value is not None})


def _value(config: PreTrainedConfig, name: str) -> Any:
    """A value of a config; families whose layers differ raise where it differs."""
    try:
        return getattr(config, name, None)
    except Exception:
        return None
