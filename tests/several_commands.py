"""Run the commands of a JSON file one after another in this process: what torchrun starts twice, once for all."""

import json
import sys
from pathlib import Path

from sig2lm.cli import main

if __name__ == "__main__":
    for arguments in json.loads(Path(sys.argv[1]).read_text()):
        sys.argv = ["sig2lm", *arguments]
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise
