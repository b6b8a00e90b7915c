"""/health: the process answers. /ready: it can do its work, each part checked by itself."""

from collections.abc import Callable

import orjson
from anyio import to_thread
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.faults import log_fault
from server.migrations import current_revision, expected_head
from server.site import Site, site_of


async def health(request: Request) -> Response:
    """Answer that the process is alive, and how much it has taken on."""
    return _json({"status": "alive", "load": site_of(request).lanes.figures}, 200)


async def ready(request: Request) -> Response:
    """Answer with each check, and 503 when one fails."""
    site = site_of(request)
    checks = {name: await to_thread.run_sync(_passes, name, check, site) for name, check in CHECKS.items()}
    fine = all(checks.values())
    words = {name: "ok" if passed else "failed" for name, passed in checks.items()}
    return _json({"status": "ready" if fine else "not ready", "checks": words}, 200 if fine else 503)


routes = [Route("/health", health), Route("/ready", ready)]


def _database(site: Site) -> None:
    with site.services.database.read() as session:
        session.connection().execute(text("SELECT 1"))


def _migrations(site: Site) -> None:
    if current_revision(site.services.database) != expected_head():
        raise RuntimeError("the database is not at the newest revision")


def _storage(site: Site) -> None:
    if not site.services.blobs.healthy():
        raise RuntimeError("the blob store takes no files")


CHECKS: dict[str, Callable[[Site], None]] = {
    "database": _database,
    "migrations": _migrations,
    "storage": _storage,
}


def _passes(name: str, check: Callable[[Site], None], site: Site) -> bool:
    try:
        check(site)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the answer is "not ready"
        log_fault(error, "none", f"readiness check {name}")
        return False
    return True


def _json(body: dict[str, object], status: int) -> Response:
    return Response(
        orjson.dumps(body), status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )
