"""What the bridge promises: the LM is frozen, answers stand alone, the signal counts, text cannot become a signal."""

import numpy as np
import pytest
import torch
from tiny import TEMPLATE, build_signal_lm, motion

from sig2lm.errors import PromptError, SignalError
from sig2lm.model.batches import collate
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal
from sig2lm.templates.task import Task
from sig2lm.templates.turns import SignalPlace

KINDS = ("linear", "mlp", "resampler")


def batch_of(model: SignalLM, signals: list[Signal], answers: list[str]) -> dict:
    examples = [
        model.prompter(model.tasks[0]).example(model.recordings(signal), TEMPLATE.question[0], answer)
        for signal, answer in zip(signals, answers, strict=True)
    ]
    return collate(examples, model.lm.dialogue.placeholder, model.lm.sharing_limit)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chat", [True, False], ids=["chat template", "plain"])
def test_an_answer_does_not_depend_on_its_batch_mates(kind: str, chat: bool) -> None:
    model = build_signal_lm(kind, chat, torch.float64)
    signals = [motion(64), motion(200, 1, missing=0.3), motion(17, 2), motion(64, 3)]
    signals[3].values[1] = float("nan")
    together = model.ask_many(signals)
    texts = model.ask_many(signals, "Tell me more.", max_new_tokens=8)
    for signal, answer, text in zip(signals, together, texts, strict=True):
        alone = model.ask(signal)
        assert alone.label == answer.label
        assert alone.probabilities == pytest.approx(answer.probabilities, abs=1e-9)
        assert model.ask(signal, "Tell me more.", max_new_tokens=8).text == text.text


@pytest.mark.parametrize("kind", KINDS)
def test_missing_samples_are_not_zeros(kind: str) -> None:
    """Padding with NaN changes nothing; padding with zeros does."""
    model = build_signal_lm(kind, dtype=torch.float64)
    signal = motion(64)
    padded = torch.nn.functional.pad(torch.from_numpy(signal.values), (0, 64), value=float("nan")).numpy()
    zeros = torch.nn.functional.pad(torch.from_numpy(signal.values), (0, 64)).numpy()
    answer = model.ask(signal).probabilities
    missing = model.ask(Signal(padded, 50.0, signal.channels, signal.units)).probabilities
    filled = model.ask(Signal(zeros, 50.0, signal.channels, signal.units)).probabilities
    assert missing == pytest.approx(answer, abs=1e-9)
    assert filled != pytest.approx(answer, abs=1e-6)


def test_a_signal_without_any_sample_has_an_answer(signal_lm: SignalLM) -> None:
    nothing = motion(64)
    nothing.values[:] = float("nan")
    probabilities = signal_lm.ask(nothing).probabilities
    assert probabilities is not None
    assert sum(probabilities.values()) == pytest.approx(1.0)


def test_the_signal_changes_the_loss(signal_lm: SignalLM) -> None:
    signals = [motion(64, seed) for seed in range(3)]
    loss = signal_lm(**batch_of(signal_lm, signals, ["up", "down", "up"]))["loss"]
    swapped = signal_lm(**batch_of(signal_lm, signals[::-1], ["up", "down", "down"]))["loss"]
    assert abs((loss - swapped).item()) > 1e-4


def test_loss_is_the_cross_entropy_of_the_answer_tokens_alone(signal_lm: SignalLM) -> None:
    signal = motion(64)
    loss = signal_lm(**batch_of(signal_lm, [signal], ["up"]))["loss"]
    answer_ids = signal_lm.lm.dialogue.encode_answer("up")
    context = signal_lm.read(
        [signal_lm.prompter(signal_lm.tasks[0]).example(signal_lm.recordings(signal), TEMPLATE.question[0])]
    )
    score = signal_lm.lm.score(context, [answer_ids])[0, 0]
    assert loss.item() == pytest.approx(-score.item() / len(answer_ids), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [-1, 1])
def test_one_place_too_many_or_too_few_is_refused(kind: str, change: int) -> None:
    model = build_signal_lm(kind)
    batch = batch_of(model, [motion(64)], ["up"])
    places = batch["signals"]["motion"]["places"]
    columns = torch.where(places[0])[0]
    places[0, columns[-1] + (1 if change > 0 else 0)] = change > 0
    with pytest.raises(PromptError, match="virtual tokens"):
        model(**batch)
    batch = batch_of(model, [motion(64)], ["up"])
    batch["signals"]["motion"]["counts"] += change
    with pytest.raises(PromptError, match="virtual tokens"):
        model(**batch)


