"""Simulated recordings for three tasks, so that everything runs without data.

They are no substitute for recordings. Sizes and spreads follow public data where a source is named below; what tells
the classes apart is simpler than in life, and in `stress` far stronger (see `_simulate_stress`). A score on them shows
that the pipeline works, never how well it works on people.

`subject_seed` draws what stays with a person (how the phone sits in the pocket, cadence, resting heart rate, habits),
`seed` what changes from one recording to the next.

Sources
-------
Gait: step rates (walking 1.9 Hz, jogging 2.8, upstairs 1.75, downstairs 2.0) and the size of acceleration and rotation
in each activity as measured on MotionSense (Malekzadeh et al. 2019, doi 10.1145/3302505.3310068).
Heart: windows of 60 intervals of the MIT-BIH Atrial Fibrillation Database (Moody and Mark 1983) have, in atrial
fibrillation, a mean of 510-830 ms (10th to 90th percentile), a coefficient of variation of 0.15-0.28, no correlation
of neighbours and a skew to long intervals; outside of it 590-990 ms and 0.014-0.18. The two oscillations of the normal
rhythm are those of Task Force of ESC and NASPE, Circulation 1996;93:1043 (0.04-0.15 Hz and 0.15-0.4 Hz).
Days: medians and spreads between and within people of LifeSnaps (Yfantidou et al. 2022,
doi 10.1038/s41597-022-01764-x): 7400 steps, resting heart rate 67 beats/min (6.8 between, 2.2 within), 400 min asleep.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sig2lm.arguments import unknown
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract, Signal

Rows = npt.NDArray[np.float64]
_GRAVITY = 9.80665  # m/s²


@dataclass(frozen=True)
class SimulatedTask:
    """What a task's recordings are: the contract of each signal by name, and the labels."""

    signals: dict[str, Contract]
    labels: tuple[str, ...]


TASKS = {
    "har": SimulatedTask(
        signals={
            "motion": Contract(
                channels=("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"),
                units=("m/s^2",) * 3 + ("rad/s",) * 3,
                sampling_rate=50.0,
                window=2.56,
            )
        },
        labels=("walking", "jogging", "walking upstairs", "walking downstairs", "sitting", "standing"),
    ),
    "af_rr": SimulatedTask(
        signals={"rr": Contract(channels=("rr",), units=("ms",), sampling_rate=None, window=60.0)},
        labels=("atrial fibrillation", "normal sinus rhythm"),
    ),
    "stress": SimulatedTask(
        signals={
            "daily": Contract(
                channels=("steps", "resting_heart_rate", "sleep_minutes", "exercise_minutes"),
                units=("count", "beats/min", "minute", "minute"),
                sampling_rate=None,
                period=86400.0,
                window=7.0,
            )
        },
        labels=("stressed", "calm"),
    ),
}


@dataclass(frozen=True)
class _Gait:
    """One activity: steps/s, size of the body's acceleration (m/s²), share of the foot's impact, swing of the thigh."""

    step_rate: float
    acceleration: float
    impact: float
    swing: float  # rad, amplitude of the thigh's angle
    flexion: float  # rad, mean angle of the thigh from the vertical


_GAITS = {
    "walking": _Gait(step_rate=1.9, acceleration=5.2, impact=0.45, swing=0.32, flexion=0.10),
    "jogging": _Gait(step_rate=2.8, acceleration=13.0, impact=0.55, swing=0.42, flexion=0.25),
    "walking upstairs": _Gait(step_rate=1.75, acceleration=3.6, impact=0.30, swing=0.36, flexion=0.38),
    "walking downstairs": _Gait(step_rate=2.0, acceleration=4.9, impact=0.80, swing=0.26, flexion=0.22),
    "sitting": _Gait(step_rate=0.3, acceleration=0.03, impact=0.0, swing=0.01, flexion=1.35),
    "standing": _Gait(step_rate=0.4, acceleration=0.08, impact=0.0, swing=0.02, flexion=0.08),
}


def simulate(
    task: str, label: str, seed: int | np.random.Generator = 0, subject_seed: int | None = None
) -> dict[str, Signal]:
    """Simulate one recording.

    Parameters
    ----------
    task, label
        A key of ``TASKS`` and one of its labels.
    seed
        Draws the recording.
    subject_seed
        Draws the person; the same number is the same person. By default another one for each seed.

    Returns
    -------
    dict
        Signal by name, as ``SignalLM.ask`` takes it and exactly as the task's contracts say: har is 2.56 s of a phone
        in the front pocket at 50 Hz, af_rr 60 RR intervals, stress 7 days with some values missing.

    Raises
    ------
    DatasetError
        If the task or the label is unknown.

    Examples
    --------
    >>> simulate("har", "jogging")["motion"].duration
    2.56
    """
    if task not in TASKS:
        raise DatasetError(unknown("task to simulate", task, list(TASKS)))
    if label not in TASKS[task].labels:
        raise DatasetError(unknown(f"label of {task}", label, TASKS[task].labels))
    rng = np.random.default_rng(seed)
    if subject_seed is None:
        subject_seed = seed if isinstance(seed, int) else int(rng.integers(2**31))
    values = _SIMULATORS[task](label, rng, np.random.default_rng(subject_seed))
    ((name, contract),) = TASKS[task].signals.items()
    signal = Signal(
        values.astype(np.float32), contract.sampling_rate, contract.channels, contract.units, contract.period
    )
    return {name: signal}


