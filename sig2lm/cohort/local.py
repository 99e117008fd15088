"""A cohort on this machine: processes that load the model once each, and are given one recording after the other.

Each holds a pipe to its parent, so that the one that dies is known, and with it the recording that it held. That one is
given to another worker once more; what kills two workers is a failure.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

import torch

from sig2lm.cohort.job import CohortJob, Outcome
from sig2lm.cohort.sources import Source
from sig2lm.cohort.worker import Count, Worker
from sig2lm.errors import Sig2LMError

_ATTEMPTS = 2  # workers that a recording may take with it
_PATIENCE = 10.0  # s that a worker has to leave when it is asked to
_SPAWN = multiprocessing.get_context("spawn")  # a fork of a process with threads of torch may stand still


def run_local(job: CohortJob, sources: Sequence[Source], out: Path, workers: int, count: Count) -> Iterator[Outcome]:
    """Annotate recordings in processes, and yield what became of each when it is known.

    Parameters
    ----------
    job, sources, out
        What is asked, of what, and where the parts go.
    workers
        Processes; the processor's threads are divided among them.
    count
        Called now and then with the number of windows that have been answered since.

    Raises
    ------
    Sig2LMError
        If the job cannot be done with any recording, or a worker dies before it has one.
    """
    pool = _Pool(job, out, min(workers, len(sources)))
    try:
        yield from pool.run(sources, count)
    finally:
        pool.close()


@dataclass(eq=False)
class _Member:
    process: BaseProcess
    pipe: Connection
    ready: bool = False  # the model is loaded
    source: Source | None = None  # what it reads


class _Pool:
    def __init__(self, job: CohortJob, out: Path, size: int) -> None:
        self.job, self.out, self.size = job, out, size
        self.members: dict[Connection, _Member] = {}
        self.losses: Counter[Source] = Counter()
        self._hired = 0

    def run(self, sources: Sequence[Source], count: Count) -> Iterator[Outcome]:
        waiting = deque(sources)
        while waiting or any(member.source for member in self.members.values()):
            self._hand_out(waiting)
            for pipe in wait(list(self.members)):
                member = self.members[cast(Connection, pipe)]
                try:
                    kind, content = member.pipe.recv()
                except (EOFError, OSError):
                    yield from self._bury(member, waiting)
                    continue
                if kind == "refused":
                    raise Sig2LMError(content)
                if kind == "windows":
                    count(content)
                    continue
                member.ready, member.source = True, None
                if kind == "done":
                    yield content

    def _hand_out(self, waiting: deque[Source]) -> None:
        """Give each idle worker a recording, and hire in place of those that died."""
        while waiting and len(self.members) < self.size:
            self._hire()
        for member in self.members.values():
            if waiting and member.ready and member.source is None:
                member.source = waiting.popleft()
                with suppress(OSError):  # it has died; that is noticed when its pipe is read
                    member.pipe.send(member.source)

    def _hire(self) -> None:
        ours, theirs = _SPAWN.Pipe()
        place = self._hired % self.size, self.size
        process = _SPAWN.Process(target=_serve, args=(self.job, self.out, place, theirs), daemon=True)
        with _deaf():
            process.start()
        theirs.close()  # so that the pipe ends with the worker
        self.members[ours] = _Member(process, ours)
        self._hired += 1

    def _bury(self, member: _Member, waiting: deque[Source]) -> Iterator[Outcome]:
        """Take a dead worker from the list; its recording goes to another one, or is given up."""
        del self.members[member.pipe]
        member.pipe.close()
        member.process.join()
        code = member.process.exitcode or 0
        how = f"killed by signal {-code}; out of memory?" if code < 0 else f"exit code {code}"
        if not member.ready:
            raise Sig2LMError(f"a worker died while it loaded the run ({how}); take fewer --workers")
        if member.source is None:
            return
        self.losses[member.source] += 1
        if self.losses[member.source] < _ATTEMPTS:
            waiting.appendleft(member.source)
        else:
            yield Outcome(member.source.name, reason=f"{_ATTEMPTS} workers died while they read it (the last: {how})")

    def close(self) -> None:
        """Let idle workers go, and end those that are busy; what they had written of a part goes with them."""
        for member in self.members.values():
            member.pipe.close()
            if member.source is not None or not member.ready:
                member.process.terminate()
        for member in self.members.values():
            member.process.join(_PATIENCE)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
        self.members.clear()


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that do not hear Ctrl-C, not even while they import: it reaches all, and the parent decides."""
    if threading.current_thread() is not threading.main_thread():  # only the main one may say what signals do
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(job: CohortJob, out: Path, place: tuple[int, int], pipe: Connection) -> None:
    """Be a worker: load the model, then annotate what comes through the pipe until it ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by an exception, so that half a part is removed
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    number, workers = place
    torch.set_num_threads(max(1, torch.get_num_threads() // workers))
    device = own_device(job.placement.get("device", "auto"), number, torch.cuda.device_count())
    try:
        worker = Worker(replace(job, placement={**job.placement, "device": device}), out)
    except Sig2LMError as error:
        pipe.send(("refused", str(error)))
        return
    pipe.send(("ready", None))
    with suppress(EOFError, OSError):
        while True:
            pipe.send(("done", worker.annotate(pipe.recv(), lambda windows: pipe.send(("windows", windows)))))


def own_device(device: str, number: int, gpus: int) -> str:
    """Return the device of a worker: of several GPUs each takes its own, in turn.

    Examples
    --------
    >>> [own_device("auto", number, gpus=2) for number in range(3)]
    ['cuda:0', 'cuda:1', 'cuda:0']
    >>> own_device("auto", 1, gpus=0), own_device("cuda:1", 2, gpus=4)
    ('auto', 'cuda:1')
    """
    return f"cuda:{number % gpus}" if device in ("auto", "cuda") and gpus > 1 else device


def _leave_with_parent() -> None:
    """End when the parent does, however it does; a worker without one would write where the next one begins."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
