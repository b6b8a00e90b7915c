"""Conformity reports as files: one page of HTML, and the same as PDF where the machine can write it."""

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup

from schema.services.conformity import Conformity
from schema.services.reports import Written
from server.demo import is_demo
from server.i18n import speaking
from server.rendering import environment
from server.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
STYLE = ROOT / "static" / "css" / "report.css"
TEMPLATE = "reports/conformity.html"
LONGEST_PRINT_S = 300.0

log = logging.getLogger(__name__)


class ReportWriter:
    """Writes what a month's report says, alike whenever it is asked."""

    def __init__(self, settings: Settings, templates: Path) -> None:
        self._settings = settings
        self._templates = templates
        self._environment: jinja2.Environment | None = None

    def write(self, said: Conformity, language: str) -> Written:
        """Return the files."""
        if self._environment is None:
            self._environment = environment(self._settings, self._templates)
        style = Markup("<style>{}</style>").format(Markup(STYLE.read_text(encoding="utf-8")))  # noqa: S704 - ours
        with speaking(language):
            text = self._environment.get_template(TEMPLATE).render(
                said=said,
                month=said.month,
                language=language,
                style=style,
                zone=self._settings.time_zone.key,
                demo=is_demo(self._settings),
            )
        html = text.encode()
        return Written(html, _printed(html, {"SOURCE_DATE_EPOCH": str(int(said.month.ends.timestamp()))}))


def _printed(html: bytes, told: Mapping[str, str]) -> bytes | None:
    """Return a page as PDF; None where that cannot be done, for the reason in the log."""
    command = [sys.executable, "-m", "server.printing"]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command,
            cwd=ROOT,
            env={**os.environ, **told},
            input=html,
            capture_output=True,
            timeout=LONGEST_PRINT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("no PDF could be written: %s", type(error).__name__)
        return None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        log.warning("no PDF could be written, status %d: %s", done.returncode, "".join(said)[:300])
        return None
    return done.stdout
