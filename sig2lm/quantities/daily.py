"""Quantities of daily rows, channel by channel; a day without a value takes part in none but the count of such days."""

import numpy as np

from sig2lm.quantities.channels import days
from sig2lm.quantities.quantity import Need, Values
from sig2lm.quantities.registry import quantity
from sig2lm.quantities.statistics import highest, mean, slope

DAYS = Need("daily rows", days, each=True)
_FEWEST = 3  # days; fewer show no trend


@quantity(
    "mean {channel}", "{unit}", DAYS, relative=0.05, words=("average {channel}", "{channel} on average", "{channel}")
)
def daily_mean(values: Values, rate: float) -> Values:
    """Mean of the days."""
    return mean(values[:, 0])


@quantity("last {channel}", "{unit}", DAYS, relative=0.05, words=("{channel} on the last day", "latest {channel}"))
def last_day(values: Values, rate: float) -> Values:
    """Value of the last day; absent where that day has none."""
    return np.array(values[:, 0, -1])


@quantity("trend of {channel}", "{unit}/day", DAYS, relative=0.2, words=("{channel} a day", "change of {channel}"))
def trend(values: Values, rate: float) -> Values:
    """Least-squares slope over the days."""
    return np.where((~np.isnan(values[:, 0])).sum(axis=1) >= _FEWEST, slope(values[:, 0], 1.0), np.nan)


@quantity("highest {channel}", "{unit}", DAYS, relative=0.05, words=("most {channel}", "best {channel}"))
def highest_day(values: Values, rate: float) -> Values:
    """Highest value of a day."""
    return highest(values[:, 0])


@quantity("lowest {channel}", "{unit}", DAYS, relative=0.05, words=("least {channel}", "worst {channel}"))
def lowest_day(values: Values, rate: float) -> Values:
    """Lowest value of a day."""
    return -highest(-values[:, 0])


@quantity("days since the highest {channel}", "day", DAYS)
def days_since_highest(values: Values, rate: float) -> Values:
    """Days from the (latest) highest value to the last row."""
    return _since(values[:, 0], highest(values[:, 0]))


@quantity("days since the lowest {channel}", "day", DAYS)
def days_since_lowest(values: Values, rate: float) -> Values:
    """Days from the (latest) lowest value to the last row."""
    return _since(values[:, 0], -highest(-values[:, 0]))


@quantity("days without {channel}", "day", DAYS, words=("missing {channel}",))
def missing_days(values: Values, rate: float) -> Values:
    """Rows in which the value is missing."""
    return np.asarray(np.isnan(values[:, 0]).sum(axis=1), dtype=np.float64)


def _since(rows: Values, extreme: Values) -> Values:
    is_extreme = rows == extreme[:, None]
    return np.where(is_extreme.any(axis=1), is_extreme[:, ::-1].argmax(axis=1), np.nan)
