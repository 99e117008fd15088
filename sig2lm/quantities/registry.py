"""The quantities by name; each module of this room adds its own."""

from collections.abc import Callable

from sig2lm.quantities.quantity import Compute, Need, Quantity

QUANTITIES: dict[str, Quantity] = {}


def quantity(
    name: str, unit: str, need: Need, *, tolerance: float = 0.0, relative: float = 0.0, words: tuple[str, ...] = ()
) -> Callable[[Compute], Compute]:
    """Register the decorated function as a quantity; the first line of its docstring says how it is computed."""

    def register(compute: Compute) -> Compute:
        assert name not in QUANTITIES
        method = (compute.__doc__ or "").split("\n")[0].rstrip(".")
        QUANTITIES[name] = Quantity(name, unit, need, method, compute, tolerance, relative, words)
        return compute

    return register
