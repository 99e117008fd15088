"""Sessions of an Empatica E4 wristband as the device exports them, small, with values that tell their place."""

from pathlib import Path

import numpy as np

RATES = {"BVP": 64.0, "EDA": 4.0, "TEMP": 4.0, "ACC": 32.0, "HR": 1.0}


def write_session(folder: Path, start: float, seconds: int, *, late: dict[str, float] | None = None) -> None:
    """Write a session; `late` gives files that begin some seconds after the others, as HR.csv does by 10 s.

    BVP and EDA count seconds since `start`, TEMP is constant, ACC is gravity along z, HR is 60 plus the seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    late = {"HR": 10.0, **(late or {})}
    for name, rate in RATES.items():
        delay = late.get(name, 0.0)
        place = delay + np.arange(int((seconds - delay) * rate)) / rate
        rows = {
            "BVP": [f"{value:.6f}" for value in place],
            "EDA": [f"{value:.6f}" for value in place],
            "TEMP": ["33.50"] * place.size,
            "ACC": ["0,-32,64"] * place.size,
            "HR": [f"{60 + value:.2f}" for value in place],
        }[name]
        width = 3 if name == "ACC" else 1
        head = [", ".join([f"{start + delay:.6f}"] * width), ", ".join([f"{rate:.6f}"] * width)]
        (folder / f"{name}.csv").write_text("\n".join([*head, *rows]) + "\n")
    (folder / "IBI.csv").write_text(f"{start:.6f}, IBI\n19.453125,0.781250\n")
    (folder / "info.txt").write_text(".csv files in this archive are in the following format:\n")
