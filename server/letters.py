"""What is written to readers of alerts, in their language: our words and figures, nothing people typed."""

from functools import cached_property
from pathlib import Path

import jinja2

from schema.models.alerts import Alert
from schema.scalars import global_id
from schema.services.alert_mails import Letter
from server.i18n import DEFAULT, LANGUAGES, speaking
from server.rendering import environment
from server.settings import Settings


class Letters:
    """Writes letters about alerts; the first line of the template is the subject."""

    def __init__(self, settings: Settings, templates: Path) -> None:
        self._settings = settings
        self._templates = templates

    def __call__(self, alert: Alert, version: int | None, language: str) -> Letter:
        """Write one."""
        said = {
            "family": alert.family.upper(),
            "metric": (alert.metric or "").upper(),
            "comparison": (alert.comparison or "").upper(),
            "threshold": alert.threshold,
            "days": alert.days,
            "value": alert.value,
            "count": alert.count,
            "openedAt": alert.opened_at,
        }
        link = f"{self._settings.public_url}/alerts/{global_id('Alert', alert.id or 0)}"
        with speaking(language if language in LANGUAGES else DEFAULT):
            written = self._template.render(alert=said, version=version, link=link)
        subject, _, text = written.strip().partition("\n")
        return Letter(subject.strip(), text.strip() + "\n")

    @cached_property
    def _template(self) -> jinja2.Template:
        return environment(self._settings, self._templates).get_template("alerts/letter.txt")
