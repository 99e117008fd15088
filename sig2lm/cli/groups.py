"""Options that several commands share: a group is said once, and a command takes it as one value."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from sig2lm.cli.options import ChoicesOption, FactOption, facts, named, split_choices

if TYPE_CHECKING:
    from sig2lm.lm import FrozenLM
    from sig2lm.model.signal_lm import SignalLM

MODEL = "Model"
WRITING = "Free text"


def takes_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Let parameters of a command whose type is a dataclass of options stand for the options of its fields.

    Examples
    --------
    >>> @takes_groups
    ... def show(run: str, *, placement: Placement) -> None:
    ...     print(run, placement.device)
    >>> show(run="pocket-har", device="cpu", dtype="auto", quantization="none")
    pocket-har cpu
    """
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: one.annotation for name, one in signature.parameters.items() if is_dataclass(one.annotation)
    }
    shown = [
        part.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        for part in (_options(groups[name]) if name in groups else (parameter,))
    ]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        built = {
            name: group(**{one.name: values.pop(one.name) for one in fields(group)}) for name, group in groups.items()
        }
        command(**values, **built)

    run.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return run


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=_default(one), annotation=hints[one.name])
        for one in fields(group)
    ]


def _default(field: "Field[Any]") -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default


@dataclass(frozen=True)
class Placement:
    """Where an LM is computed, and in which type."""

    device: Annotated[
        str,
        typer.Option(
            "--device",
            help="cpu, cuda, cuda:1, mps, ...; auto is the accelerator where there is one.",
            rich_help_panel=MODEL,
        ),
    ] = "auto"
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option("--dtype", help="The LM's; auto is as published, where that is quick.", rich_help_panel=MODEL),
    ] = "auto"
    quantization: Annotated[
        Literal["none", "4bit", "8bit"],
        typer.Option("--quantization", help="Of the LM's linear layers (bitsandbytes).", rich_help_panel=MODEL),
    ] = "none"

    def load(self, lm: str) -> "FrozenLM":
        """Load an LM to be trained for."""
        from sig2lm.lm import FrozenLM

        return FrozenLM.from_pretrained(lm, **self.stated)

    @property
    def stated(self) -> dict[str, Any]:
        """What ``from_pretrained`` takes."""
        return {"device": self.device, "dtype": self.dtype, "quantization": self.quantization}


@dataclass(frozen=True)
class RunPlaces(Placement):
    """Where the parts of a run are now, and where they are computed."""

    lm: Annotated[
        str | None,
        typer.Option(
            "--lm", help="Where the run's LM is now; by default where it was in training.", rich_help_panel=MODEL
        ),
    ] = None
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            "--encoder",
            metavar="[NAME=]FOLDER",
            help="Where the run's encoder is now; repeatable.",
            rich_help_panel=MODEL,
        ),
    ] = None

    def load_run(self, run: str) -> "SignalLM":
        """Load a run."""
        from sig2lm.model.checkpoint import run_signals
        from sig2lm.model.signal_lm import SignalLM

        places = named(self.encoder, run_signals(run), "--encoder") if self.encoder else {}
        return SignalLM.from_pretrained(run, lm=self.lm, encoders=places, **self.stated)


@dataclass(frozen=True)
class Asked:
    """A question about a recording, and what else is known."""

    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="By default the template's first.", show_default=False)
    ] = None
    choices: ChoicesOption = None
    fact: FactOption = None

    @property
    def labels(self) -> list[str] | None:
        """The choices, apart."""
        return split_choices(self.choices)

    @property
    def facts(self) -> dict[str, str]:
        """What is known, by name."""
        return facts(self.fact)


@dataclass(frozen=True)
class Writing:
    """How free text is written."""

    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="How long an answer may be; 64 by default.", rich_help_panel=WRITING)
    ] = None
    temperature: Annotated[
        float | None,
        typer.Option(min=0.01, help="Draw words, boldly above 1; the likeliest by default.", rich_help_panel=WRITING),
    ] = None
    top_p: Annotated[
        float | None,
        typer.Option(min=0.01, max=1.0, help="Draw words among the likeliest of this share.", rich_help_panel=WRITING),
    ] = None
    seed: Annotated[int, typer.Option(help="Of everything that is drawn at random.")] = 0

    @property
    def stated(self) -> dict[str, Any]:
        """The options that were given; words are drawn where temperature or top_p says how."""
        given = {"max_new_tokens": self.max_new_tokens, "temperature": self.temperature, "top_p": self.top_p}
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return options | ({"do_sample": True} if self.temperature or self.top_p else {})
