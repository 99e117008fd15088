"""An exported prompt means to a plain LM of transformers what the question means to the run."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tiny import build_signal_lm, motion

from sig2lm.errors import Sig2LMError
from sig2lm.model.export import export_prompt


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_plain_lm_answers_an_exported_prompt_alike(suffix: str, tmp_path: Path) -> None:
    model = build_signal_lm("linear" if suffix == ".pt" else "resampler")
    signal = motion(64, missing=0.1)
    signal.values[:, 16:40] = float("nan")  # whole patches without a sample
    prompt = export_prompt(model, signal, "Describe it.")
    prompt.save(tmp_path / f"prompt{suffix}")
    if suffix == ".pt":
        embeddings = torch.load(tmp_path / "prompt.pt", weights_only=True)
        assert type(embeddings) is torch.Tensor
    else:
        with safe_open(tmp_path / "prompt.safetensors", "pt") as file:
            embeddings, metadata = file.get_tensor("prompt_embeds"), file.metadata()
        assert metadata["question"] == "Describe it."
        assert metadata["lm_fingerprint"] == model.lm.fingerprint
    assert embeddings.shape[1] == model.lm.width
    plain = model.lm.model
    written = plain.generate(
        inputs_embeds=embeddings[None],
        attention_mask=torch.ones(1, len(embeddings), dtype=torch.long),
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=list(prompt.stop_ids),
        pad_token_id=0,
    )
    ids = [token for token in written[0].tolist() if token not in prompt.stop_ids]
    assert model.lm.dialogue.decode(ids) == model.ask(signal, "Describe it.", max_new_tokens=12).text
    with pytest.raises(Sig2LMError, match=r"ends in \.safetensors or \.pt"):
        prompt.save(tmp_path / "prompt.bin")
    model.lm.has_lora = True
    with pytest.raises(Sig2LMError, match="LoRA"):
        export_prompt(model, signal)
