"""The ontologies this process reads texts with, kept up with those of the database.

Others may edit an ontology or put another to use at any time, in any process: whoever serves a request calls
`refresh`, which looks at most once a second. What is read with is never changed, only replaced.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from sqlmodel import Session, col, func, select

from ml.language.checking import OntologyError
from ml.language.commenting import Commenter
from ml.language.masking import Masker
from ml.language.ontology import Ontology
from ml.triage.scale import french
from schema.database import Database
from schema.models import ontologies as rows
from schema.models.ontologies import OntologyOrigin
from schema.services.editions import WITHOUT_DOCUMENT, latest_ontology, latest_version
from schema.services.glancing import Glance
from schema.services.matching import CachedMatcher

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

    @cached_property
    def masker(self) -> Masker:
        """Return what hides who a text is about, and leaves concepts and complaints of triage."""
        complaints = (name for each in french().complaints.values() for name in (each.fr, each.en))
        return Masker(
            [name for each in self.ontology.concepts for name in each.every_name] + list(complaints)
        )


@dataclass(frozen=True)
class _Shelved:
    """Each ontology as it stands, by row.

    Attributes
    ----------
    newest
        The row of each one's latest version.
    owners
        Whose each version is.
    shipped
        The one that came with the platform.
    known
        Every code that any of them has or had.
    """

    in_use: int
    shipped: int
    loaded: dict[int, Loaded]
    newest: dict[int, int]
    owners: dict[str, int]
    known: frozenset[str]


class Shelf:
    """The ontology in use, and the others that keys were made with.

    `code in shelf` says whether any of them has, or had, a concept: what a student picked must not be refused
    because an expert has removed it since.

    Parameters
    ----------
    shipped
        What is used until the database names another.
    make
        Makes what reads into an ontology.
    """

    def __init__(self, database: Database, shipped: Ontology, make: Callable[[Ontology], Matchers]) -> None:
        self._shipped = shipped
        self._make = make
        self._glance = Glance(database, self._take_up, log, "the ontologies", (OntologyError,))
        codes = frozenset(each.id for each in shipped.concepts)
        self._shelved = _Shelved(0, 0, {0: Loaded(shipped, make)}, {}, {}, codes)

    def __contains__(self, concept_id: object) -> bool:
        return concept_id in self._shelved.known

    @property
    def shipped(self) -> Ontology:
        """Return the ontology of this release."""
        return self._shipped

    @property
    def current(self) -> Loaded:
        """Return the ontology in use."""
        return self._shelved.loaded[self._shelved.in_use]

    def of(self, version: str) -> Loaded:
        """Return the ontology that a version belongs to, as it stands today.

        Versions of the time before there were several are of the one that came with the platform.
        """
        shelved = self._shelved
        return shelved.loaded[shelved.owners.get(version, shelved.shipped)]

    def holding(self, concept_id: str) -> Ontology | None:
        """Return an ontology that has a concept, the one in use first."""
        in_use = self.current.ontology
        if concept_id in in_use:
            return in_use
        every = self._shelved.loaded.values()
        return next((each.ontology for each in every if concept_id in each.ontology), None)

    def refresh(self, *, at_once: bool = False) -> None:
        """Take up what has changed in the database, if it was looked at more than a second ago.

        While the database is away, or the ontology in use is none that this release can read, what was loaded
        stays in use.
        """
        self._glance.refresh(at_once=at_once)

    def _take_up(self, session: Session) -> None:
        lines = session.exec(select(rows.Ontology.id, rows.Ontology.origin, rows.Ontology.active)).all()
        in_use = next((key or 0 for key, _, active in lines if active), 0)
        latest = func.max(rows.OntologyVersion.id)
        grouped = select(rows.OntologyVersion.ontology_id, latest).group_by(
            col(rows.OntologyVersion.ontology_id)
        )
        newest = {owner: version or 0 for owner, version in session.exec(grouped)}
        if not in_use or (newest, in_use) == (self._shelved.newest, self._shelved.in_use):
            return
        loaded = {owner: found for owner in newest if (found := self._loaded(session, owner, newest[owner]))}
        if in_use not in loaded:
            raise OntologyError([])
        shipped = next((key or 0 for key, origin, _ in lines if origin == OntologyOrigin.SHIPPED), in_use)
        self._shelved = _Shelved(
            in_use,
            shipped if shipped in loaded else in_use,
            loaded,
            newest,
            self._owners(session, loaded),
            self._known(session, loaded),
        )

    def _loaded(self, session: Session, owner: int, version: int) -> Loaded | None:
        """Return an ontology as it stands, or as it was where this release cannot read it.

        Matchers that an earlier look has made for the same contents are kept.
        """
        before = self._shelved.loaded.get(owner)
        if self._shelved.newest.get(owner) == version:
            return before
        name = latest_version(session, owner).version
        known = [each for each in self._shelved.loaded.values() if each.ontology.version == name]
        if known:
            return known[0]
        try:
            return Loaded(latest_ontology(session, owner), self._make)
        except OntologyError as error:
            log.warning(
                "ontology %s cannot be read as it stands: %s", owner, "; ".join(map(str, error.faults))
            )
            return before

    def _owners(self, session: Session, loaded: dict[int, Loaded]) -> dict[str, int]:
        versions = select(rows.OntologyVersion).order_by(col(rows.OntologyVersion.id))
        owners: dict[str, int] = {}
        for each in session.exec(versions.options(WITHOUT_DOCUMENT)):
            if each.ontology_id in loaded:
                owners.setdefault(each.version, each.ontology_id)
                owners.setdefault(each.release or each.version, each.ontology_id)
        return {each.ontology.version: owner for owner, each in loaded.items()} | owners

    def _known(self, session: Session, loaded: dict[int, Loaded]) -> frozenset[str]:
        edited = session.exec(select(rows.ConceptChange.concept_id).distinct()).all()
        present = (concept.id for each in loaded.values() for concept in each.ontology.concepts)
        return self._shelved.known.union(edited, present)
