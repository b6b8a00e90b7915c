"""What the rules and a language model read differently: noted by the matcher, settled by experts."""

import logging
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from ml.language.types import Reading
from schema.database import Database
from schema.errors import NotFoundError
from schema.models.disagreements import Disagreement, DisagreementVerdict, TextOrigin
from schema.pagination import Page, PageRequest
from schema.policy import Actor
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.paging import Sort, page_of
from schema.services.passwords import Passwords

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DisagreementJournal:
    """Notes disputes in a transaction of its own; a database that is away costs the note, not the reading."""

    database: Database
    clock: Clock
    origin: TextOrigin
    passwords: Passwords

    def keep(self, text: str, reading: Reading) -> None:
        """Note what is not noted yet; of a student's answer not a word."""
        if reading.consultation is None:
            return
        digest = self.passwords.keyed("text", text)
        rows = [
            Disagreement(
                text_digest=digest,
                origin=self.origin.value,
                concept_id=each.concept,
                rules_polarity=each.rules.value if each.rules else None,
                model_polarity=each.model.value if each.model else None,
                sentence=each.sentence if self.origin is TextOrigin.DESCRIPTION else "",
                matcher_version=reading.source,
                created_at=self.clock(),
            )
            for each in reading.consultation.disputes
        ]
        try:
            with self.database.write() as session:
                noted = select(Disagreement.concept_id).where(
                    Disagreement.text_digest == digest, Disagreement.matcher_version == reading.source
                )
                known = set(session.exec(noted).all())
                session.add_all(row for row in rows if row.concept_id not in known)
        except SQLAlchemyError as error:
            log.warning("a disagreement could not be noted: %s", type(error).__name__)


@dataclass(frozen=True, slots=True)
class Disagreements:
    """Lists and settles disagreements; the scope decides who may."""

    session: Session
    clock: Clock
    actor: Actor

    def page(
        self, request: PageRequest, verdict: DisagreementVerdict | None = None, *, settled: bool | None = None
    ) -> Page[Disagreement]:
        """Return a page of them, newest first.

        Parameters
        ----------
        verdict
            Only those settled so.
        settled
            Only those that are settled, or that are not.
        """
        rows = select(Disagreement)
        if verdict is not None:
            rows = rows.where(Disagreement.verdict == verdict.value)
        if settled is not None:
            still_open = col(Disagreement.verdict).is_(None)
            rows = rows.where(~still_open if settled else still_open)
        return page_of(self.session, rows, [Sort(col(Disagreement.id), descending=True)], request)

    def get(self, disagreement_id: int) -> Disagreement:
        """Return one; raises NotFoundError."""
        row = self.session.get(Disagreement, disagreement_id)
        if row is None:
            raise NotFoundError
        return row

    def settle(self, disagreement_id: int, verdict: DisagreementVerdict) -> Disagreement:
        """Say who was right and forget the sentence; a later word replaces an earlier one."""
        row = self.get(disagreement_id)
        row.sentence = ""
        row.verdict, row.settled_by, row.settled_at = verdict.value, self.actor.account_id, self.clock()
        self.session.add(row)
        self.session.flush()
        audit = Audit(self.session, self.clock, self.actor)
        audit.record("disagreement.settled", "MatcherDisagreement", row.id, verdict=verdict.value)
        return row
