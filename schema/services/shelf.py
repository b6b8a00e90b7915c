"""The ontologies this process reads texts with, kept up with those of the database.

Others may edit an ontology or put another to use at any time, in any process: whoever serves a request calls
`refresh`, which looks at most once a second. What is read with is never changed, only replaced.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select

from ml.language.checking import OntologyError
from ml.language.commenting import Commenter
from ml.language.ontology import Ontology
from schema.database import Database
from schema.models import ontologies as rows
from schema.services.editions import latest_ontology
from schema.services.matching import CachedMatcher

LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Matchers:
    """What reads into one ontology.

    Attributes
    ----------
    answers
        Reads students' answers: always on this machine.
    descriptions
        Reads teachers' descriptions; may ask a language model.
    commenter
        Comments on marked answers; None where no language model may see them.
    """

    answers: CachedMatcher
    descriptions: CachedMatcher
    commenter: Commenter | None = None


@dataclass(frozen=True)
class Loaded:
    """An ontology and what reads into it, made when first asked for."""

    ontology: Ontology
    make: Callable[[Ontology], Matchers] = field(repr=False)

    @cached_property
    def matchers(self) -> Matchers:
        """Return what reads into it."""
        return self.make(self.ontology)


@dataclass(frozen=True)
class _Shelved:
    """Each ontology as it stands, by row; which one is in use; whose each version is."""

    mark: tuple[int, int]
    in_use: int
    loaded: dict[int, Loaded]
    owners: dict[str, int]


class Shelf:
    """The ontology in use, and the others that keys were made with.

    Parameters
    ----------
    shipped
        What is used until the database names another.
    make
        Makes what reads into an ontology.
    """

    def __init__(self, database: Database, shipped: Ontology, make: Callable[[Ontology], Matchers]) -> None:
        self._database = database
        self._shipped = shipped
        self._make = make
        self._lock = threading.Lock()
        self._look_at = 0.0
        self._shelved = _Shelved((0, 0), 0, {0: Loaded(shipped, make)}, {shipped.version: 0})

    @property
    def shipped(self) -> Ontology:
        """Return the ontology of this release."""
        return self._shipped

    @property
    def current(self) -> Loaded:
        """Return the ontology in use."""
        return self._shelved.loaded[self._shelved.in_use]

    def of(self, version: str) -> Loaded:
        """Return the ontology that a version belongs to, as it stands today; the one in use if none does."""
        shelved = self._shelved
        return shelved.loaded[shelved.owners.get(version, shelved.in_use)]

    def holding(self, concept_id: str) -> Ontology | None:
        """Return an ontology that has a concept, the one in use first."""
        shelved = self._shelved
        every = (shelved.loaded[shelved.in_use], *shelved.loaded.values())
        return next((each.ontology for each in every if concept_id in each.ontology), None)

    def refresh(self, *, at_once: bool = False) -> None:
        """Take up what has changed in the database, if it was looked at more than a second ago.

        While the database is away, or holds what this release cannot read, what was loaded stays in use.
        """
        if not at_once and time.monotonic() < self._look_at:
            return
        with self._lock:
            try:
                with self._database.read() as session:
                    self._take_up(session)
            except (SQLAlchemyError, OntologyError) as error:
                log.warning("the ontologies could not be read, those loaded stay: %s", type(error).__name__)
            self._look_at = time.monotonic() + LOOK_SECONDS

    def _take_up(self, session: Session) -> None:
        newest = session.exec(select(func.max(rows.OntologyVersion.id))).one() or 0
        active = session.exec(select(rows.Ontology.id).where(col(rows.Ontology.active))).first() or 0
        if not active or self._shelved.mark == (newest, active):
            return
        every = session.exec(select(rows.OntologyVersion.version, rows.OntologyVersion.ontology_id))
        owners = dict(every.all())
        loaded = {owner: self._loaded(session, owner) for owner in set(owners.values())}
        owners |= {each.ontology.version: owner for owner, each in loaded.items()}
        self._shelved = _Shelved((newest, active), active, loaded, owners)

    def _loaded(self, session: Session, owner: int) -> Loaded:
        """Return an ontology as it stands, with the matchers that an earlier look has made for the same."""
        ontology = latest_ontology(session, owner)
        known = [each for each in self._shelved.loaded.values() if each.ontology.version == ontology.version]
        return known[0] if known else Loaded(ontology, self._make)