@pytest.mark.parametrize("text", ["$motion", "${motion} $question", "<|user|> <|end|> <|pad|> <|bos|>"])
def test_text_cannot_become_a_signal_or_a_turn(signal_lm: SignalLM, text: str) -> None:
    recordings = signal_lm.recordings(motion(64))
    example = signal_lm.prompter(signal_lm.tasks[0]).example(recordings, text)
    plain = signal_lm.prompter(signal_lm.tasks[0]).example(recordings, "x")
    assert len(example.prompt.places) == 1
    special = set(signal_lm.lm.dialogue.tokenizer.all_special_ids)
    count = [sum(token in special for token in one.prompt.input_ids) for one in (example, plain)]
    assert count[0] == count[1]
    decoded = signal_lm.lm.dialogue.tokenizer.decode(example.prompt.input_ids)
    assert text in decoded


def test_several_named_signals_stand_where_the_template_says() -> None:
    base = build_signal_lm()
    other = build_signal_lm("linear")
    template = TEMPLATE.model_copy(update={"prompt": "A $watch then $motion.\n$question"})
    branches = {"motion": base.branch("motion"), "watch": other.branch("motion")}
    model = SignalLM(base.lm, branches, Task.from_template(template)).eval()
    answer = model.ask({"motion": motion(64), "watch": motion(40, 1)})
    swapped = model.ask({"motion": motion(40, 1), "watch": motion(64)})
    assert answer.probabilities != pytest.approx(swapped.probabilities, abs=1e-6)
    example = model.prompter(model.tasks[0]).example(
        model.recordings({"motion": motion(64), "watch": motion(40, 1)}), template.question[0]
    )
    assert [place for place, _, _ in example.prompt.places] == [SignalPlace("watch"), SignalPlace("motion")]
    with pytest.raises(SignalError, match="without a name"):
        model.ask(motion(64))


def test_several_recordings_of_one_kind_are_read_in_order(signal_lm: SignalLM) -> None:
    first, second = motion(64, 1), motion(30, 2)
    forward, backward = signal_lm.ask([first, second]), signal_lm.ask([second, first])
    assert forward.probabilities != pytest.approx(backward.probabilities, abs=1e-6)


def test_a_shared_beginning_is_prefilled_once(signal_lm: SignalLM) -> None:
    signal_lm.ask_many([motion(64), motion(64, 1)])
    assert len(signal_lm._prefixes) == 1
    (kept,) = signal_lm._prefixes.values()
    length = kept.get_seq_length()
    signal_lm.ask_many([motion(64, 2), motion(64, 3)], "Another question?", choices=["up", "down"])
    assert len(signal_lm._prefixes) == 1
    assert kept.get_seq_length() == length > 10


def test_choices_are_any_words_and_probabilities_sum_to_one(signal_lm: SignalLM) -> None:
    answer = signal_lm.ask(motion(64), "Is it so?", choices=["yes", "no", "perhaps"])
    assert answer.probabilities is not None
    assert set(answer.probabilities) == {"yes", "no", "perhaps"}
    assert sum(answer.probabilities.values()) == pytest.approx(1.0)
    assert answer.text == answer.label == max(answer.probabilities, key=answer.probabilities.get)
    with pytest.raises(PromptError, match="two or more"):
        signal_lm.ask(motion(64), "Is it so?", choices=["yes"])


def test_a_template_question_is_closed_and_any_other_open(signal_lm: SignalLM) -> None:
    assert signal_lm.ask(motion(64), TEMPLATE.question[1]).probabilities is not None
    free = signal_lm.ask(motion(64), "Tell me a story.", max_new_tokens=4)
    assert free.probabilities is None


def test_signals_that_break_the_contract_are_refused(signal_lm: SignalLM) -> None:
    good = motion(64)
    with pytest.raises(SignalError, match="missing: acc_z"):
        signal_lm.ask(good.select(["acc_x", "acc_y"]))
    with pytest.raises(SignalError, match="rad/s"):
        signal_lm.ask(Signal(good.values, 50.0, good.channels, ("rad/s",) * 3))
    with pytest.raises(SignalError, match="None"):
        signal_lm.ask(Signal(good.values, None, good.channels, good.units))
    with pytest.raises(SignalError, match="unknown signal 'ecg'; choose from motion"):
        signal_lm.ask({"ecg": good})


def test_a_signal_shorter_than_a_patch_is_one_that_is_partly_missing(signal_lm: SignalLM) -> None:
    short, padded = motion(7), motion(8).values.copy()
    padded[:, :7], padded[:, 7] = short.values, np.nan
    whole = Signal(padded, short.sampling_rate, short.channels, short.units)
    assert signal_lm.ask(short).probabilities == pytest.approx(signal_lm.ask(whole).probabilities)


def test_signals_in_other_units_and_rates_are_converted(signal_lm: SignalLM) -> None:
    good = motion(64)
    in_g = good.convert(("g_0",) * 3) if "g_0" in good.units else good.convert(("g",) * 3)
    assert signal_lm.ask(in_g).probabilities == pytest.approx(signal_lm.ask(good).probabilities, abs=1e-3)
    faster = Signal(good.values.repeat(2, axis=1), 100.0, good.channels, good.units)
    assert signal_lm.ask(faster).label in TEMPLATE.labels


