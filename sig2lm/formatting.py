"""Numbers as pages and descriptions write them; a dash stands for what is not known."""

from __future__ import annotations

from markupsafe import Markup

DASH = "–"
CONTROL_NAMES = {  # of sig2lm.evaluation.controls, behind "with"
    "shuffled": "signals of other rows",
    "zeroed": "signals of zeros",
    "text_only": "no signal at all",
    "measured_only": "measured quantities in words alone",
}
_SYMBOLS = {"degC": "°C", "dimensionless": "", "uS": "µS", "uV": "µV"}


def unit_symbol(unit: str) -> str:
    """Write a unit as in print; nothing for none.

    >>> unit_symbol("m/s^2"), unit_symbol("degC"), unit_symbol("dimensionless")
    ('m/s²', '°C', '')
    """
    return _SYMBOLS.get(unit, unit).replace("^2", "²").replace("^3", "³")


def percent(share: float | None) -> str:
    """Write a share as a percentage; a dash for None, and never 100 % for less than all."""
    if share is None:
        return DASH
    text = f"{100 * share:.0f}"
    if (text == "100" and share < 1) or (text == "0" and share > 0):
        text = f"{100 * share:.1f}" if 0.0005 < share < 0.9995 else ("&gt;99.9" if share > 0.5 else "&lt;0.1")
    return Markup(f"{text}%")


def number(value: float | None, digits: int = 2) -> str:
    """Write a number; a dash for None, and ``<0.1`` for what the decimals would show as zero."""
    if value is None:
        return DASH
    return f"<{10**-digits:g}" if 0 < value < 0.5 * 10**-digits else f"{value:,.{digits}f}"


def duration(seconds: float | None) -> str:
    """Write a duration for people; a dash for None.

    >>> duration(0.0213), duration(3.2), duration(720), duration(86_400), duration(86_400 * 28.2)
    ('21.3 ms', '3.2 s', '12 min', '1 day', '28.2 days')
    """
    if seconds is None:
        return DASH
    if seconds == 86_400:
        return "1 day"
    if 0 < seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h"), (86_400 * 730, 86_400, "days")):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86_400 / 365.25:,.0f} years"
