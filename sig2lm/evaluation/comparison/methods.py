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

from sig2lm.datasets import Table
from sig2lm.evaluation.asking import TIMED, ask_rows, held_out_question, predict, seconds_per_answer
from sig2lm.evaluation.comparison.numbers import NumberWriter
from sig2lm.evaluation.comparison.results import METHODS, Cost, MethodResult
from sig2lm.evaluation.comparison.texts import TUNED, Shots, TextExamples, TextPromptSpec, draw_shots
from sig2lm.evaluation.comparison.tuned_prompt import TunedPrompt
from sig2lm.metrics import Predictions
from sig2lm.model.calibration import Calibration, calibrate
from sig2lm.model.examples import Example
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import TableExamples
from sig2lm.pretraining.fine_tuning import FineTuneSettings
from sig2lm.templates.task import Question, Task
from sig2lm.training.trainer import TrainSettings, build_trainer


@dataclass(frozen=True)
class ComparisonSettings:
    """How the comparison is made.

    Attributes
    ----------
    methods
        Which of 1 to 5.
    questions
        Rows of the split that are asked, drawn at random; None for all.
    training_rows
        Rows that methods 3 and 5 learn from, drawn at random; None for all.
    context
        Tokens that a prompt with numbers may take, where the LM itself sets no lower limit.
    tuned_tokens, tuned_epochs, tuned_learning_rate
        Of prompt tuning.
    lora_rank, lora_epochs, lora_learning_rate
        Of method 5, which begins with the adapter of method 4.
    batch_size, seed
        Of training; of all draws.
    baselines
        Whether those without an LM are measured, too.
    fine_tuning
        Of the encoder without an LM; its defaults, with ``seed``, where there is none.
    """

    methods: tuple[int, ...] = (1, 2, 3, 4, 5)
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
    fine_tuning: FineTuneSettings | None = None


@dataclass(frozen=True)
class ComparisonContext:
    """What all methods stand on: the model of method 4, the rows, and the numbers as text."""

    model: SignalLM
    table: Table
    split: str
    settings: ComparisonSettings
    writer: NumberWriter

    @property
    def task(self) -> Task:
        """The task as the run asks it."""
        return self.model.task(self.table.info.signals)

    def paraphrase(self, tuned_tokens: int = 0) -> TextPromptSpec:
        """Numbers as text, for this LM."""
        template = self.task.template.as_text(list(self.table.info.signals))
        if tuned_tokens:
            template = template.model_copy(update={"prompt": f"${TUNED}\n{template.prompt}"})
        task = Task(template, self.task.labels)
        dialogue, limit = self.model.lm.dialogue, self.model.lm.max_length
        answer = max(len(dialogue.encode_answer(task.sentence(label))) for label in task.labels)
        room = min(self.settings.context, limit or self.settings.context) - answer
        return TextPromptSpec(task, self.writer, dialogue, room, tuned_tokens)


def zero_shot(context: ComparisonContext) -> MethodResult:
    """Method 1."""
    return _texts(context, 1, context.paraphrase(), Shots())


def few_shot(context: ComparisonContext) -> MethodResult:
    """Method 2: as many examples from the training subjects as fit."""
    paraphrase = context.paraphrase()
    shots = draw_shots(context.table, paraphrase, context.settings.seed)
    return _texts(context, 2, paraphrase, shots, notes=[f"examples that fit the prompt: {shots.count}"])


def tuned_prompt(context: ComparisonContext) -> MethodResult:
    """Method 3: a tuned prompt before the numbers, learned on the train split."""
    settings = context.settings
    set_seed(settings.seed)
    paraphrase = context.paraphrase(settings.tuned_tokens)
    tuned = TunedPrompt(context.model.lm, settings.tuned_tokens)
    model = SignalLM(context.model.lm, {TUNED: tuned}, paraphrase.task)
    learned = TextExamples(context.table, "train", paraphrase, seed=settings.seed)
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
        replace(context, model=model),
        3,
        paraphrase,
        Shots(),
        replace(Cost(), trained_parameters=trained, training_seconds=seconds),
        notes,
    )


def adapter(context: ComparisonContext, training_seconds: float | None, notes: Sequence[str] = ()) -> MethodResult:
    """Method 4: the run itself."""
    trained = sum(tensor.numel() for tensor in context.model.trained_tensors().values())
    cost = Cost(trained_parameters=trained, training_seconds=training_seconds)
    return _signals(context, 4, cost, notes)


