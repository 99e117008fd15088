"""A cohort on Ray Data: actors that load the model once each, on this machine or on those of a cluster.

``RAY_ADDRESS`` names a cluster; without it one is started here for the time being. Parts are written by the actors, so
recordings, run and output folder must lie where every machine sees them. An actor that dies is started again and reads
its recording again; parts that are whole are not written twice.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sig2lm.cohort.job import CohortJob, Outcome
from sig2lm.cohort.sources import Source
from sig2lm.cohort.worker import Count, Worker
from sig2lm.errors import Sig2LMError

_RETRIES = 1  # of a recording whose actor died
_REFUSED = "refused"


def run_ray(job: CohortJob, sources: Sequence[Source], out: Path, workers: int, count: Count) -> Iterator[Outcome]:
    """Annotate recordings by actors of Ray Data, and yield what became of each when it is known.

    Parameters
    ----------
    job, sources, out, count
        As in :func:`sig2lm.cohort.local.run_local`.
    workers
        Actors.

    Raises
    ------
    Sig2LMError
        If Ray is not installed, or the job cannot be done with any recording.
    """
    ray = _ray()
    started_here = not ray.is_initialized()
    if started_here:
        _start(ray, workers)
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.max_errored_blocks = -1  # a recording whose actors die stops no other
        gpus = {"num_gpus": 1} if job.placement.get("device") != "cpu" and ray.cluster_resources().get("GPU") else {}
        rows = [{"name": source.name, "path": str(source.path.absolute())} for source in sources]
        outcomes = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Actor,
            fn_constructor_args=(job, out.absolute()),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))),
            num_cpus=1,
            max_restarts=-1,
            max_task_retries=_RETRIES,
            **gpus,
        )
        lost = {source.name for source in sources}
        for row in outcomes.iter_rows():
            if row["kind"] == _REFUSED:
                raise Sig2LMError(row["content"])
            outcome = Outcome.from_json(row["content"])
            lost.discard(outcome.recording)
            count(outcome.windows)
            yield outcome
        for name in sorted(lost):
            yield Outcome(name, reason=f"{1 + _RETRIES} actors died while they read it; out of memory?")
    finally:
        if started_here:
            ray.shutdown()


class _Actor:
    """A worker that Ray keeps: a batch of one recording in, what became of it out."""

    def __init__(self, job: CohortJob, out: Path) -> None:
        self.worker: Worker | None = None
        try:
            self.worker = Worker(job, out)
        except Sig2LMError as error:  # Ray would start it again and again
            self.refusal = str(error)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        if self.worker is None:
            return {"kind": [_REFUSED], "content": [self.refusal]}
        source = Source(str(batch["name"][0]), Path(str(batch["path"][0])))
        return {"kind": ["outcome"], "content": [self.worker.annotate(source).to_json()]}


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
    os.environ.setdefault(
        "RAY_BACKEND_LOG_LEVEL", "fatal"
    )  # what went wrong with a recording is said of that recording
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray
            import ray.data
    except ImportError as error:
        raise Sig2LMError(
            f'expected the package ray for the engine ray, found none that loads ({error}); pip install "sig2lm[ray]", '
            "or take --engine local"
        ) from error
    warnings.filterwarnings("ignore", module=r"ray\.")  # of what it calls in itself
    warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")  # no other way to bound retries yet
    return ray


def _start(ray: Any, workers: int) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if "RAY_ADDRESS" not in os.environ:  # a cluster of this machine alone, which nobody else can reach
        options |= {"address": "local", "num_cpus": workers, "include_dashboard": False}
        options |= {"_node_ip_address": "127.0.0.1"}
    try:
        ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        told = " ".join(str(error).split())[:200]
        raise Sig2LMError(
            f"expected a Ray cluster, but it does not start or answer: {told}; see RAY_ADDRESS"
        ) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
