"""``python -m sig2lm``: the same as the command ``sig2lm``."""

from sig2lm.cli import main

main()
