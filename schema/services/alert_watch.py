"""Looking after the rules of alerts: what opens one, and what lets it close by itself."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session, col, select

from schema.database import Database
from schema.models.alerts import Alert, AlertCause, AlertComparison, AlertEnding, AlertMetric, AlertRule
from schema.models.models import Deployment, ModelVersion
from schema.models.predictions import ModelFamily
from schema.services.alert_mails import write_down
from schema.services.alerts import alert_under_way, close_alert, open_alert, rule_key
from schema.services.clock import Clock
from schema.services.drift import DriftState, drift
from schema.services.feedback_statistics import Part, feedback_figures
from schema.services.jobs import NEVER, Again, Claim
from schema.services.monitoring import Figures, Watched, feedback_of, summary

LOOK_EVERY = timedelta(minutes=5)
"""How often the rules are looked at; docs/operating.md says so too."""
CALM_LOOKS = 12
"""After so many looks that found all well again, an hour's, an alert closes by itself."""
JUMP_S = 120.0
"""A clock that differs by more from the time that has passed has jumped."""
POOR = ("low", "insufficient")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """The figure of a rule.

    Parameters
    ----------
    value
        None where there is too little to say any.
    count
        Of how many predictions, or opinions.
    """

    value: float | None
    count: int


@dataclass
class Look:
    """One look at all rules, which reads what several of them need once."""

    session: Session
    today: date
    _read: dict[tuple[Watched, date, date], Figures] = field(default_factory=dict)

    def window(self, rule: AlertRule, *, whole_days: bool = False) -> tuple[Watched, date, date]:
        """Return what a rule is about, from its first to its last day: today, unless it is to be over."""
        until = self.today - timedelta(days=int(whole_days))
        since = until - timedelta(days=rule.days - 1)
        return Watched(ModelFamily(rule.family), rule.version_id), since, until

    def figures(self, rule: AlertRule, *, whole_days: bool = False) -> Figures:
        """Return the figures of a rule's days."""
        key = self.window(rule, whole_days=whole_days)
        if key not in self._read:
            self._read[key] = summary(self.session, *key)
        return self._read[key]


Measure = Callable[[Look, AlertRule], Measured]


def _volume(look: Look, rule: AlertRule) -> Measured:
    """Return how many a day there were; of whole days, since today is not over."""
    total = look.figures(rule, whole_days=True).tally.total
    return Measured(total / rule.days, total)


def _success_rate(look: Look, rule: AlertRule) -> Measured:
    tally = look.figures(rule).tally
    return Measured(tally.answered / tally.total if tally.total else None, tally.total)


def _latency(look: Look, rule: AlertRule) -> Measured:
    latency = look.figures(rule).tally.latency
    return Measured(latency.quantile(0.95), latency.total)


def _confidence(look: Look, rule: AlertRule) -> Measured:
    confidence = look.figures(rule).tally.confidence
    return Measured(confidence.mean, confidence.total)


def _error_rate(look: Look, rule: AlertRule) -> Measured:
    """Return the share of opinions that find errors; none where few predictions have nearly all of them."""
    rate = feedback_figures(look.session, feedback_of(*look.window(rule)), Part.ALL).error_rate
    return Measured(rate.share if rate.firm else None, rate.total)


def _poor_quality(look: Look, rule: AlertRule) -> Measured:
    quality = look.figures(rule).tally.quality
    judged = sum(quality.values())
    return Measured(sum(quality.get(each, 0) for each in POOR) / judged if judged else None, judged)


def _drift(look: Look, rule: AlertRule) -> Measured:
    """Return the largest index of what is an alarm: in a window that is small the others' is chance.

    Of whole days, which are the same at each look: a day that grows is another window every five minutes, and
    each of these has its own chance of a false alarm.
    """
    report = drift(look.session, *look.window(rule, whole_days=True))
    if report.state is not DriftState.COMPARED:
        return Measured(None, report.rows)
    alarms = [each.psi for each in report.features if each.drifted]
    return Measured(max(alarms, default=0.0), report.rows)


MEASURES: Mapping[AlertMetric, Measure] = {
    AlertMetric.VOLUME: _volume,
    AlertMetric.SUCCESS_RATE: _success_rate,
    AlertMetric.LATENCY_P95: _latency,
    AlertMetric.CONFIDENCE: _confidence,
    AlertMetric.ERROR_RATE: _error_rate,
    AlertMetric.POOR_QUALITY: _poor_quality,
    AlertMetric.DRIFT: _drift,
}
"""How each metric is had: another one is a row here, and its limits in `alert_rules`."""


def measured(look: Look, rule: AlertRule) -> Measured:
    """Return a rule's figure; none of fewer than it asks for, unless it is their number itself."""
    found = MEASURES[AlertMetric(rule.metric)](look, rule)
    enough = found.count >= rule.minimum or rule.metric == AlertMetric.VOLUME.value
    return found if enough else Measured(None, found.count)


