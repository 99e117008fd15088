"""How an encoder learns: without labels (``pretrain``), with them (``fine_tuning``), with few (``self_training``)."""

from sig2lm.pretraining.pretrain import PretrainSettings, pretrain_encoder

__all__ = ["PretrainSettings", "pretrain_encoder"]
