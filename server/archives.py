"""The hospital's archives (PACS): a TOML file of theirs, a table for each, checked with every fault named.

["Cardiology"]
kind = "dimse"
host = "pacs.example.org"
...
"""

import re
import ssl
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError

from ml.pacs.archives import Archive, DicomWeb, Dimse

MOST = 20
LONGEST_NAME = 60
LONGEST_PATIENCE_S = 600
PORTS = range(1, 65536)
_AE_TITLE = re.compile(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?")
"""At most 16 characters of ASCII without a backslash (PS3.5, AE)."""
_ARCHIVES = TypeAdapter(dict[str, Annotated[Archive, Field(discriminator="kind")]])


def read_archives(path: Path | None) -> dict[str, Archive]:
    """Return the archives of a file by name; none without one.

    Raises
    ------
    ValueError
        With every fault in words, and no secret in them.
    """
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        archives = _ARCHIVES.validate_python(table)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML ({error})") from None
    except ValidationError as error:
        raise ValueError("; ".join(_worded(fault) for fault in error.errors())) from None
    faults = [f"{name}: {fault}" for name, archive in archives.items() for fault in _faults(name, archive)]
    if len(archives) > MOST:
        faults.append(f"at most {MOST} archives")
    if faults:
        raise ValueError("; ".join(faults))
    return archives


def _worded(fault: Mapping[str, Any]) -> str:
    where = ".".join(str(step) for step in fault["loc"] if step not in {"dimse", "dicomweb"})
    return f"{where}: {fault['msg']}"


def _faults(name: str, archive: Archive) -> list[str]:
    """Return what is wrong with an archive that is well formed."""
    faults = [f"the name has more than {LONGEST_NAME} characters"] if len(name) > LONGEST_NAME else []
    if not name.strip() or not name.isprintable():
        faults.append("give it a name that can be shown")
    if not 0 < archive.patience_s <= LONGEST_PATIENCE_S:
        faults.append(f"patience_s: more than 0, at most {LONGEST_PATIENCE_S}")
    faults += _dimse_faults(archive) if isinstance(archive, Dimse) else _web_faults(archive)
    return faults + _certificate_faults(archive)


def _dimse_faults(archive: Dimse) -> list[str]:
    titles = {"ae_title": archive.ae_title, "own_ae_title": archive.own_ae_title}
    faults = [
        f"{key}: at most 16 characters of ASCII, no backslash"
        for key, title in titles.items()
        if not _AE_TITLE.fullmatch(title)
    ]
    ports = {"port": archive.port, "own_port": archive.own_port}
    faults += [f"{key}: 1 to 65535" for key, port in ports.items() if port not in PORTS]
    if archive.tls and not archive.cert_file:
        faults.append("cert_file: with tls, this site needs a certificate of its own")
    return faults


def _web_faults(archive: DicomWeb) -> list[str]:
    parts, faults = urlsplit(archive.url), list[str]()
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        faults.append("url: an http:// or https:// address without ? and #")
    if parts.username or parts.password:
        faults.append("url: no password in it; authorization_file holds the header")
    if archive.authorization_file:
        try:
            header = Path(archive.authorization_file).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            faults.append("authorization_file: cannot be read")
        else:
            if not header or not header.isprintable():
                faults.append("authorization_file: one line, the header's value")
    return faults


def _certificate_faults(archive: Archive) -> list[str]:
    faults = []
    try:
        context = ssl.create_default_context(cafile=archive.ca_file)
    except OSError:
        return ["ca_file: cannot be used"]
    if archive.cert_file:
        try:
            context.load_cert_chain(archive.cert_file, archive.key_file)
        except OSError:
            faults.append("cert_file, key_file: cannot be used")
    return faults
