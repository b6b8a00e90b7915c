"""A real archive that speaks TLS alone: sent to, searched and fetched from, and no stranger believed."""

import io
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from PIL import Image
from pydicom.uid import generate_uid

from ml.pacs.archives import Archive, DicomWeb, Dimse, Labels, PacsError, PacsFault
from ml.pacs.asking import fetch, store


@pytest.mark.parametrize("kind", ["dimse", "dicomweb"])
def test_a_picture_goes_there_and_comes_back_over_tls(
    kind: str, tls_orthanc: tuple[Dimse, DicomWeb], tmp_path: Path
) -> None:
    [archive] = [each for each in tls_orthanc if each.kind == kind]
    path = tmp_path / "picture"
    Image.new("RGB", (20, 10), "blue").save(path, "PNG")
    study, series, uid = (str(generate_uid(None)) for _ in range(3))
    labels = Labels("CHEVET-0123456789AB", study, series, uid, 1)
    assert store(archive, path, "image/png", labels).stored
    [back] = fetch(archive, labels.study, labels.series, 10)
    assert (pydicom.dcmread(io.BytesIO(back.data)).pixel_array == (0, 0, 255)).all()
    stranger: Archive = replace(archive, ca_file=None)
    with pytest.raises(PacsError) as caught:
        store(stranger, path, "image/png", labels)
    assert caught.value.fault is PacsFault.UNREACHABLE
