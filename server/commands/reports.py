"""`report conformity`: a month's conformity report, made anew."""

import argparse
import sys
from pathlib import Path

from schema.errors import ValidationFailedError
from schema.models.conformity import ConformityReport
from schema.services.conformity import Month
from schema.services.reports import LANGUAGES
from server.app import close_services, wire_services
from server.opening import opened
from server.settings import StartError, load_settings
from server.signing import Signer


def conformity(options: argparse.Namespace) -> int:
    """Make it; 1 where no PDF could be written, 2 where a file cannot be."""
    try:
        month = Month.read(options.month)
    except ValidationFailedError:
        raise StartError(f"{options.month} is no month: write it like 2026-10.") from None
    settings = load_settings()
    with opened(settings):
        services = wire_services(settings, Signer(settings.secret))
    try:
        if services.clock() < month.ends:
            raise StartError(f"{month} is not over yet.")
        if services.reports is None:
            raise StartError("This process makes no reports.")
        made = [services.reports.make(month, each) for each in LANGUAGES if options.language in {None, each}]
        if options.output is not None:
            for each in made:
                _write(options.output, each, services.blobs.get(each.html_key), "html")
                if each.pdf_key is not None:
                    _write(options.output, each, services.blobs.get(each.pdf_key), "pdf")
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        close_services(services)
    for each in made:
        print(f"{each.month} {each.language}: html {each.html_key}, pdf {each.pdf_key or 'none'}")
    return 0 if all(each.pdf_key for each in made) else 1


def _write(folder: Path, report: ConformityReport, data: bytes, form: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"conformity-{report.month}-{report.language}.{form}").write_bytes(data)
