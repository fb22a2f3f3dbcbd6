"""Counts and durations of what the surfaces do, in a registry of its own, in Prometheus' text form."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The API's own figures; one instance a process."""

    def __init__(self, release: str) -> None:
        self.registry = CollectorRegistry()
        self._operations = Counter(
            "att_operations", "Calls of operations.", ["operation", "surface", "outcome"], registry=self.registry
        )
        self._operation_seconds = Histogram(
            "att_operation_seconds", "Time an operation took.", ["operation"], buckets=_BUCKETS, registry=self.registry
        )
        self._requests = Counter(
            "att_http_requests", "HTTP requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "att_http_request_seconds",
            "Time to the end of an answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.streams = Gauge("att_streams_open", "Open streams by kind.", ["kind"], registry=self.registry)
        Gauge("att_release", "The running release.", ["release"], registry=self.registry).labels(release).set(1)

    def observe(self, operation: str, surface: str, outcome: str, seconds: float) -> None:
        """Count one call of an operation."""
        self._operations.labels(operation, surface, outcome).inc()
        self._operation_seconds.labels(operation).observe(seconds)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one HTTP request by the template of its route."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self.registry)
