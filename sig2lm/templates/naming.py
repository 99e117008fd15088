"""Which label a free text names: the longest that stands in it as a whole, and that it does not deny."""

import re
import unicodedata
from collections.abc import Mapping

# Scripts that are written without blanks between words: there a label stands wherever its characters do.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_NUMBER_BEFORE, _NUMBER_AFTER = r"(?<![\w.,+\-−–/])", r"(?!\w|[.,:/\-−–]\d|\s?%)"

# What denies the words behind it, up to the end of its clause.
_DENIALS = (
    "not|no|never|neither|nor|none|without|cannot|nothing|rather than|instead of|excludes?|rules? out|ruled out|"
    "nicht|kein|keine|keinen|keinem|keiner|weder|noch|ohne|niet|geen|pas|aucun|aucune|ni|sans|sin|nunca|non|não|nem|sem"
)
_IDIOMS = re.compile(r"\b(no doubt|not only|nothing but|without (?:a |any )?doubt)\b")
_DENIED_BEFORE = re.compile(rf"(?:\b(?:{_DENIALS})\b|n['’]t\b)[^.;:!?,\n]*$")
_CONTRAST = re.compile(r"\b(but|sondern|mais|sino|maar)\b")
_DENIED_AFTER = re.compile(
    r"^\s*(?:is|was|are|were|can|could|does|do|did|has|have|seems?|appears?|would|be|ist|war|est|es)\b"
    rf"(?:\s\w+)?(?:\s(?:{_DENIALS}|absent|unlikely|excluded)\b|n['’]t\b)"
)
_UNSPACED_BEFORE = re.compile(r"(?:不是|并非|並非|没有|沒有|不|无|無|非|ไม่ใช่|ไม่)(?:正?在|กำลัง)?$")
_UNSPACED_AFTER = re.compile(r"^(?:では|じゃ|が|は)(?:ない|なく|ありません|なかった)")


def normalised(text: str) -> str:
    """Return a text as it is compared: in one Unicode form (NFC), without case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def named_label(text: str, phrases: Mapping[str, str]) -> str | None:
    """Return the label whose phrase a text names; None where it names none, denies it, or names several.

    Parameters
    ----------
    text
        What was written.
    phrases
        For each label the words that name it. Where one holds another ("walking upstairs", "walking"), the longest
        that stands there counts. A number is named where it stands whole: 3 is not in 3.5, nor 1 in -1.

    Examples
    --------
    >>> named_label("She is not sitting but walking.", {"sitting": "sitting", "walking": "walking"})
    'walking'
    >>> named_label("This is not walking.", {"sitting": "sitting", "walking": "walking"}) is None
    True
    """
    text = _IDIOMS.sub(lambda match: " " * len(match[0]), normalised(text))
    found = [
        (match.start(), match.end(), label)
        for label, phrase in phrases.items()
        for match in _pattern(normalised(phrase)).finditer(text)
    ]
    outer = {
        label
        for start, end, label in found
        if not any(s <= start and end <= e and (e - s) > (end - start) for s, e, _ in found)
        and not _denied(text[:start], text[end:])
    }
    return outer.pop() if len(outer) == 1 else None


def _pattern(phrase: str) -> re.Pattern[str]:
    """A phrase as a whole: between blanks where its script has some, and no part of a longer number."""
    before, after = (_edge(phrase[:1], True), _edge(phrase[-1:], False)) if phrase else ("", "(?!)")
    return re.compile(before + re.escape(phrase) + after)


def _edge(character: str, first: bool) -> str:
    if character.isdigit() or (first and character in "+-−"):
        return _NUMBER_BEFORE if first else _NUMBER_AFTER
    if re.match(f"[{_UNSPACED}]", character):
        return ""
    return r"(?<!\w)" if first else r"(?!\w)"


def _denied(before: str, after: str) -> bool:
    """Whether what stands before or behind a phrase denies it."""
    clause = _CONTRAST.split(before)[-1]
    return bool(
        _DENIED_BEFORE.search(clause)
        or _DENIED_AFTER.search(after)
        or _UNSPACED_BEFORE.search(before)
        or _UNSPACED_AFTER.search(after)
    )
