"""The one place where everything is wired together."""

import asyncio
import importlib
import pkgutil
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from granian.utils.proxies import wrap_asgi_with_proxy_headers
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp

from ml.ecg.burned_in.found import Found
from ml.ecg.decoding import Decoded, DecoderPool
from ml.ecg.editing import Proposal, Step
from ml.language.commenting import Commenter
from ml.language.endpoint import Endpoint, LanguageModelSettings
from ml.language.language_model import LanguageModelMatcher
from ml.language.matching import EmbeddedMatcher
from ml.language.ontology import Ontology, load_ontology
from ml.registry.helper import StoreProcess
from ml.registry.home import Home, Names
from ml.registry.registry import Registry
from ml.retraining import lacking
from ml.training_process import TrainingProcess
from ml.triage.note_model import NoteReader
from schema.build import build_schema
from schema.context import Services
from schema.database import Database
from schema.models.disagreements import TextOrigin
from schema.models.predictions import ModelFamily
from schema.services.alert_mails import AlertMails
from schema.services.authentication import Authentication
from schema.services.blobs import BlobStore, FolderBlobStore, S3BlobStore
from schema.services.cache import Cache, LocalCache
from schema.services.clock import now
from schema.services.deployments import FaultBook
from schema.services.disagreements import DisagreementJournal
from schema.services.events import Doorbell, LocalDoorbell
from schema.services.judge import Judge
from schema.services.mail_server import MailServer
from schema.services.matching import CachedMatcher, Patience
from schema.services.model_sync import ModelSync
from schema.services.outbound import Outbound
from schema.services.passwords import Passwords
from schema.services.retraining import RetrainingJobs, TrainingRules
from schema.services.runs import MlflowPages
from schema.services.segmentation_tracking import SegmentationTracking
from schema.services.shelf import Matchers, Shelf
from schema.services.spending import DailyBudget
from server import auth, blobs, errors, exports, graphql, health, held, metrics, pages, traces
from server.admission import Admission
from server.archives import read_archives
from server.demo import is_demo
from server.letters import Letters
from server.logs import configure
from server.memory import keep_small, made_for_good
from server.middleware import Envelope, ForgeryDoor, VisitorLookup
from server.operations import Operations
from server.pages import learn
from server.reference import Reference
from server.rendering import Renderer
from server.reports import ReportWriter
from server.settings import Settings, load_settings
from server.signing import Signer
from server.site import Site
from server.stack import give_room
from server.static import Files
from server.worker import working

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
MAX_BODY = 1_000_000
"""Bytes of an ordinary request; routes that take files say more."""


class Application(Starlette):
    """Starlette behind admission and the forgery door, in an envelope that no crash and no refusal leaves."""

    site: Site

    def build_middleware_stack(self) -> ASGIApp:
        """Return the whole stack."""
        inner = errors.TooLargePage(super().build_middleware_stack())
        admission = Admission(inner, self.site.lanes, learn.WRITING)
        return Envelope(
            ForgeryDoor(admission),
            strict_transport=self.site.settings.production,
            metrics=self.site.metrics,
        )


def create_app(
    settings: Settings, registry: Registry | None = None, *, templates: Path = TEMPLATES
) -> Application:
    """Build the application.

    Parameters
    ----------
    settings
        As `load_settings` returns them.
    registry
        The clinical models of the process; without one, a registry of those the site's folder holds.
    templates
        The folder of pages and operations.

    Raises
    ------
    OperationsError
        When an operation does not fit the schema.
    """
    signer = Signer(settings.secret)
    schema = build_schema()
    app = Application(
        routes=_routes(graphql.Endpoint(schema, settings)),
        middleware=[Middleware(VisitorLookup)],
        exception_handlers={
            HTTPException: errors.on_refusal,
            errors.SignInRequired: errors.on_sign_in_required,
            Exception: errors.on_fault,
        },
        lifespan=_lifespan,
        max_body_size=MAX_BODY,
    )
    app.router.redirect_slashes = False  # it would send visitors to whatever host the request names
    services, operations = wire_services(settings, signer, registry), Operations(schema, templates)
    app.site = app.state.site = Site(
        settings=settings,
        services=services,
        authentication=Authentication(services.database, services.clock, services.passwords),
        operations=operations,
        renderer=Renderer(settings, signer, templates, STATIC, app.url_path_for),
        signer=signer,
        reference=Reference(operations.graphql),
        metrics=metrics.Metrics() if settings.metrics_token else None,
        demo=is_demo(settings),
    )
    return app


def from_environment() -> ASGIApp:
    """Build the application a server process serves; the settings come from its environment."""
    settings = load_settings()
    keep_small()
    give_room(asyncio.get_event_loop())
    configure(settings)
    traces.start(settings)
    with made_for_good():
        return behind_proxies(create_app(settings), settings)


