"""What the measures mean, in plain language, the most harmful first, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sig2lm.formatting import duration
from sig2lm.tokenization.roundtrip import visible

# From worst to best: text that no model can read, numbers that look other than they are, price, and good news.
HARMS = ("loss", "distortion", "cost", "good")
Measures = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing to know about a tokenizer.

    Attributes
    ----------
    harm
        One of `HARMS`.
    weight
        From 0 to 1, the order within a harm.
    title, text
        What is so, and what it does to numbers.
    evidence
        What was seen, from the measures.
    """

    harm: str
    weight: float
    title: str
    text: str
    evidence: tuple[str, ...]


def find(measures: Measures, serializers: Measures) -> tuple[Finding, ...]:
    """Turn the measures of one tokenizer (as in the report's JSON) into findings, ordered by harm."""
    rules = (_lost, _rows_run_together, _case, _series_changed, _neighbours, _context, _identities, _grouping)
    more = (_stability, _sign, _point, _distance, _context_full, _digits_are_tokens, _saving)
    found = [finding for rule in rules + more for finding in rule(measures, serializers)]
    if not any(finding.harm in HARMS[:2] for finding in found):
        found.append(Finding("good", 1.0, "Numbers come through whole", "No measure found loss or distortion.", ()))
    return tuple(sorted(found, key=lambda finding: (HARMS.index(finding.harm), -finding.weight)))


def _lost(measures: Measures, _: Measures) -> Iterator[Finding]:
    lost = [entry for entry in measures["lost_characters"] if entry["becomes"] != "a space"]
    if not lost:
        return
    signs = " ".join(visible(entry["character"]) for entry in lost)
    yield Finding(
        "loss",
        min(1.0, 0.5 + len(lost) / 40),
        f"{len(lost)} signs cannot be read",
        "Texts that differ only in these signs become the same ids, so no model behind this tokenizer can tell them "
        "apart. Write around them: units in words, a = b as a: b, no brackets that are listed here.",
        (signs, *(f"{visible(e['character'])} ({e['name'].lower()}) becomes {e['becomes']}" for e in lost[:3])),
    )


def _rows_run_together(measures: Measures, serializers: Measures) -> Iterator[Finding]:
    if not any(e["character"] == "\n" and e["becomes"] == "a space" for e in measures["lost_characters"]):
        return
    row = next((ranking["row_separator"] for ranking in serializers.values()), ";")
    yield Finding(
        "loss",
        0.9,
        "Line breaks vanish: rows run together",
        "A line break becomes the same ids as a space, and so do tabs and runs of spaces. A table loses its rows; "
        f"put {visible(row)} between rows instead, as the serializers below do.",
        ("1⏎2 and 1␣2 have the same ids",),
    )


def _case(measures: Measures, _: Measures) -> Iterator[Finding]:
    if measures["case_lost"]:
        yield Finding(
            "loss",
            0.8,
            "Capital and small letters are one",
            "Units that differ in case become the same: millivolt (mV) and megavolt (MV). Write units out in words.",
            ("mV, MV and mv have the same ids",),
        )


def _series_changed(measures: Measures, _: Measures) -> Iterator[Finding]:
    for name, series in measures["series"].items():
        trip = series["round_trip"]
        if trip["exact"]:
            continue
        changes = [
            f"{change['count']} x {change['kind']}: {visible(change['before']) or 'nothing'} → "
            f"{visible(change['after']) or 'nothing'}"
            for change in trip["changes"][:4]
        ]
        yield Finding(
            "distortion",
            0.95,
            f"{name} does not come back as it was",
            "Decoding the ids of these rows gives another text. Token counts and ratios of this series are those of "
            "the changed text, and what the model writes back will not parse as it stands.",
            tuple(changes),
        )