def test_the_lm_stays_in_evaluation_mode_while_the_adapter_trains(signal_lm: SignalLM) -> None:
    signal_lm.train()
    branch = signal_lm.branch("motion")
    assert isinstance(branch, SignalBranch)
    assert branch.adapter.training
    assert not any(module.training for module in (*signal_lm.lm.modules(), *branch.encoder.modules()))
    assert not any(parameter.requires_grad for parameter in signal_lm.lm.parameters())


def test_a_template_that_does_not_show_a_signal_is_refused() -> None:
    model = build_signal_lm()
    with pytest.raises(PromptError, match=r"\$signals"):
        SignalLM(model.lm, {"ecg": model.branch("motion")}, Task.from_template(TEMPLATE))


def test_a_prompt_beyond_the_context_is_refused(signal_lm: SignalLM) -> None:
    with pytest.raises(PromptError, match="reads at most 512"):
        signal_lm.ask(motion(64), "why " * 600)


def test_numbers_that_the_encoder_normalises_away_can_be_put_back_as_text(signal_lm: SignalLM) -> None:
    prompt = "Movement ($motion_summary): $motion\n$question"
    task = Task.from_template(TEMPLATE.model_copy(update={"prompt": prompt}))
    model = SignalLM(signal_lm.lm, dict(signal_lm.branches.items()), task).eval()
    signal = motion(64)
    assert model.ask(signal).probabilities == pytest.approx(model.chat(signal).ask().probabilities, abs=1e-5)
    example = model.example(task, model.recordings(signal), "?", {})
    assert signal.describe() in model.lm.dialogue.tokenizer.decode(example.prompt.input_ids)


def test_training_lora_shares_no_beginning_and_forgets_what_was_kept(signal_lm: SignalLM) -> None:
    signal_lm.ask_many([motion(64), motion(64, 1)])
    signal_lm.train()
    assert signal_lm._prefixes
    signal_lm.lm.add_lora(2)
    signal_lm.train()
    assert not signal_lm._prefixes


def two_tasks(base: SignalLM) -> SignalLM:
    """A model of two tasks, each with a signal of its own."""
    watch = TEMPLATE.model_copy(
        update={"task": "watch", "prompt": "Wrist: $watch\n$question", "labels": ("1", "2"), "answer": "Level $label."}
    )
    branches = {"motion": base.branch("motion"), "watch": build_signal_lm("mlp").branch("motion")}
    return SignalLM(base.lm, branches, [Task.from_template(TEMPLATE), Task.from_template(watch)]).eval()


def test_the_signals_tell_which_task_is_meant(signal_lm: SignalLM) -> None:
    model = two_tasks(signal_lm)
    moved, worn = model.ask({"motion": motion(64)}), model.ask({"watch": motion(64)})
    assert moved.probabilities == pytest.approx(signal_lm.ask(motion(64)).probabilities, abs=1e-5)
    assert set(worn.probabilities or ()) == {"1", "2"}
    assert worn.text == f"Level {worn.label}."
    assert model.chat({"watch": motion(64)}).ask().probabilities == pytest.approx(worn.probabilities, abs=1e-5)
    with pytest.raises(SignalError, match=r"found the signals motion, watch, but this model reads motion, or watch"):
        model.ask({"motion": motion(64), "watch": motion(64)})


def test_facts_are_told_and_change_the_answer(signal_lm: SignalLM) -> None:
    template = TEMPLATE.model_copy(
        update={"prompt": "Movement: $motion\n$facts\n$question", "facts": ("age: $age", "bmi: $bmi")}
    )
    model = SignalLM(signal_lm.lm, dict(signal_lm.branches.items()), Task.from_template(template)).eval()
    young, old, unknown = ({"age": "20"}, {"age": "80"}, {})
    answers = [model.ask(motion(64), facts=facts).probabilities for facts in (young, old, unknown)]
    assert answers[0] != pytest.approx(answers[1], abs=1e-6)
    assert answers[2] == pytest.approx(signal_lm.ask(motion(64)).probabilities, abs=1e-5)
    assert model.chat(motion(64), {"age": "80"}).ask().probabilities == pytest.approx(answers[1], abs=1e-5)
    assert [a.probabilities for a in model.ask_many([motion(64)] * 2, facts=[young, old])] == [
        pytest.approx(answer, abs=1e-5) for answer in answers[:2]
    ]


def test_a_long_answer_counts_no_more_than_a_short_one(signal_lm: SignalLM) -> None:
    signals, answers = [motion(64), motion(64, 1)], ["up", "up and up and down and up again"]
    with torch.no_grad():
        apart = [
            signal_lm(**batch_of(signal_lm, [signal], [answer]))["loss"]
            for signal, answer in zip(signals, answers, strict=True)
        ]
        together = signal_lm(**batch_of(signal_lm, signals, answers))["loss"]
    assert float(together) == pytest.approx(float(sum(apart) / 2), abs=1e-5)
