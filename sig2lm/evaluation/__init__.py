"""Honest scores: a run beside its controls and baselines, ways to ask compared, and what an encoder alone is worth."""