def adapter_with_lora(context: ComparisonContext, training_seconds: float | None) -> MethodResult:
    """Method 5: the run goes on learning, with LoRA layers in the LM; the run and its LM are left as they were."""
    settings, lm = context.settings, context.model.lm
    set_seed(settings.seed)
    branches = {name: copy.deepcopy(context.model.branch(name)) for name in context.model.branches}
    lm.add_lora(settings.lora_rank)
    try:
        model = SignalLM(lm, branches, context.model.tasks)
        encoders = {name: model.branch(name).encoder for name in context.table.info.signals}
        raw = frozenset(name for name in encoders if model.branch(name).train_encoder)
        learned = TableExamples(
            context.table, "train", model.prompter(model.task(encoders)), encoders, raw, seed=settings.seed
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
        model.calibrations = _calibrated_again(context, model, learned)
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        cost = Cost(
            trained_parameters=trained,
            training_seconds=seconds + training_seconds if training_seconds is not None else None,
        )
        note = (
            f"goes on from method 4 with LoRA layers of rank {settings.lora_rank}, epochs: {settings.lora_epochs:g}, "
            f"training rows: {len(rows):,}"
        )
        return _signals(replace(context, model=model), 5, cost, [note])
    finally:
        lm.remove_lora()


def _calibrated_again(context: ComparisonContext, model: SignalLM, learned: TableExamples) -> dict[int, Calibration]:
    """Calibrate a model as method 4 is, if it is."""
    number = model.tasks.index(learned.task)
    if number not in context.model.calibrations:
        return {}
    measured = replace(learned, split="validation") if "validation" in context.table.data else None
    found = calibrate(model, learned, measured, len(context.model.calibrations[number].recordings))
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
    context: ComparisonContext,
    method: int,
    paraphrase: TextPromptSpec,
    shots: Shots,
    cost: Cost | None = None,
    notes: Sequence[str] = (),
) -> MethodResult:
    examples = TextExamples(context.table, context.split, paraphrase, shots, held_out=True)
    question = Question(paraphrase.task, "", paraphrase.task.labels)
    started = time.perf_counter()
    probabilities = ask_rows(context.model, examples, question, TIMED)
    seconds = (time.perf_counter() - started) / len(examples)
    tokens = [len(examples[row].prompt.input_ids) for row in drawn_rows(len(examples), 100, 0)]
    predictions = Predictions.from_names(paraphrase.task.labels, examples.labels, probabilities, examples.subjects)
    cost = replace(
        cost or Cost(trained_parameters=0, training_seconds=0.0),
        tokens_per_question=float(np.mean(tokens)),
        seconds_per_answer=seconds,
    )
    return MethodResult(method, METHODS[method], predictions, cost, (*notes, *_told(examples, max(tokens))))


def _told(examples: TextExamples, tokens: int) -> list[str]:
    """What a reader must know of the numbers that were shown, in prompts of so many tokens at most."""
    room, told = examples.paraphrase.room, []
    if tokens > room:
        told.append(f"the words alone need {tokens} tokens where {room} may be taken")
    shown = float(np.mean(list(examples.shares.values())))
    if shown < 1.0:
        thinned = any(contract.sampling_rate is not None for contract in examples.table.info.signals.values())
        kept = "evenly spaced where there is a sampling rate" if thinned else "the first ones"
        told.append(f"{100 * shown:.2g}% of the numbers, {kept}, to fit {room} tokens")
    return told


def _signals(context: ComparisonContext, method: int, cost: Cost, notes: Sequence[str]) -> MethodResult:
    question = held_out_question(context.model, context.table)
    predictions = predict(context.model, context.table, context.split, question)
    encoders = {signal: context.model.branch(signal).encoder for signal in context.table.info.signals}
    examples = TableExamples(context.table, context.split, context.model.prompter(context.task), encoders)
    tokens = [len(examples[row].prompt.input_ids) for row in drawn_rows(len(examples), 100, 0)]
    cost = replace(
        cost,
        tokens_per_question=float(np.mean(tokens)),
        seconds_per_answer=seconds_per_answer(context.model, context.table, context.split),
    )
    return MethodResult(method, METHODS[method], predictions, cost, tuple(notes))
