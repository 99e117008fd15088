"""The five ways to put a signal to an LM, each measured on the same rows."""

import copy
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset, Subset
from transformers import set_seed

from sig2lm.bridge import SignalLM
from sig2lm.calibration import Calibration, calibrate
from sig2lm.data import Example, TableExamples
from sig2lm.datasets import Table
from sig2lm.evaluate import ask_rows, held_out_question, predict, seconds_per_answer
from sig2lm.ladder.entries import RUNGS, Entry, Price
from sig2lm.ladder.numbers import NumberWriter
from sig2lm.ladder.texts import TUNED, Shots, TextExamples, Wording, draw_shots
from sig2lm.ladder.tuned_prompt import TunedPrompt
from sig2lm.metrics import Predictions, label_numbers
from sig2lm.task import Question, Task
from sig2lm.trainer import TrainSettings, build_trainer

_TIMED = 32


@dataclass(frozen=True)
class LadderSettings:
    """How the ladder is climbed.

    Attributes
    ----------
    rungs
        Which of 1 to 5.
    questions
        Rows of the split that are asked, drawn at random; None for all.
    training_rows
        Rows that rungs 3 and 5 learn from, drawn at random; None for all.
    context
        Tokens that a prompt with numbers may take, where the LM itself sets no lower limit.
    tuned_tokens, tuned_epochs, tuned_learning_rate
        Of prompt tuning.
    lora_rank, lora_epochs, lora_learning_rate
        Of rung 5, which begins with the adapter of rung 4.
    batch_size, seed
        Of training; of all draws.
    baselines
        Whether those without an LM are measured, too.
    """

    rungs: tuple[int, ...] = (1, 2, 3, 4, 5)
    questions: int | None = None
    training_rows: int | None = None
    context: int = 2048
    tuned_tokens: int = 16
    tuned_epochs: float = 1.0
    tuned_learning_rate: float = 1e-2
    lora_rank: int = 8
    lora_epochs: float = 1.0
    lora_learning_rate: float = 5e-4
    batch_size: int = 16
    seed: int = 0
    baselines: bool = True


@dataclass(frozen=True)
class Ground:
    """What all rungs stand on: the model of rung 4, the rows, and the numbers as text."""

    model: SignalLM
    table: Table
    split: str
    settings: LadderSettings
    writer: NumberWriter

    @property
    def task(self) -> Task:
        """The task as the run asks it."""
        return self.model.task(self.table.info.signals)

    def wording(self, tuned_tokens: int = 0) -> Wording:
        """Numbers as text, for this LM."""
        template = self.task.template.as_text(list(self.table.info.signals))
        if tuned_tokens:
            template = template.model_copy(update={"prompt": f"${TUNED}\n{template.prompt}"})
        task = Task(template, self.task.labels)
        dialogue, limit = self.model.lm.dialogue, self.model.lm.max_length
        answer = max(len(dialogue.encode_answer(task.sentence(label))) for label in task.labels)
        room = min(self.settings.context, limit or self.settings.context) - answer
        return Wording(task, self.writer, dialogue, room, tuned_tokens)


def zero_shot(ground: Ground) -> Entry:
    """Rung 1."""
    return _texts(ground, 1, ground.wording(), Shots())


def few_shot(ground: Ground) -> Entry:
    """Rung 2: as many examples from the training subjects as fit."""
    wording = ground.wording()
    shots = draw_shots(ground.table, wording, ground.settings.seed)
    return _texts(ground, 2, wording, shots)


def tuned_prompt(ground: Ground) -> Entry:
    """Rung 3: a tuned prompt before the numbers, learned on the train split."""
    settings = ground.settings
    set_seed(settings.seed)
    wording = ground.wording(settings.tuned_tokens)
    tuned = TunedPrompt(ground.model.lm, settings.tuned_tokens)
    model = SignalLM(ground.model.lm, {TUNED: tuned}, wording.task)
    learned = TextExamples(ground.table, "train", wording, seed=settings.seed)
    rows = drawn_rows(len(learned), settings.training_rows, settings.seed)
    seconds = _train(
        model,
        Subset(learned, rows),
        TrainSettings(
            epochs=settings.tuned_epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.tuned_learning_rate,
            weight_decay=0.0,
            seed=settings.seed,
        ),
    )
    notes = [
        f"virtual tokens: {settings.tuned_tokens}, epochs: {settings.tuned_epochs:g}, training rows: {len(rows):,}"
    ]
    trained = sum(parameter.numel() for parameter in tuned.parameters())
    return _texts(
        replace(ground, model=model),
        3,
        wording,
        Shots(),
        replace(Price(), trained_parameters=trained, training_seconds=seconds),
        notes,
    )


def adapter(ground: Ground, training_seconds: float | None, notes: Sequence[str] = ()) -> Entry:
    """Rung 4: the run itself."""
    trained = sum(tensor.numel() for tensor in ground.model.trained_tensors().values())
    price = Price(trained_parameters=trained, training_seconds=training_seconds)
    return _signals(ground, 4, price, notes)


