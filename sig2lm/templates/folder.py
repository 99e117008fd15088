"""Where templates and phrases lie."""

from importlib import resources
from pathlib import Path


def prompts_folder() -> Path:
    """Return the folder of prompts: in the wheel ``sig2lm/_prompts``, in a checkout beside the package."""
    packaged = Path(str(resources.files("sig2lm"))) / "_prompts"
    return packaged if packaged.is_dir() else packaged.parent.parent / "prompts"
