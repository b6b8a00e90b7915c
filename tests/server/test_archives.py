"""The file of archives is checked at start, with every fault named and no secret shown."""

from pathlib import Path

import pytest

from ml.pacs.archives import DicomWeb, Dimse
from server.archives import read_archives
from server.settings import SettingsError, load_settings

DIMSE = """["Cardiologie"]
kind = "dimse"
host = "pacs.example.org"
port = 104
ae_title = "PACS"
own_ae_title = "CHEVET"
own_port = 11112
"""


def test_a_file_names_archives_of_both_kinds(tmp_path: Path) -> None:
    secret = tmp_path / "authorization"
    secret.write_text("Bearer abc\n")
    file = tmp_path / "pacs.toml"
    file.write_text(
        f'{DIMSE}\n[Urgences]\nkind = "dicomweb"\nurl = "https://pacs.example.org/dicom-web"\n'
        f'authorization_file = "{secret}"\npatience_s = 5\nstores = true\n'
    )
    settings = load_settings(None, data_dir=tmp_path, pacs_file=file)
    assert read_archives(settings.pacs_file) == {
        "Cardiologie": Dimse("dimse", "pacs.example.org", 104, "PACS", "CHEVET", 11112),
        "Urgences": DicomWeb(
            "dicomweb", "https://pacs.example.org/dicom-web", str(secret), patience_s=5, stores=True
        ),
    }
    assert read_archives(None) == {}


@pytest.mark.parametrize(
    "text, fault",
    [
        ("[x", "is not TOML"),
        ("x = 1", "x: "),
        ("[x]\nkind = 'ftp'", "x: "),
        (DIMSE.replace("host =", "hosts ="), "Cardiologie.host"),
        (DIMSE.replace("104", "70000"), "Cardiologie: port: 1 to 65535"),
        (DIMSE.replace('"PACS"', '"A\\\\B"'), "Cardiologie: ae_title"),
        (DIMSE.replace('"CHEVET"', '"MORE THAN SIXTEEN"'), "Cardiologie: own_ae_title"),
        (DIMSE.replace("Cardiologie", "C" * 61), "60 characters"),
        (f"{DIMSE}patience_s = 0", "patience_s"),
        (f"{DIMSE}tls = true", "cert_file"),
        (f"{DIMSE}stores = 'oui'", "Cardiologie.stores"),
        (f"{DIMSE}ca_file = '/nowhere'", "ca_file: cannot be used"),
        (f"{DIMSE}cert_file = '/nowhere'", "cert_file, key_file: cannot be used"),
        ("[x]\nkind = 'dicomweb'\nurl = 'file:///etc/passwd'", "x: url"),
        ("[x]\nkind = 'dicomweb'\nurl = 'https://chevet:hunter2@pacs/'", "no password in it"),
        ("[x]\nkind = 'dicomweb'\nurl = 'https://pacs/'\nauthorization_file = '/nowhere'", "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named_at_start(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "pacs.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(None, data_dir=tmp_path, pacs_file=file)
    [problem] = caught.value.problems
    assert problem.startswith("CHEVET_PACS_FILE: ")
    assert fault in problem
    assert "hunter2" not in problem


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(None, data_dir=tmp_path, pacs_file=tmp_path / "nowhere.toml")
