"""Training of adapters on ``transformers.Trainer``: tables, encoders and templates in, a run out."""
