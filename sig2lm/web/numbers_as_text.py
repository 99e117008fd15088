"""What a tokenizer makes of the numbers in a window: the tokenizer report, in a frame of its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from markupsafe import Markup

from sig2lm.errors import TokenizerError
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pages.tokenizer_report import to_html
from sig2lm.tokenization import load_tokenizer, pocket_tokenizer, series_from_signal, tokenizer_report
from sig2lm.tokenization.loading import as_tokenizer
from sig2lm.tokenization.tokenizer import TextTokenizer
from sig2lm.web.recordings import Slot

_ROWS = 2000  # of a window, at most


def tokenizers_of(model: SignalLM, names: list[str]) -> dict[str, TextTokenizer]:
    """Load the tokenizers that the page offers: that of the run's LM, those named, and the pocket LM's.

    Raises
    ------
    TokenizerError
        If one that is named cannot be loaded.
    """
    found: dict[str, TextTokenizer] = {}
    with suppress(TokenizerError):  # a slow one; the others can still be shown
        found[f"{model.lm.name}, which answers"] = as_tokenizer(model.lm.dialogue.tokenizer)
    found |= {name: load_tokenizer(name) for name in names}
    if model.lm.name != "pocket":
        found["pocket"] = pocket_tokenizer()
    return found


def framed_report(slot: Slot, tokenizer: TextTokenizer) -> str:
    """Write the report on the window of a recording as a frame that runs nothing.

    Raises
    ------
    SignalError
        If there is no recording.
    """
    first = slot.first
    cut = first.cut(slot.window)
    rows = replace(cut, values=cut.values[:, :_ROWS])
    report = to_html(tokenizer_report(tokenizer, series_from_signal(rows, first.title)))
    return Markup('<iframe class="report" title="Tokenizer report" sandbox="" srcdoc="{}"></iframe>').format(report)
