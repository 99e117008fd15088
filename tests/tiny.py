"""Tiny models and recordings for the tests; nothing is downloaded."""

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from sig2lm.encoder import PatchTransformerConfig, SignalEncoder
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import AdapterConfig, build_adapter
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Contract, Signal
from sig2lm.templates.task import Task
from sig2lm.templates.template import Template
from sig2lm.training.trainer import TrainSettings

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>{{ message.content | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MOTION = Contract(("acc_x", "acc_y", "acc_z"), ("m/s^2",) * 3, 50.0, None, 1.28)
TEMPLATE = Template(
    task="har",
    version=1,
    source="tests",
    system="Answer briefly.",
    prompt="Movement: $motion\n$question",
    question=("What is it?", "Which one?"),
    labels=("up", "down", "up and down"),
)


TRAINING = TrainSettings(
    AdapterConfig("resampler", num_virtual_tokens=3, hidden=16, depth=1, heads=2),
    epochs=1,
    batch_size=16,
    align_steps=8,
    calibration_examples=8,
)
"""How the session's shared run was trained."""


def build_tokenizer(chat: bool = True, special: bool = True) -> PreTrainedTokenizerFast:
    """A byte-level BPE of some 400 pieces, with or without a chat template and special tokens."""
    names = ["<|bos|>", "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"] if special else []
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    words = ["Answer briefly. Movement: What is it? Which one? up down and the person is walking"] * 4
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=names,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(words, trainer)
    roles = {"bos_token": "<|bos|>", "pad_token": "<|pad|>", "eos_token": "<|end|>"} if special else {}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, **roles)
    if chat:
        tokenizer.add_special_tokens({"additional_special_tokens": names[3:]})
        tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def build_lm(chat: bool = True, dtype: torch.dtype = torch.float32, seed: int = 0) -> FrozenLM:
    """A Llama of two layers with random weights, large enough that positions matter."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=420,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=2,
    )
    return FrozenLM(AutoModelForCausalLM.from_config(config, dtype=dtype), build_tokenizer(chat))


def build_encoder(contract: Contract = MOTION, seed: int = 0) -> SignalEncoder:
    """An encoder of two narrow layers."""
    torch.manual_seed(seed)
    return SignalEncoder(
        PatchTransformerConfig(contract, 8, 8, width=16, depth=2, heads=2, mean=(0.0,) * 3, std=(1.0,) * 3)
    ).eval()


def build_daily_encoder(contract: Contract) -> SignalEncoder:
    """An untrained encoder of days, a day a patch."""
    torch.manual_seed(0)
    return SignalEncoder(PatchTransformerConfig(contract, 1, 1, 16, 1, 2, normalisation="instance")).eval()


def build_signal_lm(kind: str = "resampler", chat: bool = True, dtype: torch.dtype = torch.float32) -> SignalLM:
    """A whole untrained model over one signal, "motion"."""
    lm, encoder = build_lm(chat, dtype), build_encoder()
    config = AdapterConfig(kind, num_virtual_tokens=4, hidden=16, heads=2)
    adapter = build_adapter(config, encoder.width, lm.width, lm.embedding_norm)
    return SignalLM(lm, {"motion": SignalBranch(encoder, adapter)}, Task.from_template(TEMPLATE)).to(dtype).eval()


def motion(samples: int = 64, seed: int = 0, missing: float = 0.0) -> Signal:
    """A random recording that meets MOTION."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, samples)).astype(np.float32)
    values[rng.random(values.shape) < missing] = np.nan
    return Signal(values, MOTION.sampling_rate, MOTION.channels, MOTION.units)
