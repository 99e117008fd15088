"""What a server counts, for Prometheus: a registry of its own, so that servers in one process stay apart."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "sig2lm_requests", "Requests, by route and status", ["route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "sig2lm_answer_seconds",
            "From a question's arrival to its whole answer",
            ["kind"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.batch = Histogram(
            "sig2lm_batch_size", "Questions that were read together", buckets=_SIZES, registry=self._registry
        )
        self.tokens = Counter("sig2lm_generated_tokens", "Tokens of free text", registry=self._registry)
        self.under_way = Gauge("sig2lm_questions_under_way", "Waiting or being answered", registry=self._registry)
        self.kept = Gauge("sig2lm_kept_signals", "Uploaded recordings", registry=self._registry)
        self.kept_bytes = Gauge("sig2lm_kept_bytes", "What they take", registry=self._registry)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format.

        >>> metrics = Metrics()
        >>> metrics.requests.labels("/health", "200").inc()
        >>> b'sig2lm_requests_total{route="/health",status="200"} 1.0' in metrics.text()
        True
        """
        return generate_latest(self._registry)


class CountRequests:
    """Counts the requests of an app by route and status.

    Parameters
    ----------
    app
        Whose requests.
    metrics
        Where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its answer; one that nobody waited for is 499."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 499

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "other")  # the pattern, since ids would be counted apart
            self.metrics.requests.labels(route, str(status)).inc()