def _neighbours(measures: Measures, _: Measures) -> Iterator[Finding]:
    places = measures["neighbour_consistency"]
    place, worst = min(places.items(), key=lambda item: item[1]["share"])
    if worst["share"] >= 0.995:
        return
    yield Finding(
        "distortion",
        1 - worst["share"],
        "Next-door numbers are cut differently",
        f"{worst['share']:.0%} of the pairs n, n + 1 below 10,000 are cut into pieces of the same lengths {place}; in "
        "the others a step of one changes the shape of the whole number, so a smooth signal looks as if it jumped.",
        (f"480, 481, 482 are cut {', '.join(worst['headline'])}",),
    )


def _context(measures: Measures, _: Measures) -> Iterator[Finding]:
    found = measures["context_dependence"]
    if found["share_cut"] <= 0.005:
        return
    cuts = "; ".join(f"{cut} after {place}" for place, cut in found["example_cuts"].items())
    yield Finding(
        "distortion",
        found["share_cut"],
        "A number is cut differently from place to place",
        f"{found['share_cut']:.0%} of 2,000 numbers are cut at other places after a space, comma, line break, bracket, "
        "minus or at the start. Keep one separator throughout a prompt.",
        (cuts.replace("after start of text", "at the start of a text"),),
    )


def _identities(measures: Measures, _: Measures) -> Iterator[Finding]:
    found, pattern = measures["context_dependence"], measures["pattern_consistency"]
    if found["share_ids"] > 0.05:
        yield Finding(
            "distortion",
            0.3 * found["share_ids"],
            "One number, several identities",
            f"{found['share_ids']:.0%} of 2,000 numbers become other ids in another place: a number has "
            f"{found['mean_encodings']:.1f} encodings on average. That they are one is left for the model to learn.",
            (f"{found['mean_encodings']:.2f} encodings per number over six contexts",),
        )
    if pattern["share"] < 0.995:
        yield Finding(
            "distortion",
            0.5 * (1 - pattern["share"]),
            "Equal values of a periodic signal are not equal tokens",
            f"In a sine repeated over a table of three columns, {1 - pattern['share']:.0%} of the values have other "
            "ids than the same value elsewhere, so the period is harder to see.",
            (f"{pattern['example']} is {' or '.join(visible(cut) for cut in pattern['example_cuts'])}",),
        )


def _grouping(measures: Measures, _: Measures) -> Iterator[Finding]:
    found = measures["grouping"]
    texts = {
        "left to right": "Digits are grouped from the left, so the same digit stands in another group as soon as a "
        "number grows by one digit. Keep a fixed number of digits, or group from the right with spaces.",
        "mixed": "Long integers follow no rule: where they are cut depends on which digits were frequent in the text "
        "the tokenizer was made of. Keep numbers short.",
    }
    if found["direction"] in texts:
        examples = ", ".join(found["examples"][:4])
        weight = 0.25 if found["direction"] == "left to right" else 0.45
        title = f"Digits are grouped {found['direction']}" if weight < 0.3 else "Long integers are cut without a rule"
        yield Finding("distortion", weight, title, texts[found["direction"]], (examples,))


def _stability(measures: Measures, _: Measures) -> Iterator[Finding]:
    decimals = [row for row in measures["chunk_stability"] if row["kind"] == "decimal"]
    worst = min(decimals, key=lambda row: row["share"])
    if worst["share"] < 0.95:
        yield Finding(
            "distortion",
            0.5 * (1 - worst["share"]),
            "More decimals, less order",
            f"Numbers with {worst['digits']} decimals are cut in {worst['ways']} ways; the commonest "
            f"({worst['common']}) covers {worst['share']:.0%}. Digits of noise cost tokens and hide the value: round.",
            tuple(f"{row['digits']} decimals: {row['ways']} ways, {row['share']:.0%} alike" for row in decimals[2::2]),
        )


