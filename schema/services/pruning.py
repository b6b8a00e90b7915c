"""Removing what nobody asks for any more: finished jobs, past events, messages, sentences, kept images."""

from datetime import timedelta

from sqlmodel import Session, col, delete, or_, select, update

from schema.database import Database
from schema.models.disagreements import Disagreement
from schema.models.predictions import Prediction
from schema.models.segmentations import Segmentation
from schema.models.webhooks import WebhookDelivery
from schema.models.work import Event, Job
from schema.services.clock import Clock
from schema.services.loose_files import release
from schema.services.webhooks import pause_made_through_expired

KEPT = timedelta(days=30)
"""How long a finished job, an event and a webhook's message are kept; docs/operating.md says so too."""
SENTENCES_KEPT = timedelta(days=90)
"""How long a sentence waits for an expert; docs/operating.md says so too."""
IMAGES_KEPT = timedelta(days=365)
"""How long images of segmentations are kept for learning; docs/operating.md and the page of asking say so."""
AT_ONCE = 1_000
"""Rows of each kind removed in one transaction, so that others never wait for long."""


def prune(database: Database, clock: Clock) -> int:
    """Remove some of what is old and return from how many rows; 0 when nothing is left to remove.

    A job that is not finished stays however old it is; a message goes even if it never arrived. A sequence is
    never given out again: whoever resumes from before the events that are gone gets those that are left. A
    disagreement stays without its sentence. Webhooks whose token has expired show as paused from then on.
    """
    before = clock() - KEPT
    finished = select(Job.id).where(col(Job.finished_at) < before).limit(AT_ONCE)
    told = select(WebhookDelivery.id).where(col(WebhookDelivery.created_at) < before).limit(AT_ONCE)
    past = select(Event.sequence).where(col(Event.at) < before).limit(AT_ONCE)
    quoted = select(Disagreement.id).where(
        Disagreement.sentence != "",
        or_(
            col(Disagreement.verdict).is_not(None),
            col(Disagreement.created_at) < clock() - SENTENCES_KEPT,
        ),
    )
    with database.write() as session:
        pause_made_through_expired(session, clock)
    with database.write() as session:
        jobs = delete(Job).where(col(Job.id).in_(finished.with_for_update(skip_locked=True)))
        events = delete(Event).where(col(Event.sequence).in_(past.with_for_update(skip_locked=True)))
        messages = delete(WebhookDelivery).where(
            col(WebhookDelivery.id).in_(told.with_for_update(skip_locked=True))
        )
        silent = quoted.limit(AT_ONCE).with_for_update(skip_locked=True)
        sentences = update(Disagreement).where(col(Disagreement.id).in_(silent)).values(sentence="")
        removed = sum(session.exec(each).rowcount for each in (jobs, events, messages, sentences))
        return removed + _forget_images(session, clock)


def _forget_images(session: Session, clock: Clock) -> int:
    old = (
        select(Segmentation)
        .join(Prediction, col(Prediction.id) == Segmentation.prediction_id)
        .where(col(Segmentation.images).is_not(None), col(Prediction.created_at) < clock() - IMAGES_KEPT)
        .limit(AT_ONCE)
        .with_for_update(of=Segmentation, skip_locked=True)
    )
    rows = session.exec(old).all()
    for row in rows:
        release(session, clock, (row.images or {}).values())
        row.images = None
    return len(rows)