def adapter_with_lora(ground: Ground, training_seconds: float | None) -> Entry:
    """Rung 5: the run goes on learning, with LoRA layers in the LM; the run and its LM are left as they were."""
    settings, lm = ground.settings, ground.model.lm
    set_seed(settings.seed)
    modalities = {name: copy.deepcopy(ground.model.modality(name)) for name in ground.model.modalities}
    lm.add_lora(settings.lora_rank)
    try:
        model = SignalLM(lm, modalities, ground.model.tasks)
        encoders = {name: model.modality(name).encoder for name in ground.table.info.signals}
        raw = frozenset(name for name in encoders if model.modality(name).train_encoder)
        learned = TableExamples(
            ground.table, "train", model.prompter(model.task(encoders)), encoders, raw, seed=settings.seed
        )
        rows = drawn_rows(len(learned), settings.training_rows, settings.seed)
        seconds = _train(
            model,
            Subset(learned, rows),
            TrainSettings(
                epochs=settings.lora_epochs,
                batch_size=settings.batch_size,
                learning_rate=settings.lora_learning_rate,
                seed=settings.seed,
            ),
        )
        model.calibrations = _calibrated_again(ground, model, learned)
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        price = Price(
            trained_parameters=trained,
            training_seconds=seconds + training_seconds if training_seconds is not None else None,
        )
        note = (
            f"goes on from rung 4 with LoRA layers of rank {settings.lora_rank}, epochs: {settings.lora_epochs:g}, "
            f"training rows: {len(rows):,}"
        )
        return _signals(replace(ground, model=model), 5, price, [note])
    finally:
        lm.remove_lora()


def _calibrated_again(ground: Ground, model: SignalLM, learned: TableExamples) -> dict[int, Calibration]:
    """Calibrate a model as rung 4 is, if it is."""
    number = model.tasks.index(learned.task)
    if number not in ground.model.calibrations:
        return {}
    measured = replace(learned, split="validation") if "validation" in ground.table.data else None
    found = calibrate(model, learned, measured, len(ground.model.calibrations[number].recordings))
    return {} if found is None else {number: found}


def drawn_rows(count: int, wanted: int | None, seed: int) -> list[int]:
    """Draw rows without replacement, in order; all of them where no fewer are wanted."""
    if wanted is None or wanted >= count:
        return list(range(count))
    return sorted(np.random.default_rng(seed).choice(count, size=wanted, replace=False).tolist())


def _train(model: SignalLM, learned: Dataset[Example], settings: TrainSettings) -> float:
    """Train what is trainable in a model, keep nothing on disk, and return the seconds."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        build_trainer(model, learned, None, Path(scratch), replace(settings, save_steps=10**9)).train()
    model.eval()
    return round(time.perf_counter() - started, 1)


def _texts(
    ground: Ground,
    rung: int,
    wording: Wording,
    shots: Shots,
    price: Price | None = None,
    notes: Sequence[str] = (),
) -> Entry:
    examples = TextExamples(ground.table, ground.split, wording, shots, held_out=True)
    question = Question(wording.task, "", wording.task.labels)
    probabilities = ask_rows(ground.model, examples, question, _TIMED)
    timed = Subset(examples, range(min(_TIMED, len(examples))))
    started = time.perf_counter()
    ask_rows(ground.model, timed, question, _TIMED)
    seconds = (time.perf_counter() - started) / len(timed)
    tokens = [len(examples[row].prompt.input_ids) for row in drawn_rows(len(examples), 100, 0)]
    predictions = Predictions(
        wording.task.labels,
        label_numbers(examples.labels, wording.task.labels),
        probabilities,
        np.array(examples.subjects),
    )
    price = replace(
        price or Price(trained_parameters=0, training_seconds=0.0),
        tokens_per_question=float(np.mean(tokens)),
        seconds_per_answer=seconds,
    )
    return Entry(rung, RUNGS[rung], predictions, price, (*notes, *_told(examples, shots)))


def _told(examples: TextExamples, shots: Shots) -> list[str]:
    """What a reader must know of the numbers that were shown."""
    told = [f"examples in the prompt: {shots.count}"] if shots.count else []
    shown = float(np.mean(list(examples.shares.values())))
    if shown < 1.0:
        told.append(f"numbers cut to the first {shown:.0%} of the samples, to fit {examples.wording.room} tokens")
    return told


def _signals(ground: Ground, rung: int, price: Price, notes: Sequence[str]) -> Entry:
    question = held_out_question(ground.model, ground.table)
    predictions = predict(ground.model, ground.table, ground.split, question)
    encoders = {signal: ground.model.modality(signal).encoder for signal in ground.table.info.signals}
    examples = TableExamples(ground.table, ground.split, ground.model.prompter(ground.task), encoders)
    tokens = [len(examples[row].prompt.input_ids) for row in drawn_rows(len(examples), 100, 0)]
    price = replace(
        price,
        tokens_per_question=float(np.mean(tokens)),
        seconds_per_answer=seconds_per_answer(ground.model, ground.table, ground.split),
    )
    return Entry(rung, RUNGS[rung], predictions, price, tuple(notes))