def _sign(measures: Measures, _: Measures) -> Iterator[Finding]:
    share = measures["alignment"]["sign_with_separator"]
    if share and share > 0.05:
        yield Finding(
            "distortion",
            0.2 * share,
            "The minus sign hides in the separator",
            f"In {share:.0%} of the negative numbers after a comma, the sign is part of the comma's token. A change of "
            "sign changes a separator, not the number. An offset that makes all values positive avoids it.",
            (",-0.59 begins with the token ,-",),
        )
    glued = measures["alignment"]["sign_with_digits"]
    if glued and glued > 0.05:
        yield Finding(
            "distortion",
            0.4 * glued,
            "The minus sign is glued to digits",
            f"In {glued:.0%} of the negative numbers the sign shares a token with digits, so that -0.59 and 0.59 begin "
            "with unrelated tokens.",
            (f"{glued:.0%} glued, {measures['alignment']['sign_alone'] or 0:.0%} alone",),
        )


def _point(measures: Measures, _: Measures) -> Iterator[Finding]:
    alone = measures["alignment"]["point_alone"]
    if alone is not None and alone < 0.95:
        yield Finding(
            "distortion",
            0.6 * (1 - alone),
            "The decimal point is glued to digits",
            f"In {1 - alone:.0%} of decimals the point shares a token with digits, so units and tenths do not line up "
            "from one value to the next. Scaled integers have no point.",
            (f"the point is a token of its own in {alone:.0%} of 1,000 decimals",),
        )


def _distance(measures: Measures, _: Measures) -> Iterator[Finding]:
    found = measures["distance_distortion"]
    if found["correlation"] < found["digits"] - 0.02:
        yield Finding(
            "distortion",
            0.15,
            "Close numbers are not close as tokens",
            f"The rank correlation between |a - b| and the edit distance of the tokens is {found['correlation']:.2f}, "
            f"where one token per digit would give {found['digits']:.2f}. (Even that is low: text is a poor ruler.)",
            (f"Spearman {found['correlation']:.2f} over 2,000 pairs below 1,000",),
        )


def _context_full(measures: Measures, _: Measures) -> Iterator[Finding]:
    for name, series in measures["series"].items():
        cost = series["cost"]
        full, big = cost["contexts"]["8k"], cost["contexts"]["128k"]
        fits = f"{full['rows']:,} rows"
        if full["seconds"] is not None:
            fits += f" ({duration(full['seconds'])})"
        if cost["tokens_per_value"] < 2 and full["share"] < 1:
            continue
        yield Finding(
            "cost",
            min(1.0, cost["tokens_per_value"] / 10 + min(full["share"], 5) / 10),
            f"{name}: {cost['tokens_per_value']:.1f} tokens for each value",
            f"A context of 8k tokens holds {fits}. These {cost['tokens']:,} tokens are {filled(full['share'])} that, "
            f"and {filled(big['share'])} one of 128k.",
            (f"{cost['characters']:,} characters in {cost['tokens']:,} tokens",),
        )


def _digits_are_tokens(measures: Measures, _: Measures) -> Iterator[Finding]:
    if measures["grouping"]["direction"] == "digit by digit":
        yield Finding(
            "good",
            0.5,
            "Every digit is a token",
            "Numbers are cut alike everywhere, and place values line up. The price is one token for each digit: "
            "rounding pays at once.",
            (f"1234567 is {measures['spellings']['thousands'][0]['cut']}",),
        )


def _saving(_: Measures, serializers: Measures) -> Iterator[Finding]:
    for name, ranking in serializers.items():
        by_name = {score["name"]: score for score in ranking["scores"]}
        chosen = by_name.get(ranking["recommended"])
        now = by_name.get("as written") or by_name.get("plain")
        if chosen and now and now["tokens"] > 1.15 * chosen["tokens"]:
            yield Finding(
                "cost",
                0.3 + 0.5 * (1 - chosen["tokens"] / now["tokens"]),
                f"{name}: {chosen['name']} saves {1 - chosen['tokens'] / now['tokens']:.0%} of the tokens",
                f"{ranking['reason']}",
                (f"{now['tokens']:,} tokens now, {chosen['tokens']:,} with {chosen['name']}",),
            )


def filled(share: float) -> str:
    """Write how much of a context is filled: ``85% of``, or ``96 times``."""
    return f"{share:.2g} times" if share >= 1.05 else f"{100 * share:.2g}% of"
