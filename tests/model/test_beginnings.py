"""Beginnings that are kept change nothing but the time that reading takes."""

import torch
from tiny import TEMPLATE, build_signal_lm, motion

from sig2lm.model.beginnings import read_beginning, read_from
from sig2lm.model.examples import Example


def test_rows_from_different_beginnings_are_read_as_rows_alone() -> None:
    model = build_signal_lm()
    task = model.tasks[0]

    def example(seed: int, question: str, like: Example | None = None) -> Example:
        recordings = like.recordings if like is not None else model.recordings(motion(30 + 20 * seed, seed, 0.2))
        return model.example(task, recordings, question, {})

    first = [example(seed, TEMPLATE.question[0]) for seed in range(3)]
    beginnings = [read_beginning(model, one) for one in first]
    questions = ["Which one?", "And now, what is it in a few words?", "Up?"]
    examples = [example(seed, text, like) for seed, text, like in zip(range(3), questions, first, strict=True)]
    kept = [beginnings[0], None, beginnings[2]]
    assert all(one is not None and one.begins(two) for one, two in zip(beginnings, examples, strict=True))
    assert beginnings[0] is not None
    assert not beginnings[0].begins(examples[1])
    assert not beginnings[0].begins(example(0, questions[0]))  # the same numbers, but another recording
    together = read_from(model, examples, kept)
    for row, one in enumerate(examples):
        alone = model.read([one])
        scores = model.score(together, ["up", "down"])[row]
        torch.testing.assert_close(scores, model.score(alone, ["up", "down"])[0], rtol=1e-5, atol=1e-5)
        assert model.lm.generate(together)[row] == model.lm.generate(alone)[0]