def _simulate_har(label: str, rng: np.random.Generator, person: np.random.Generator) -> Rows:
    """Swing a thigh as a pendulum under a bouncing hip, and look at it from a phone in the pocket."""
    gait = _GAITS[label]
    pace, vigour = np.exp(person.normal(0, [0.05, 0.18]))
    mounting = _rotation(*person.normal(0, [0.20, 0.15, 0.20]))
    still = label in {"sitting", "standing"}
    flexion = gait.flexion + person.normal(0, 0.12) + rng.normal(0, 0.20 if still else 0.10)

    time = np.arange(128) / 50.0
    step = 2 * np.pi * gait.step_rate * pace * np.exp(rng.normal(0, 0.05)) * time + rng.uniform(0, 2 * np.pi)
    size = gait.acceleration * vigour * np.exp(rng.normal(0, 0.15))
    impact = gait.impact * np.exp(rng.normal(0, 0.25))
    # The hip moves up and down once a step, from side to side once a stride; the foot's impact adds harmonics.
    upward = size * (np.cos(step) + impact * np.cos(2 * step + 0.6) + 0.6 * impact * np.cos(3 * step + 1.1))
    forward = 0.6 * size * (np.sin(step) + impact * np.sin(2 * step))
    sideward = 0.4 * size * np.sin(step / 2)
    angle = flexion + gait.swing * vigour * np.sin(step / 2)
    turning = np.gradient(angle, time)  # rad/s, about the axis from side to side

    # In the thigh's frame gravity leans by the thigh's angle. Axes: x sideward, y along the thigh, z forward.
    acc = np.stack(
        [
            sideward,
            (_GRAVITY + upward) * np.cos(angle) + forward * np.sin(angle),
            -(_GRAVITY + upward) * np.sin(angle) + forward * np.cos(angle),
        ]
    )
    sway = 0.4 * gait.swing * np.pi * gait.step_rate
    gyro = np.stack([turning, sway * np.cos(step / 2 + 0.8), sway * np.sin(step)])
    noise = rng.normal(0, 1, (6, time.size)) * np.repeat([0.05 + 0.12 * size, 0.01 + 0.6 * sway], 3)[:, None]
    return np.asarray(np.concatenate([mounting @ acc, mounting @ gyro]) + noise)


def _simulate_af(label: str, rng: np.random.Generator, person: np.random.Generator) -> Rows:
    """Draw independent, skewed intervals (fibrillation), or two slow oscillations with ectopic beats (sinus rhythm)."""
    sinus, fibrillating, spread = person.normal([820, 640, 0], [110, 90, 0.2])
    if label == "atrial fibrillation":
        variation = np.clip(0.21 * np.exp(spread + rng.normal(0, 0.25)), 0.06, 0.35)
        shape = 1 / variation**2  # a gamma distribution of this shape has this coefficient of variation
        rr = max(fibrillating + rng.normal(0, 40), 420) * rng.gamma(shape, 1 / shape, 60)
        return np.asarray(np.clip(rr, 250, 2500)[None])
    mean = max(sinus + rng.normal(0, 60), 500)
    time = np.cumsum(np.full(60, mean / 1000))  # s
    slow, breathing = 0.022 * np.exp(spread + rng.normal(0, 0.5, 2))
    wave = slow * np.sin(2 * np.pi * rng.uniform(0.06, 0.13) * time + rng.uniform(0, 6.28))
    wave += breathing * np.sin(2 * np.pi * rng.uniform(0.18, 0.35) * time + rng.uniform(0, 6.28))
    rr = mean * (1 + wave + rng.normal(0, 0.012, 60))
    # A premature beat shortens one interval and the pause after it lengthens the next; a few people have many.
    for beat in np.flatnonzero(rng.random(59) < person.choice([0.0, 0.02, 0.12], p=[0.5, 0.35, 0.15])):
        early = rng.uniform(0.2, 0.4) * mean
        rr[beat] -= early
        rr[beat + 1] += early
    return np.asarray(np.clip(rr, 250, 2500)[None])


def _simulate_stress(label: str, rng: np.random.Generator, person: np.random.Generator) -> Rows:
    """Shift a week against a person's own habits.

    In LifeSnaps, days reported as tense differ by 0.6 beats/min, 5 min of sleep and 1000 steps from the others. The
    shifts here are several times as large, since a week of such days alone would hardly differ from another.
    """
    steps, heart, sleep, exercise = person.normal([7800, 66, 405, 35], [1300, 3.0, 22, 10])
    load = rng.normal(1.0, 0.3) if label == "stressed" else rng.normal(0.0, 0.3)
    week = np.stack(
        [
            (steps - 2600 * load) * np.exp(rng.normal(0, 0.35, 7)),
            heart + 6.0 * load + rng.normal(0, 2.2, 7),
            sleep - 80 * load + rng.normal(0, 45, 7),
            np.maximum(exercise - 15 * load + rng.normal(0, 20, 7), 0),
        ]
    )
    week = np.round(np.clip(week, [[100], [40], [90], [0]], [[40000], [110], [720], [240]]))
    week[rng.random(week.shape) < 0.08] = np.nan  # the watch was not worn
    return np.asarray(week)


def _rotation(roll: float, pitch: float, yaw: float) -> Rows:
    """Return the 3 x 3 rotation about x, then y, then z (rad)."""
    (a, b, c), (s, t, u) = np.cos([roll, pitch, yaw]), np.sin([roll, pitch, yaw])
    about_x = np.array([[1, 0, 0], [0, a, -s], [0, s, a]])
    about_y = np.array([[b, 0, t], [0, 1, 0], [-t, 0, b]])
    about_z = np.array([[c, -u, 0], [u, c, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


_SIMULATORS: dict[str, Callable[[str, np.random.Generator, np.random.Generator], Rows]] = {
    "har": _simulate_har,
    "af_rr": _simulate_af,
    "stress": _simulate_stress,
}
