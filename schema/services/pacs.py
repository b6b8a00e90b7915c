"""ECGs from the hospital's archives (PACS): searched without a name, fetched and made cases one by one.

What an archive sends is kept nowhere: it is decoded and de-identified from memory like any upload. What
identifies a series there, and thereby a patient, is sealed before anybody is given it, and stays sealed in
the job that fetches it.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any

import orjson
from sqlmodel import Session

from ml.ecg.batch import MOST_ENTRIES
from ml.ecg.decoding import DecodeError, DecodeFailure
from ml.pacs import asking
from ml.pacs.archives import LONGEST_TEXT, Archive, Criteria, Fetched, PacsError, PacsFault, Series
from schema.database import Database
from schema.errors import (
    FieldProblem,
    NotFoundError,
    ValidationFailedError,
)
from schema.models.work import Job
from schema.policy import Actor, Scope
from schema.services import bulk, jobs
from schema.services.audit import Audit
from schema.services.cases import Cases
from schema.services.clock import Clock
from schema.services.intake import Page, refusal_of
from schema.services.jobs import Again, Claim
from schema.services.passwords import Passwords
from schema.services.recording_imports import LONGEST_NAME, Outcome, RecordingImports
from schema.services.sealing import Seal
from schema.services.shelf import Shelf
from schema.services.text import line

MOST_CHOICES = 100
"""Series fetched at once."""
PORT_PAUSE, MOST_PAUSES = timedelta(seconds=5), 60
"""How often a port is tried that another process of ours may be receiving at."""


@dataclass(frozen=True)
class Choice:
    """A series that was found.

    Attributes
    ----------
    key
        Stands for it, for the account that searched alone.
    """

    key: str
    series: Series


@dataclass(frozen=True)
class Findings:
    """What a search found, or why it found nothing."""

    choices: tuple[Choice, ...] = ()
    more: bool = False
    fault: PacsFault | None = None


@dataclass
class State:
    """How far an import has come.

    Attributes
    ----------
    series
        How many of those chosen are done.
    handled
        Which objects of the one under way are, by a hash with the site's key.
    cases, outcomes
        The case of each group; what became of each object.
    pauses
        How often the port was in use.
    """

    series: int = 0
    handled: list[str] = field(default_factory=list)
    cases: dict[str, int] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    pauses: int = 0

    @classmethod
    def of(cls, document: dict[str, Any]) -> "State":
        """Return what was kept."""
        return cls(**{**document, "outcomes": [Outcome(**each) for each in document["outcomes"]]})


class Pacs:
    """Searches archives, and makes cases of what they hold. It keeps its own transactions."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        database: Database,
        clock: Clock,
        archives: Mapping[str, Archive],
        passwords: Passwords,
        shelf: Shelf,
        imports: RecordingImports,
    ) -> None:
        self._database = database
        self._clock = clock
        self._archives = archives
        self._passwords = passwords
        self._shelf = shelf
        self._imports = imports
        self._seal = Seal(passwords, "pacs")

    def names(self, actor: Actor) -> list[str]:
        """Return the archives the actor may search."""
        return list(self._archives) if actor.may(Scope.PACS) else []

    def search(self, actor: Actor, name: str, criteria: Criteria) -> Findings:
        """Ask an archive; that it was asked is on the trail, not what for.

        Raises
        ------
        NotFoundError
            When the site has no such archive.
        ValidationFailedError
            At `description` and `since`.
        """
        archive = self._archives.get(name)
        if archive is None:
            raise NotFoundError
        criteria = _checked(criteria)
        with self._database.write() as session:
            Audit(session, self._clock, actor).record("pacs.searched", "Archive", None, archive=name)
        try:
            found = asking.search(archive, criteria)
        except PacsError as error:
            return Findings(fault=error.fault)
        return Findings(tuple(self._choice(actor, name, each) for each in found.series), found.more)

    def ask(self, actor: Actor, choices: Sequence[str], name: str, key: str, *, one_case: bool) -> Job:
        """Have series fetched and made cases: each object one, or all of them one.

        Raises
        ------
        ValidationFailedError
            At `series` when there are none, too many, or one that this actor did not find; at `name`, and
            what `bulk.ask` raises.
        """
        tidy, problems = line(name, "name", LONGEST_NAME)
        wanted = list(dict.fromkeys(choices))
        if not wanted:
            problems.append(FieldProblem(("series",), "needs_series"))
        if len(wanted) > MOST_CHOICES:
            problems.append(FieldProblem(("series",), "too_many", (("maximum", str(MOST_CHOICES)),)))
        if problems:
            raise ValidationFailedError(problems)
        try:
            archives = {self._opened(actor.account_id, each)[0] for each in wanted}
        except NotFoundError:
            raise ValidationFailedError.of("series", "pacs_choice") from None
        payload = {"series": wanted, "name": tidy, "one_case": one_case}
        with self._database.write() as session:
            job = bulk.ask(session, actor, self._clock, bulk.PACS_JOB, payload, key)
            if job.checkpoint is None and job.finished_at is None:
                job.checkpoint = asdict(State())
                detail = {"archives": sorted(archives), "series": len(wanted)}
                Audit(session, self._clock, actor).record("pacs.asked", "Job", job.id, **detail)
            return job

    def work(self, claim: Claim, _progress: Callable[[float], None]) -> dict[str, Any] | Again:
        """Do one series of the job, or what another worker has left of it; the others have their turns."""
        state, chosen = State.of(claim.checkpoint or asdict(State())), claim.payload["series"]
        if state.series < len(chosen):
            try:
                self._series(claim, state)
            except PacsError as error:
                if error.fault is PacsFault.PORT_TAKEN and state.pauses < MOST_PAUSES:
                    state.pauses += 1
                    self._note(claim, state)
                    return Again(lambda _session: self._clock() + PORT_PAUSE)
                state.outcomes.append(_refused(_problem(error.fault)))
            state.series, state.handled = state.series + 1, []
            self._note(claim, state)
        if state.series < len(chosen):
            return Again(lambda _session: self._clock())
        return self._finished(claim, state)

    def _choice(self, actor: Actor, archive: str, found: Series) -> Choice:
        """Return a series to choose, without whom its descriptions may name."""
        mask = self._shelf.current.masker.mask
        shown = replace(
            found, study_description=mask(found.study_description), description=mask(found.description)
        )
        place = orjson.dumps([archive, found.study, found.uid]).decode()
        return Choice(self._seal.seal(actor.account_id, place), shown)

    def _opened(self, account_id: int, choice: str) -> tuple[str, str, str]:
        """Return archive, study and series of a choice; raises NotFoundError."""
        archive, study, series = orjson.loads(self._seal.open(account_id, choice))
        return archive, study, series

    def _series(self, claim: Claim, state: State) -> None:
        """Fetch a series, and add its objects one after another."""
        with self._database.read() as session:
            self._asking(session, claim)
        place, study, series = self._opened(claim.account_id or 0, claim.payload["series"][state.series])
        room = MOST_ENTRIES - len(state.outcomes) + len(state.handled)  # listed anew from the first
        if place not in self._archives:
            state.outcomes.append(_refused(FieldProblem(("series",), "pacs_archive_gone")))
            return
        if room <= 0:
            state.outcomes.append(_refused(_problem(PacsFault.TOO_MANY)))
            state.series = len(claim.payload["series"])
            return
        count = 0
        with closing(asking.fetch(self._archives[place], study, series, room)) as objects:
            for fetched in objects:
                count += 1
                mark = self._passwords.keyed("pacs object", fetched.uid)
                if mark not in state.handled:
                    self._object(claim, state, fetched, mark, count / (count + fetched.left))
        if not count:
            raise PacsError(PacsFault.NOT_SENT)

    def _object(self, claim: Claim, state: State, fetched: Fetched, mark: str, part: float) -> None:
        """Decode an object, in no transaction, then add it or tell why it was left out."""
        pages, problem = list[Page](), _problem(fetched.fault) if fetched.fault else None
        if problem is None:
            pages, problem = self._imports.read(claim.account_id or 0, io.BytesIO(fetched.data))
        with self._database.write() as session:
            job = jobs.held(session, claim)
            actor = self._asking(session, claim)
            if problem is None:
                cases = Cases(session, actor, self._clock, self._shelf.current.ontology)
                group = 0 if claim.payload["one_case"] else len(state.outcomes)
                outcome = self._imports.kept(session, cases, claim.payload["name"], state.cases, group, pages)
            else:
                outcome = _refused(problem)
            state.outcomes.append(outcome)
            state.handled.append(mark)
            done = (state.series + part) / len(claim.payload["series"])
            jobs.checkpoint(session, self._clock, job, asdict(state), done)
        if outcome.code:
            self._imports.drop(pages)

    def _asking(self, session: Session, claim: Claim) -> Actor:
        """Return who asked; raises a refusal when they may not any more."""
        return bulk.asking(session, self._clock, claim, Scope.PACS)

    def _note(self, claim: Claim, state: State) -> None:
        with self._database.write() as session:
            job = jobs.held(session, claim)
            done = min(state.series / len(claim.payload["series"]), 1.0)
            jobs.checkpoint(session, self._clock, job, asdict(state), done)

    def _finished(self, claim: Claim, state: State) -> dict[str, Any]:
        counts = {
            "files": len(state.outcomes),
            "recordings": sum(outcome.recordings for outcome in state.outcomes),
            "cases": len(state.cases),
            "held": sum(outcome.held for outcome in state.outcomes),
            "faults": sum(bool(outcome.code) for outcome in state.outcomes),
        }
        with self._database.write() as session:
            jobs.held(session, claim)
            actor = self._asking(session, claim)
            Audit(session, self._clock, actor).record("pacs.imported", "Job", claim.id, **counts)
        return {**counts, "outcomes": [asdict(outcome) for outcome in state.outcomes]}