def behind_proxies(app: Application, settings: Settings) -> ASGIApp:
    """Return the application as it sees requests that trusted proxies pass on."""
    if not settings.trusted_proxies:
        return app
    proxied: ASGIApp = wrap_asgi_with_proxy_headers(app, list(settings.trusted_proxies))
    return proxied


def wire_services(settings: Settings, signer: Signer, registry: Registry | None = None) -> Services:
    """Choose and connect the outside services; a worker without HTTP uses the same."""
    database, cache = Database(settings.database_url), _cache(settings)
    budget, home, blob_store = _budget(settings, cache), _home(settings), _blobs(settings)
    passwords = Passwords(settings.secret)
    store = StoreProcess(home) if settings.model_sync_minutes else None
    rules = TrainingRules(
        settings.training_data,
        settings.jobs == "elsewhere",
        settings.retraining_threshold,
        settings.error_rate_threshold,
        settings.retraining_starts,
    )

    def matchers(ontology: Ontology) -> Matchers:
        readers = _Readers(settings, database, EmbeddedMatcher(ontology), cache, budget)
        return Matchers(
            answers=readers.of(TextOrigin.ANSWER, asking=settings.model_reads_answers),
            descriptions=readers.of(TextOrigin.DESCRIPTION),
            commenter=readers.commenter() if settings.model_reads_answers else None,
        )

    return Services(
        database=database,
        shelf=Shelf(database, load_ontology(), matchers),
        budget=budget,
        notes=_note_reader(settings, budget),
        blobs=blob_store,
        decoder=cast("DecoderPool", LateDecoder()),
        cache=cache,
        doorbell=_doorbell(settings),
        clock=now,
        sign_link=blobs.BlobLinks(signer, now).address,
        passwords=passwords,
        outbound=Outbound(local=not settings.production),
        registry=registry or Registry(home.cache, home.key, FaultBook(database, now)),
        alert_mails=_alert_mails(settings, database),
        model_sync=_model_sync(settings, database, store) if store else None,
        judge=Judge(database, now, store) if store else None,
        report_writer=ReportWriter(settings, TEMPLATES),
        run_store=store,
        mlflow_pages=MlflowPages(settings.mlflow_pages, home.store / "ui_url"),
        archives=read_archives(settings.pacs_file),
        training=rules,
        retraining=_retraining(settings, database, blob_store, home, rules),
        tracking=SegmentationTracking(database, now, store, passwords) if store else None,
    )


class LateDecoder:
    """A decoder pool that starts with the first file: most processes never see one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: DecoderPool | None = None

    def decode(self, path: Path) -> list[Decoded]:
        """Decode a file as `DecoderPool.decode` does."""
        return self._started().decode(path)

    def edit(self, path: Path, steps: Sequence[Step]) -> Decoded:
        """Edit a picture as `DecoderPool.edit` does."""
        return self._started().edit(path, steps)

    def preview(self, path: Path, steps: Sequence[Step]) -> Decoded:
        """Edit a picture for a look at it as `DecoderPool.preview` does."""
        return self._started().preview(path, steps)

    def propose(self, path: Path, steps: Sequence[Step]) -> Proposal:
        """Look what would lay a picture straight as `DecoderPool.propose` does."""
        return self._started().propose(path, steps)

    def find_text(self, path: Path) -> Found:
        """Look for text in a picture as `DecoderPool.find_text` does."""
        return self._started().find_text(path)

    def digitise(self, path: Path, asked: Mapping[str, Any]) -> Decoded:
        """Read a picture of paper as `DecoderPool.digitise` does."""
        return self._started().digitise(path, asked)

    def close(self) -> None:
        """Stop the pool if it ever started."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()

    def _started(self) -> DecoderPool:
        with self._lock:
            self._pool = self._pool or DecoderPool()
            return self._pool


@asynccontextmanager
async def _lifespan(app: Application) -> AsyncIterator[None]:
    site = app.site
    listening = asyncio.create_task(site.stopping.heed_signals())
    counting = asyncio.create_task(site.metrics.keep(site.services, site.lanes)) if site.metrics else None
    try:
        if site.settings.jobs == "inside":
            async with working(site.services):
                yield
        else:
            yield
    finally:
        listening.cancel()
        if counting is not None:
            counting.cancel()
        close_services(site.services)
        traces.stop()


def close_services(services: Services) -> None:
    """Let go of connections, threads and children."""
    if services.model_sync is not None:
        services.model_sync.close()
    services.decoder.close()
    services.volumes.close()
    services.database.dispose()
    services.doorbell.close()


def _routes(endpoint: ASGIApp) -> list[BaseRoute]:
    return [
        *health.routes,
        *metrics.routes,
        Mount("/static", Files(directory=STATIC), name="static"),
        *blobs.routes,
        *exports.routes,
        *held.routes,
        Route(graphql.PATH, endpoint, methods=["GET", "POST"], name="graphql"),
        WebSocketRoute(graphql.PATH, endpoint),
        *auth.routes,
        *_page_routes(),
    ]


