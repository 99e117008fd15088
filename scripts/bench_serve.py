"""What the API makes of many clients at once, beside asking one by one.

    python scripts/bench_serve.py [--clients 64] [--rounds 2]

Starts ``sig2lm serve pocket-har`` on this machine, uploads a recording for each client, and lets each ask closed and
free questions over HTTP. Every answer is compared with what :meth:`SignalLM.ask` says; the bound is a few minutes.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx2
from results import record

from sig2lm import Signal, SignalLM, simulate

RUN = "pocket-har"
QUESTIONS = (
    "What is the person doing?",
    "How does the person move?",
    "What is the step rate?",
    "Describe the movement.",
)
LABELS = ("walking", "jogging", "walking upstairs", "walking downstairs", "sitting", "standing")
SAME = 1e-4  # probabilities that differ by less are the same


@dataclass(frozen=True)
class Asked:
    """A question over HTTP: what came back, and after how long."""

    client: int
    question: str
    text: str
    probabilities: dict[str, float] | None
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2, help="Of all questions, for each client.")
    asked = parser.parse_args()
    recordings = [simulate("har", LABELS[seed % len(LABELS)], seed=seed)["motion"] for seed in range(asked.clients)]
    model = SignalLM.from_pretrained(RUN)
    expected = {(client, text): model.ask(one, text) for client, one in enumerate(recordings) for text in QUESTIONS}
    with subprocess.Popen(
        [sys.executable, "-m", "sig2lm", "serve", RUN, "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+?/v1", server.stdout.readline())
            assert address is not None
            found = asyncio.run(measure(address[0], recordings, asked.rounds))
        finally:
            server.terminate()
    rows = [
        {"clients at once": clients, **summary(answers, seconds, expected)}
        for clients, (answers, seconds) in found.items()
    ]
    notes = [
        f"{len(QUESTIONS)} questions of each client ({', '.join(QUESTIONS)}), each about its own uploaded recording.",
        f"Wrong: another text than SignalLM.ask gives, or a probability that differs by more than {SAME:g}.",
        f"The server and its clients share {os.cpu_count()} cores with other programs, which the load states.",
    ]
    record("serve", rows, f"{RUN} over HTTP: many clients at once beside one", notes)


async def measure(address: str, recordings: list[Signal], rounds: int) -> dict[int, tuple[list[Asked], float]]:
    """Ask as one client after the other, then as all at once."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=address, timeout=600, limits=limits) as http:
        ids = [await upload(http, one) for one in recordings]
        for question in QUESTIONS:  # words that are new to the run are calibrated once
            await ask(http, 0, ids[0], question)
        started = time.perf_counter()
        few = range(0, len(ids), 4)
        alone = [await ask(http, client, ids[client], question) for client in few for question in QUESTIONS]
        seconds = time.perf_counter() - started

        async def one_client(client: int) -> list[Asked]:
            return [await ask(http, client, ids[client], text) for _ in range(rounds) for text in QUESTIONS]

        started = time.perf_counter()
        together = await asyncio.gather(*map(one_client, range(len(ids))))
        return {
            1: (alone, seconds),
            len(ids): ([answer for answers in together for answer in answers], time.perf_counter() - started),
        }


async def upload(http: Any, signal: Signal) -> str:
    sent = await http.post("/signals", json={"values": signal.values.tolist(), "sampling_rate": signal.sampling_rate})
    return str(sent.raise_for_status().json()["id"])


async def ask(http: Any, client: int, id: str, question: str) -> Asked:
    content = [{"type": "signal", "signal_id": id}, {"type": "text", "text": question}]
    body = {"model": RUN, "messages": [{"role": "user", "content": content}]}
    started = time.perf_counter()
    answer = (await http.post("/chat/completions", json=body)).raise_for_status().json()
    seconds = time.perf_counter() - started
    return Asked(
        client, question, answer["choices"][0]["message"]["content"], answer["sig2lm"]["probabilities"], seconds
    )


def summary(answers: list[Asked], seconds: float, expected: dict[tuple[int, str], Any]) -> dict[str, Any]:
    """A row: how many, how many wrong, how long."""
    times = [answer.seconds for answer in answers]
    percentiles = statistics.quantiles(times, n=20)
    return {
        "answers": len(answers),
        "wrong": sum(is_wrong(answer, expected[answer.client, answer.question]) for answer in answers),
        "p50 (s)": statistics.median(times),
        "p95 (s)": percentiles[18],
        "answers/s": len(answers) / seconds,
    }


def is_wrong(answer: Asked, expected: Any) -> bool:
    if expected.probabilities is None or answer.probabilities is None:
        return bool(answer.text != expected.text or answer.probabilities != expected.probabilities)
    return any(abs(share - answer.probabilities[label]) > SAME for label, share in expected.probabilities.items())


if __name__ == "__main__":
    main()
