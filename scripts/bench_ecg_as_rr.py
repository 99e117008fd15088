"""A model of RR intervals asked about electrocardiograms: heart beats are found, nothing is trained.

    python scripts/bench_ecg_as_rr.py RUN CINC2017_TABLE

RUN reads RR intervals and knows atrial fibrillation and normal sinus rhythm, as a fold of `sig2lm cross-validate` on
AFDB does;
the table is prepared CinC 2017, whose people and recorders the run never saw. All its records of the two rhythms are
asked about. Needs the extra ``ecg``. Printed: AUROC of fibrillation against normal with its 95 % interval over records.
"""

import argparse

import numpy as np
from datasets import concatenate_datasets
from timing import machine

from sig2lm.datasets import load_table
from sig2lm.errors import SignalError
from sig2lm.metrics import Predictions, label_numbers, scores, subject_intervals
from sig2lm.model.signal_lm import SignalLM

RHYTHMS = ("normal sinus rhythm", "atrial fibrillation")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("table")
    arguments = parser.parse_args()
    model, table = SignalLM.from_pretrained(arguments.run), load_table(arguments.table)
    rows = concatenate_datasets(list(table.data.values())).with_format("numpy")
    labels, subjects, of_af, unread = [], [], [], 0
    for row in rows:
        if row["label"] not in RHYTHMS:
            continue
        try:
            answer = model.ask(table.signals(row)["ecg"], choices=RHYTHMS)
        except SignalError:
            unread += 1
            continue
        assert answer.probabilities is not None
        labels.append(str(row["label"]))
        subjects.append(str(row["subject"]))
        of_af.append(answer.probabilities[RHYTHMS[1]])
    probability = np.array(of_af)
    truth = label_numbers(labels, RHYTHMS)
    predictions = Predictions(RHYTHMS, truth, np.stack([1 - probability, probability], axis=1), np.array(subjects))
    found, interval = scores(predictions), subject_intervals(predictions)
    print(machine())
    print(f"{len(truth)} windows of {len(set(subjects))} records, {int(truth.sum())} windows of fibrillation")
    print(f"left out, too few beats: {unread}")
    for name in ("auroc", "macro_f1", "accuracy"):
        low, high = interval[name] or (float("nan"),) * 2
        print(f"{name} {found[name]:.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