def _page_routes() -> list[BaseRoute]:
    """Return the routes of every page module."""
    names = sorted(module.name for module in pkgutil.iter_modules(pages.__path__))
    modules: list[Any] = [importlib.import_module(f"{pages.__name__}.{name}") for name in names]
    return [route for module in modules for route in getattr(module, "routes", ())]


class _Readers:
    """Makes what reads texts: the rules, helped by a language model where one is configured."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        rules: EmbeddedMatcher,
        cache: Cache,
        budget: DailyBudget | None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._rules = rules
        self._cache = cache
        self._model: LanguageModelMatcher | None = None
        self._commenter: Commenter | None = None
        if budget is None:
            return
        endpoint = _language_model(settings)
        self._model = LanguageModelMatcher(rules, endpoint, budget)
        self._commenter = Commenter(rules, endpoint, budget)

    def commenter(self) -> Commenter | None:
        """Return what comments on answers."""
        return self._commenter

    def of(self, origin: TextOrigin, *, asking: bool = True) -> CachedMatcher:
        """Return what reads texts of an origin."""
        ontology = self._rules.ontology
        if self._model is None or not asking:
            return CachedMatcher(self._rules, ontology, self._cache)
        patience = Patience(self._settings.model_timeout, self._model.unasked)
        journal = DisagreementJournal(self._database, now, origin, Passwords(self._settings.secret))
        return CachedMatcher(self._model, ontology, self._cache, patience, journal)


def _language_model(settings: Settings) -> LanguageModelSettings:
    """Return where the language model answers."""
    key = settings.openai_api_key
    return LanguageModelSettings(
        api_key=key.get_secret_value() if key else "none",  # a local endpoint needs none
        model=settings.openai_model,
        base_url=settings.openai_base_url,
        timeout_s=settings.model_timeout,
        input_price=settings.model_input_price,
        output_price=settings.model_output_price,
    )


def _note_reader(settings: Settings, budget: DailyBudget | None) -> NoteReader:
    """Return what reads notes of triage: without a language model, unless one may."""
    if budget is None or not settings.model_reads_notes:
        return NoteReader()
    return NoteReader(Endpoint(_language_model(settings), budget))


def _budget(settings: Settings, cache: Cache) -> DailyBudget | None:
    """Return what a language model may cost; None where none is configured."""
    if settings.openai_api_key is None and settings.openai_base_url is None:
        return None
    return DailyBudget(
        cache, now, settings.time_zone, settings.model_calls_per_day, settings.model_euros_per_day
    )


def _home(settings: Settings) -> Home:
    """Return where the site keeps its models."""
    key = settings.model_key
    return Home(
        settings.data_dir,
        settings.mlflow_tracking_uri,
        key.get_secret_value() if key else None,
        Names(settings.triage_experiment, settings.triage_model),
        Names(settings.segmentation_experiment, settings.segmentation_model),
        settings.held_out,
    )


def _alert_mails(settings: Settings, database: Database) -> AlertMails | None:
    """Return what writes to readers of alerts; None where no mail server is set up."""
    if settings.smtp_host is None:
        return None
    server = MailServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_from,
        settings.smtp_encryption,
        settings.smtp_user or "",
        settings.smtp_password,
    )
    return AlertMails(database, now, server, Letters(settings, TEMPLATES))


def _model_sync(settings: Settings, database: Database, store: StoreProcess) -> ModelSync:
    return ModelSync(database, now, store, timedelta(minutes=settings.model_sync_minutes))


def _retraining(
    settings: Settings, database: Database, blob_store: BlobStore, home: Home, rules: TrainingRules
) -> RetrainingJobs | None:
    """Return what trains models anew; None in a process that cannot train any."""
    if all(lacking(family.value, rules.data) for family in ModelFamily):
        return None
    folder = settings.data_dir / "retraining"
    return RetrainingJobs(database, now, blob_store, TrainingProcess(home), rules, folder)


def _cache(settings: Settings) -> Cache:
    if settings.redis_url:
        from schema.services.redis_backends import RedisCache  # noqa: PLC0415 - a tenth of the time of a start

        return RedisCache(settings.redis_url)
    return LocalCache(settings.data_dir / "cache.db")


def _doorbell(settings: Settings) -> Doorbell:
    if settings.redis_url:
        from schema.services.redis_backends import RedisDoorbell  # noqa: PLC0415 - the same

        return RedisDoorbell(settings.redis_url)
    return LocalDoorbell()


def _blobs(settings: Settings) -> BlobStore:
    if settings.s3_bucket is None:
        return FolderBlobStore(settings.data_dir / "blobs")
    secret = settings.s3_secret_access_key
    options = {
        "endpoint_url": settings.s3_endpoint_url,
        "region_name": settings.s3_region,
        "aws_access_key_id": settings.s3_access_key_id,
        "aws_secret_access_key": secret.get_secret_value() if secret else None,
    }
    return S3BlobStore(settings.s3_bucket, **{name: value for name, value in options.items() if value})