class AlertWatch:
    """The standing job; it keeps its own transactions, and figures are read before any of them.

    Parameters
    ----------
    writes
        Whether letters are sent on this site.
    passed
        Seconds that only ever pass, to tell a clock that jumps.
    """

    def __init__(
        self, database: Database, clock: Clock, *, writes: bool, passed: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._clock = clock
        self._writes = writes
        self._passed = passed
        self._before: tuple[datetime, float] | None = None

    def work(self, _claim: Claim, _progress: Callable[[float], None]) -> Again:
        """Look at each rule, unless the clock has jumped since the last look: then the next one will."""
        if self._jumped():
            log.warning("the clock has jumped: the rules of alerts are left until the next look")
            return Again(lambda _session: NEVER)
        today = self._clock().astimezone(UTC).date()
        with self._database.read() as session:
            look = Look(session, today)
            rules = session.exec(select(AlertRule).order_by(col(AlertRule.id))).all()
            found = [(rule, self._found(look, rule)) for rule in rules]
        for rule, figure in found:
            if figure is not None:
                with self._database.write() as session:
                    self._judge(session, rule, figure)
        return Again(lambda _session: NEVER)  # whoever works wakes it: a date would be as wrong as the clock

    def _found(self, look: Look, rule: AlertRule) -> Measured | None:
        """Return a rule's figure; None where it cannot be had, which is no other rule's concern."""
        try:
            return measured(look, rule)
        except Exception:
            log.exception("rule %s of alerts cannot be looked at", rule.id)
            return None

    def _jumped(self) -> bool:
        now, passed = self._clock(), self._passed()
        before, self._before = self._before, (now, passed)
        if before is None:
            return False
        return abs((now - before[0]).total_seconds() - (passed - before[1])) > JUMP_S

    def _judge(self, session: Session, seen: AlertRule, figure: Measured) -> None:
        wanted = select(AlertRule).where(AlertRule.id == seen.id, AlertRule.revision == seen.revision)
        rule = session.exec(wanted.with_for_update()).first()
        if rule is None:
            return  # changed or deleted meanwhile
        another = rule.looked_at is None or abs(self._clock() - rule.looked_at) >= 0.8 * LOOK_EVERY
        rule.value, rule.count = figure.value, figure.count
        rule.looked_at = self._clock() if another else rule.looked_at
        alert = alert_under_way(session, rule_key(rule.id))
        if _retired(session, rule):
            rule.value, rule.quiet = None, False
            if alert is not None:
                close_alert(session, self._clock, alert, AlertEnding.VERSION_WITHDRAWN)
        elif figure.value is None:
            return  # too little to say that it goes on, or that it has ceased
        elif not _beyond(rule, figure.value):
            rule.quiet = False
            if alert is not None:
                self._calm(session, alert, figure.value, another=another)
        elif alert is not None:
            alert.latest, alert.normal_since, alert.calm = figure.value, None, 0
        elif not rule.quiet:
            self._open(session, rule, figure)

    def _calm(self, session: Session, alert: Alert, value: float, *, another: bool) -> None:
        """Note that all is well again; after enough looks the alert closes.

        Looks are counted, not time: a clock that jumps is one look at most.
        """
        alert.latest = value
        if alert.normal_since is None:
            alert.normal_since, alert.calm = self._clock(), 0
        elif another:
            alert.calm += 1
        if alert.calm >= CALM_LOOKS:
            close_alert(session, self._clock, alert, AlertEnding.NORMAL)

    def _open(self, session: Session, rule: AlertRule, figure: Measured) -> None:
        alert = Alert(
            key=rule_key(rule.id),
            cause=AlertCause.RULE.value,
            family=rule.family,
            version_id=rule.version_id,
            rule_id=rule.id,
            name=rule.name,
            metric=rule.metric,
            comparison=rule.comparison,
            threshold=rule.threshold,
            days=rule.days,
            value=figure.value,
            count=figure.count,
            latest=figure.value,
            webhooks=rule.webhooks,
            opened_at=self._clock(),
        )
        if open_alert(session, self._clock, alert, AlertRule=rule.id) and self._writes:
            write_down(session, self._clock, alert, rule.readers)


def _beyond(rule: AlertRule, value: float) -> bool:
    above = rule.comparison == AlertComparison.ABOVE.value
    return value > rule.threshold if above else value < rule.threshold


def _retired(session: Session, rule: AlertRule) -> bool:
    """Return whether a rule is about a version that is neither in the store any more nor answers."""
    if rule.version_id is None:
        return False
    version = session.get(ModelVersion, rule.version_id)
    answers = select(Deployment.id).where(Deployment.version_id == rule.version_id).limit(1)
    gone = version is None or version.withdrawn_at is not None
    return gone and session.exec(answers).first() is None
