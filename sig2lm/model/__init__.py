"""The bridge: encoder -> adapter -> soft prompt -> frozen LM, and the questions it answers."""
