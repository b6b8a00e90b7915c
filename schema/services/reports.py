"""Conformity reports: made once when a month is over, whichever worker comes first, and anew on request."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlmodel import Session, col, func, select

from schema.database import Database
from schema.errors import NotFoundError
from schema.models.conformity import ConformityReport
from schema.models.models import ModelVersion
from schema.pagination import Page, PageRequest
from schema.policy import Actor
from schema.services import jobs
from schema.services.audit import Audit
from schema.services.blobs import BlobStore
from schema.services.clock import Clock
from schema.services.conformity import Conformity, Month, conformity
from schema.services.jobs import Again, Claim
from schema.services.paging import Sort, page_of

REPORT_JOB = "report_conformity"
LANGUAGES = ("fr", "en")
MOST_BEHIND = 12
"""Months that are made up for after a worker was away."""
HTML, PDF = "text/html; charset=utf-8", "application/pdf"


class Written(NamedTuple):
    """A report's files; no PDF where the machine cannot write any."""

    html: bytes
    pdf: bytes | None


class Writer(Protocol):
    """Writes what is said: `server.reports.ReportWriter`."""

    def write(self, said: Conformity, language: str) -> Written:
        """Return the files; the same ones of the same."""


class Reports:
    """What makes reports; it keeps its own transactions, and none is open while one is written."""

    def __init__(self, database: Database, clock: Clock, blobs: BlobStore, writer: Writer) -> None:
        self._database = database
        self._clock = clock
        self._blobs = blobs
        self._writer = writer

    def work(self, claim: Claim, progress: Callable[[float], None]) -> Again:
        """Make what is missing: the standing job."""
        with self._database.read() as session:
            missing = _missing(session, self._clock())
        for number, (month, language) in enumerate(missing):
            made = self._written(month, language, automatic=True)
            with self._database.write() as session:
                jobs.held(session, claim)
                self._keep(session, made)
            progress((number + 1) / len(missing))
        return Again(lambda _session: Month.before(self._clock()).next.ends)

    def make(self, month: Month, language: str) -> ConformityReport:
        """Make a month's report anew; one that says what the last one did is that one."""
        made = self._written(month, language, automatic=False)
        with self._database.write() as session:
            return self._keep(session, made)

    def _written(self, month: Month, language: str, *, automatic: bool) -> ConformityReport:
        with self._database.read() as session:
            said = conformity(session, month)
        files = self._writer.write(said, language)
        return ConformityReport(
            month=str(month),
            language=language,
            html_key=self._blobs.put(files.html, HTML),
            pdf_key=self._blobs.put(files.pdf, PDF) if files.pdf is not None else None,
            automatic=automatic,
            made_at=self._clock(),
        )

    def _keep(self, session: Session, made: ConformityReport) -> ConformityReport:
        its = (ConformityReport.month == made.month, ConformityReport.language == made.language)
        newest = select(ConformityReport).where(*its).order_by(col(ConformityReport.id).desc()).limit(1)
        known = session.exec(newest).first()
        if known is not None and (known.html_key, known.pdf_key) == (made.html_key, made.pdf_key):
            kept = known
        else:
            session.add(kept := made)
            session.flush()
        said = {"month": kept.month, "language": kept.language, "html": kept.html_key, "pdf": kept.pdf_key}
        Audit(session, self._clock, None).record("report.made", "ConformityReport", kept.id, **said)
        return kept


def wake_reports(session: Session, clock: Clock) -> None:
    """Have missing reports made soon, and each month's from then on."""
    jobs.wake(session, clock, REPORT_JOB, {}, REPORT_JOB)


def reports(session: Session, request: PageRequest) -> Page[ConformityReport]:
    """Return a page of reports: the newest month first, and of one month the newest."""
    newest = Sort(col(ConformityReport.month), descending=True)
    return page_of(
        session, select(ConformityReport), [newest, Sort(col(ConformityReport.id), descending=True)], request
    )


def opened(session: Session, clock: Clock, actor: Actor, report_id: int, form: str) -> ConformityReport:
    """Return a report that somebody opens, and put that on record; raises NotFoundError.

    Parameters
    ----------
    form
        ``html`` or ``pdf``.
    """
    found = session.get(ConformityReport, report_id)
    if found is None or (form == "pdf" and found.pdf_key is None):
        raise NotFoundError
    said = {"month": found.month, "language": found.language, "form": form}
    Audit(session, clock, actor).record("report.read", "ConformityReport", report_id, **said)
    return found


def _missing(session: Session, now: datetime) -> list[tuple[Month, str]]:
    """Return what is to be made: since the last month that was, at first that which has just ended.

    A platform that had no version of any model yet has nothing to report.
    """
    last = Month.before(now)
    automatic = select(func.max(ConformityReport.month)).where(col(ConformityReport.automatic))
    newest: str | None = session.exec(automatic).one()
    if newest is None:
        known = select(ModelVersion.id).where(col(ModelVersion.created_at) < last.ends).limit(1)
        if session.exec(known).first() is None:
            return []
    month = last if newest is None else Month.read(newest)
    months = []
    while month <= last:
        months.append(month)
        month = month.next
    made = set(session.exec(select(ConformityReport.month, ConformityReport.language)))
    wanted = [(each, language) for each in months[-MOST_BEHIND:] for language in LANGUAGES]
    return [(each, language) for each, language in wanted if (str(each), language) not in made]
