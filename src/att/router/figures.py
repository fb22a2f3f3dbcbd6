"""What the gateway counts, in Prometheus' text form. No label is free text of a client."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0)


class Figures:
    """The router's own figures; one instance a process."""

    def __init__(self, release: str) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "att_router_requests", "Requests answered.", ["route", "provider", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "att_router_request_seconds", "Time to the end.", ["route"], buckets=_BUCKETS, registry=self.registry
        )
        self.running = Gauge("att_router_running", "Requests being answered.", registry=self.registry)
        Gauge("att_release", "The running release.", ["release"], registry=self.registry).labels(release).set(1)

    def observe(self, route: str, provider: str, status: int, seconds: float) -> None:
        """Count one request; status 499 is a client that went away."""
        self._requests.labels(route, provider, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self.registry)
