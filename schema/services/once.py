"""Requests that may be sent again: under one key, the same one is answered alike and any other is refused."""

import hashlib
from dataclasses import dataclass
from typing import IO, Any, TypeVar

import orjson
from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from schema.errors import FieldProblem, ValidationFailedError
from schema.models.cases import Case, Recording
from schema.models.held_pages import HeldPage
from schema.models.segmentations import Segmentation
from schema.models.training import TrainingSession
from schema.services.text import line

FIELD = "idempotencyKey"
LONGEST_KEY = 100
LONGEST_JOB_KEY = 200
"""Also of attempts that are handed in."""
_CHUNK = 1 << 20
_GZIP_HEAD = 10

Made = TypeVar("Made", Case, HeldPage, Recording, Segmentation, TrainingSession)


@dataclass(frozen=True, slots=True)
class Once:
    """What a request is known by should it be sent again.

    Parameters
    ----------
    key
        What its sender calls it.
    sha256
        Of all that was asked; None where it was not kept.
    """

    key: str
    sha256: str | None

    @classmethod
    def of(cls, key: str, asked: object, longest: int = LONGEST_KEY) -> "Once":
        """Return what a request is known by.

        Parameters
        ----------
        asked
            What tells it from another, as JSON has it.

        Raises
        ------
        ValidationFailedError
            When the key is none.
        """
        tidy, problems = line(key, FIELD, longest)
        if problems:
            raise ValidationFailedError(problems)
        return cls(tidy, hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest())

    def check(self, sha256: str | None) -> None:
        """Refuse the key of another request; of one whose digest was not kept nobody can say.

        Raises
        ------
        ValidationFailedError
            When what was asked under the key has another digest.
        """
        if sha256 != self.sha256 and None not in {sha256, self.sha256}:
            raise ValidationFailedError.of(FIELD, "key_used")


def made_by(
    session: Session, once: Once | None, table: type[Made], *among: ColumnElement[bool] | bool
) -> Made | None:
    """Return what a request has made before, among the rows under conditions; raises as `Once.check`."""
    if once is None:
        return None
    row = session.exec(select(table).where(col(table.idempotency_key) == once.key, *among)).first()
    if row is not None:
        once.check(row.asked_sha256)
    return row


def added(session: Session, once: Once | None, row: Made, *among: ColumnElement[bool] | bool) -> Made:
    """Add a row; return that of the same request where it was sent twice at the same moment."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raced = made_by(session, once, type(row), *among)
        if raced is None:
            raise
        return raced
    return row


def columns_of(once: Once | None) -> dict[str, Any]:
    """Return the columns by which a row is found when what made it is sent again."""
    return {
        "idempotency_key": None if once is None else once.key,
        "asked_sha256": None if once is None else once.sha256,
    }


def read_key(key: str | None) -> tuple[str | None, list[FieldProblem]]:
    """Return a key as it is kept, and what is wrong with it."""
    return (None, []) if key is None else line(key, FIELD, LONGEST_KEY)


def digest_of(stream: IO[bytes]) -> str:
    """Return the SHA-256 of a file that was sent, which can then be read from its start again. Slow.

    Of gzip, the time at which it was compressed is left out: a file sent again may be compressed again.
    """
    stream.seek(0)
    head = stream.read(_GZIP_HEAD)
    timeless = head[:4] + bytes(4) + head[8:] if head.startswith(b"\x1f\x8b") else head
    digest = hashlib.sha256(timeless)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    stream.seek(0)
    return digest.hexdigest()