def problem_of(fault: PacsFault) -> FieldProblem:
    """Return a fault as what it says to people."""
    return FieldProblem(("archive",), f"pacs_{fault.value}")


def _problem(fault: PacsFault) -> FieldProblem:
    """Return a fault of an object; limits are worded like those of files that are sent."""
    if fault is PacsFault.TOO_LARGE:
        return refusal_of(DecodeError(DecodeFailure.TOO_LARGE)).problems[0]
    if fault is PacsFault.TOO_MANY:
        return FieldProblem(("series",), "too_many_files", (("maximum", str(MOST_ENTRIES)),))
    return problem_of(fault)


def _refused(problem: FieldProblem) -> Outcome:
    return Outcome(code=problem.code, values=dict(problem.values))


def _checked(criteria: Criteria) -> Criteria:
    """Return criteria as they go to an archive.

    Raises
    ------
    ValidationFailedError
        At `description`, where a backslash would part several values, and at `since`.
    """
    tidy, problems = line(criteria.description, "description", LONGEST_TEXT - 2)
    if not tidy:
        problems = []
    if "\\" in tidy:
        problems.append(FieldProblem(("description",), "unprintable"))
    if criteria.since and criteria.until and criteria.since > criteria.until:
        problems.append(FieldProblem(("since",), "since_after_until"))
    if problems:
        raise ValidationFailedError(problems)
    return replace(criteria, description=tidy)
