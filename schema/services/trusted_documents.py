"""The documents an account registers for tokens that may send no others."""

import hashlib
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from schema.errors import NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account
from schema.models.trusted_documents import TrustedDocument
from schema.policy import Actor
from schema.services.audit import Audit
from schema.services.clock import Clock

MAX_DOCUMENTS = 100
"""Documents an account may have registered."""


def sha256(text: str) -> str:
    """Return the id of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """Registers, finds and removes an account's documents.

    Parameters
    ----------
    actor
        Who asks; None for the command line.
    """

    session: Session
    clock: Clock
    actor: Actor | None

    def register(self, account_id: int, text: str, operations: list[str], cost: int) -> TrustedDocument:
        """Keep a document that was found to fit the schema; the same one again is the same.

        Raises
        ------
        NotAllowedError
            When a confined token asks: it would free itself.
        ValidationFailedError
            When the account has too many.
        """
        if self.actor is not None and self.actor.confined:
            raise NotAllowedError("confined_token")
        self.session.get(Account, account_id, with_for_update=True)  # one at a time
        identifier = sha256(text)
        known = self._found(account_id, identifier)
        if known is not None:
            return known
        mine = select(func.count()).where(TrustedDocument.account_id == account_id)
        if self.session.exec(mine).one() >= MAX_DOCUMENTS:
            raise ValidationFailedError.of("text", "too_many_documents", maximum=MAX_DOCUMENTS)
        document = TrustedDocument(
            account_id=account_id,
            sha256=identifier,
            text=text,
            operations=operations,
            cost=cost,
            created_at=self.clock(),
        )
        self.session.add(document)
        self.session.flush()
        self._record("document.registered", document)
        return document

    def remove(self, document_id: int) -> TrustedDocument:
        """Remove one of the actor's own documents; raises NotFoundError."""
        document = self.get(document_id)
        self.session.delete(document)
        self.session.flush()
        self._record("document.removed", document)
        return document

    def get(self, document_id: int) -> TrustedDocument:
        """Return one of the actor's own documents; raises NotFoundError."""
        document = self.session.get(TrustedDocument, document_id)
        if document is None or self.actor is None or document.account_id != self.actor.account_id:
            raise NotFoundError
        return document

    def text_of(self, identifier: str) -> str | None:
        """Return the text the actor's account registered under an id."""
        document = self._found(self.actor.account_id, identifier) if self.actor else None
        return document.text if document else None

    def _found(self, account_id: int, identifier: str) -> TrustedDocument | None:
        mine = select(TrustedDocument).where(TrustedDocument.account_id == account_id)
        return self.session.exec(mine.where(col(TrustedDocument.sha256) == identifier)).first()

    def _record(self, action: str, document: TrustedDocument) -> None:
        Audit(self.session, self.clock, self.actor).record(
            action, "TrustedDocument", document.id, account=document.account_id, sha256=document.sha256
        )
