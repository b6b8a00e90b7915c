"""/metrics for Prometheus, off unless a token is set: numbers by route, model and kind of job, of nobody.

What requests take is counted in the processes of one `serve`, which share a folder, so that whichever of them
answers tells of all; what is in the database is read as it is asked, and is the same whoever answers. Labels
are names of our own (templates of routes, families, kinds of jobs) and numbers of versions: nothing that a
visitor can choose.
"""

import asyncio
import hmac
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from schema.context import Services
from schema.services.operating import deployed_faults, job_counts, oldest_due, prediction_counts
from server.context import bearer_token
from server.faults import log_fault
from server.lanes import Lanes
from server.site import Site, site_of
from server.whereabouts import template_of

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

PATH = "/metrics"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client's processes find one another; read as it is imported."""
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "WEBSOCKET"})
OTHER = "other"
LOOK_S = 5.0
"""How often a process puts down how it stands."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What the processes of one `serve` count; made where a token is set, since it imports its library."""

    def __init__(self) -> None:
        import prometheus_client as client  # noqa: PLC0415 - only where it is asked for

        self._client = client
        self._registry = mine = client.CollectorRegistry()
        route = ("method", "route")
        self._requests = client.Counter(
            "chevet_http_requests",
            "Requests answered, by template of the route.",
            (*route, "status"),
            registry=mine,
        )
        self._seconds = client.Histogram(
            "chevet_http_request_seconds", "Until the answer was sent.", route, registry=mine, buckets=BUCKETS
        )
        self._processes = client.Gauge(
            "chevet_processes", "Processes that serve.", registry=mine, multiprocess_mode="livesum"
        )
        self._places = client.Gauge(
            "chevet_http_places",
            "Requests that are worked on or wait, by lane.",
            ("lane", "state"),
            registry=mine,
            multiprocess_mode="livesum",
        )
        self._loaded = client.Gauge(
            "chevet_model_processes",
            "Processes by how what is deployed stands in them; idle is not asked for yet.",
            ("family", "alias", "state"),
            registry=mine,
            multiprocess_mode="livesum",
        )

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one request or one connection."""
        method = scope.get("method", "WEBSOCKET")
        route = template_of(scope) or OTHER
        known = method if method in METHODS else OTHER
        self._requests.labels(known, route, str(status)).inc()
        if method != "WEBSOCKET":  # how long somebody listens says nothing of us
            self._seconds.labels(known, route).observe(seconds)

    async def keep(self, services: Services, lanes: Lanes) -> None:
        """Put down how this process stands, for as long as the task lives."""
        self._processes.set(1)
        while True:
            self.look(services, lanes)
            await asyncio.sleep(LOOK_S)

    def look(self, services: Services, lanes: Lanes) -> None:
        """Put down how this process stands."""
        for lane, figures in lanes.figures.items():
            for state in ("taken", "waiting"):
                self._places.labels(lane, state).set(figures[state])
        for slot in services.registry.status():
            stands = (
                "failed" if slot.fault else "loaded" if slot.loaded else "loading" if slot.loading else "idle"
            )
            for state in ("loaded", "loading", "failed", "idle"):
                self._loaded.labels(*slot.slot, state).set(state == stands)

    def told(self, services: Services) -> bytes:
        """Return everything as Prometheus reads it."""
        registry = self._shared()
        registry.register(_Kept(services))
        return self._client.generate_latest(registry)

    def _shared(self) -> "CollectorRegistry":
        """Return a registry of what all processes have counted; those that have ended count no more."""
        folder, registry = os.environ.get(FOLDER), self._client.CollectorRegistry()
        if folder is None:
            registry.register(self._registry)
            return registry
        from prometheus_client import multiprocess  # noqa: PLC0415 - reads the folder as it is imported

        for path in Path(folder).glob("gauge_livesum_*.db"):
            number = path.stem.rpartition("_")[2]
            if not Path(f"/proc/{number}").exists():
                multiprocess.mark_process_dead(int(number), folder)  # type: ignore[no-untyped-call]
        multiprocess.MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        return registry


class _Kept:
    """What the database has, read as it is asked; without it there is only that it is away."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> "Iterator[Metric]":
        """Yield it."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - as above

        up = GaugeMetricFamily("chevet_database_up", "Whether the database answers.")
        try:
            found = list(self._read())
        except SQLAlchemyError as error:
            log_fault(error, "none", "reading metrics")
            found = []
        up.add_metric((), float(bool(found)))
        yield up
        yield from found
        yield from self._spent()

    def _read(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 - as above

        services = self._services
        predictions = CounterMetricFamily(
            "chevet_predictions",
            "Predictions kept, all processes together.",
            labels=("family", "version", "alias", "outcome"),
        )
        jobs = GaugeMetricFamily("chevet_jobs", "Jobs kept, by kind and state.", labels=("kind", "state"))
        due = GaugeMetricFamily("chevet_job_due_seconds", "For how long the oldest due job has waited.")
        faults = GaugeMetricFamily(
            "chevet_model_fault",
            "Whether a process could not load what is deployed.",
            labels=("family", "alias", "version"),
        )
        with services.database.read() as session:
            for each in prediction_counts(session):
                version = str(each.version) if each.version is not None else "none"
                for outcome, count in (("answered", each.answered), ("failed", each.total - each.answered)):
                    predictions.add_metric((each.family, version, each.alias, outcome), count)
            for kind, state, count in job_counts(session):
                jobs.add_metric((kind, state), count)
            oldest = oldest_due(session, services.clock)
            for family, alias, number, faulty in deployed_faults(session):
                faults.add_metric((family, alias, str(number)), float(faulty))
        due.add_metric((), oldest)
        yield from (predictions, jobs, due, faults)

    def _spent(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - as above

        budget = self._services.budget
        if budget is None:
            return
        today = budget.today()
        for name, about, value in (
            ("calls_today", "Questions to the language model today.", today.calls),
            ("calls_most", "Questions that may be asked in a day.", today.most_calls),
            ("euros_today", "Euros that it cost today.", today.euros),
            ("euros_most", "Euros that it may cost in a day.", today.most_euros),
        ):
            metric = GaugeMetricFamily(f"chevet_language_model_{name}", about)
            metric.add_metric((), value)
            yield metric


async def show(request: Request) -> Response:
    """Answer Prometheus; who has not the token is not told more than that one is needed."""
    site = site_of(request)
    if site.metrics is None:
        raise HTTPException(404)
    if not _allowed(site, bearer_token(request)):
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    body = await to_thread.run_sync(site.metrics.told, site.services)
    return Response(
        body, media_type="text/plain; version=0.0.4; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def _allowed(site: Site, given: str | None) -> bool:
    token = site.settings.metrics_token
    return (
        token is not None
        and given is not None
        and hmac.compare_digest(given.encode(), token.get_secret_value().encode())
    )


routes = [Route(PATH, show)]
