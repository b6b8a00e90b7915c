"""Files written out, to whoever asks with a cookie or a token: exports, feedback, reports, runs."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from anyio import to_thread
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from schema.context import Services
from schema.errors import NotFoundError
from schema.models.conformity import ConformityReport
from schema.models.predictions import ModelFamily
from schema.policy import Actor, Scope
from schema.scalars import local_key
from schema.services.attempt_exports import MEDIA_TYPE, parts_of
from schema.services.feedback_files import exported, record_export
from schema.services.reports import HTML, PDF, opened
from schema.services.runs import record_download
from server.blobs import chunks_of
from server.context import visitor_of
from server.errors import SignInRequired
from server.site import Site, site_of

HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; sandbox"}


async def send_export(request: Request) -> Response:
    """Stream one export; a foreign one, and one that has expired, answers like a missing one."""
    actor = visitor_of(request).actor
    if actor is None:
        raise SignInRequired
    if not actor.may(Scope.SESSIONS_READ):
        raise HTTPException(403)
    site = site_of(request)
    try:
        keys = await run_in_threadpool(_parts, site, actor, request.path_params["id"])
    except NotFoundError:
        raise HTTPException(404) from None
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="attempts.jsonl"'}
    return StreamingResponse(_bytes(site, keys), media_type=MEDIA_TYPE, headers=headers)


async def send_report(request: Request) -> Response:
    """Stream a conformity report; a form there is not answers like a missing report."""
    actor, form = visitor_of(request).actor, request.path_params["form"]
    if actor is None:
        raise SignInRequired
    if not actor.may(Scope.TECHNICAL_FILE):
        raise HTTPException(403)
    site, identifier = site_of(request), request.path_params["id"]
    media = {"html": HTML, "pdf": PDF}
    if form not in media:
        raise HTTPException(404)
    try:
        report = await run_in_threadpool(_report, site, actor, identifier, form)
    except NotFoundError:
        raise HTTPException(404) from None
    key = report.pdf_key if form == "pdf" else report.html_key
    name = f"conformity-{report.month}-{report.language}.{form}"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_bytes(site, [key or ""]), media_type=media[form], headers=headers)


async def send_run_file(request: Request) -> Response:
    """Send a file of a model's run; one that MLflow does not list answers like a missing run."""
    actor, given = visitor_of(request).actor, request.path_params
    if actor is None:
        raise SignInRequired
    if not actor.may(Scope.TECHNICAL_FILE):
        raise HTTPException(403)
    if given["family"] not in set(ModelFamily):
        raise HTTPException(404)
    services, family = site_of(request).services, ModelFamily(given["family"])
    folder = TemporaryDirectory(prefix="chevet-run-")
    done = BackgroundTask(folder.cleanup)
    try:
        path = await to_thread.run_sync(
            services.runs.download,
            family,
            given["run"],
            given["path"],
            Path(folder.name),
            limiter=services.tracked,
        )
        await run_in_threadpool(_record_run, services, actor, family, given["run"])
    except NotFoundError:
        folder.cleanup()
        raise HTTPException(404) from None
    except OSError:
        folder.cleanup()
        raise HTTPException(503) from None
    return FileResponse(
        path, media_type="application/octet-stream", headers=HEADERS, filename=path.name, background=done
    )


def _record_run(services: Services, actor: Actor, family: ModelFamily, run: str) -> None:
    with services.database.write() as session:
        record_download(session, services.clock, actor, family, run)


async def send_feedback(request: Request) -> Response:
    """Stream all feedback on triage, for administrators."""
    actor = visitor_of(request).actor
    if actor is None:
        raise SignInRequired
    if not actor.may(Scope.MODELS_WRITE):
        raise HTTPException(403)
    lines = await run_in_threadpool(_feedback, site_of(request), actor)
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="feedback.jsonl"'}
    return Response(lines, media_type=MEDIA_TYPE, headers=headers)


def _report(site: Site, actor: Actor, identifier: str, form: str) -> ConformityReport:
    services = site.services
    with services.database.write() as session:
        key = local_key(identifier, "ConformityReport")
        report = opened(session, services.clock, actor, key, form)
        session.flush()
        session.expunge(report)
        return report


def _feedback(site: Site, actor: Actor) -> bytes:
    services = site.services
    with services.database.read() as session:
        lines = [orjson.dumps(each) + b"\n" for each in exported(session)]
    with services.database.write() as session:
        record_export(session, services.clock, actor, len(lines))
    return b"".join(lines)


def _parts(site: Site, actor: Actor, identifier: str) -> Sequence[str]:
    services = site.services
    with services.database.read() as session:
        return parts_of(session, actor, services.clock, local_key(identifier, "Job"))


async def _bytes(site: Site, keys: Sequence[str]) -> AsyncIterator[bytes]:
    for key in keys:
        async for chunk in chunks_of(await run_in_threadpool(site.services.blobs.open, key)):
            yield chunk


routes = [
    Route("/exports/feedback.jsonl", send_feedback),
    Route("/exports/reports/{id}/{form}", send_report),
    Route("/exports/runs/{family}/{run}/{path:path}", send_run_file),
    Route("/exports/{id}", send_export, name="export"),
]
