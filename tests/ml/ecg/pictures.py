"""Writes a picture in every format, and a text that must not be kept wherever there is room for one."""

import base64
import io
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

NAME = "DUPONT"
"""What the HEIC sample has in its EXIF and XMP, which no library here could write."""

_HEIC = (
    "c-mc3ziSjx5T3V>J64FNXoM6J_Yh3D2$wV|j^sS_v=Cw}wD;ZHx7^77c<wD>t&#&9i$F+WtBtl+f{I1_69ii!g@p)$WeSsZ-"
    "rIGN49w2VH{Z;g_htd$a*#dMV}%k(A`DiHAE5{U95+&#fKu9HKTInhG|CK4$sG(6+hjNZ4$OGY_0p1D1;-+rHPR=RL3V3om2"
    "`v{2R1U<OB5(uNSyJOT!H^UW?J6P(b79L$jvn(1w!i(rN}UeyQv>6<xyz+wlroDR6XGsb*jmJLoE}sTXf1T#&vzI`QPy8_~;"
    "1W9DhU=a|1TRioy^$?Aa+f%ztzSf|8w^jGfB7@}`X!Kfk~E@ZKFSdjxUwf%b^#%^~|dIe1QoT$D+e#xl$aJqyhpf@X1|RW-w"
    ")(nT2xUHN8sud?<Xi=sF*mh`;F9PJyru1jVPb@XqK3|M38@WwOK4^tIXcuV>dN!84DEF)e;FC$-=eP3B*Z_gaIce2;T$&YOR"
    "OY&>F`fmH=#;2v=@z*D_2SjO>3)$F!4n;0FtYt@PkzQjL>{jXK<(b2W_c!l7@a`%R#|qZ+ULI-l%Xze`c+$()7lfaTRF8ZEc"
    "Nh9)#ag$f_WuGJxQB)"
)


def corner(width: int = 64, height: int = 32) -> Image.Image:
    """Return a white picture, black at the top left."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("black", (0, 0, width // 4, height // 2))
    return image


def exif(planted: str, orientation: int = 1) -> Image.Exif:
    """Return what a camera says."""
    said = Image.Exif()
    said[0x0112] = orientation
    for tag in (0x010E, 0x010F, 0x013B, 0x8298):  # description, maker, artist, copyright
        said[tag] = planted
    return said


def xmp(planted: str) -> bytes:
    """Return a packet of XMP."""
    return f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{planted}</x:xmpmeta>".encode()


def saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """Return a picture as Pillow writes it."""
    output = io.BytesIO()
    image.save(output, format_name, **options)
    return output.getvalue()


def png(planted: str) -> bytes:
    """Return a PNG with text, EXIF, a colour profile and something behind its end."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", planted)
    notes.add_itxt("XML:com.adobe.xmp", xmp(planted).decode())
    profile = planted.encode() * 30
    return saved(corner(), "PNG", pnginfo=notes, exif=exif(planted), icc_profile=profile) + planted.encode()


def jpeg(planted: str) -> bytes:
    """Return a JPEG with EXIF, XMP, a comment and something behind its end."""
    options = {"exif": exif(planted), "xmp": xmp(planted), "comment": planted.encode()}
    return saved(corner(), "JPEG", quality=95, **options) + planted.encode()


def webp(planted: str, *, lossless: bool = False) -> bytes:
    """Return a WebP with EXIF, XMP and a colour profile."""
    options: dict[str, Any] = {} if lossless else {"exif": exif(planted), "xmp": xmp(planted)}
    return saved(corner(), "WEBP", lossless=lossless, quality=95, **options)


def bmp(planted: str) -> bytes:
    """Return a BMP with something behind its pixels."""
    return saved(corner(), "BMP") + planted.encode()


def heic() -> bytes:
    """Return a HEIC photograph as pillow-heif 1.5 wrote it, with EXIF and XMP that hold `NAME`."""
    return zlib.decompress(base64.b85decode(_HEIC))


def tiff(planted: str, pages: Sequence[Image.Image] | None = None, **options: Any) -> bytes:
    """Return a TIFF whose tags say all that tags can."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432):
        tags[tag] = planted
    tags[700] = xmp(planted)
    first, *others = pages or [corner()]
    more = {"save_all": True, "append_images": others} if others else {}
    return saved(first, "TIFF", tiffinfo=tags, **more, **options)


def pdf(planted: str = "X", pages: int = 1, *, locked: bool = False, media_box: str = "0 0 842 595") -> bytes:
    """Return a document of drawn pages, with metadata, an attachment, scripts and links to elsewhere."""
    black = b"0 0 0 rg 0 297 210 298 re f"
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R/Metadata 4 0 R/OpenAction 5 0 R/Names<</EmbeddedFiles 6 0 R"
        b"/JavaScript<</Names[(a) 5 0 R]>>>>/AA<</WC 5 0 R>>>>",
        2: f"<</Type/Pages/Count {pages}/Kids[{' '.join(f'{20 + n} 0 R' for n in range(pages))}]>>".encode(),
        3: f"<</Author({planted})/Title({planted})/Subject({planted})/Keywords({planted})>>".encode(),
        4: _stream(xmp(planted), "/Type/Metadata/Subtype/XML"),
        5: f"<</S/JavaScript/JS(app.alert\\('{planted}'\\);app.launchURL\\('http://x.example'\\))>>".encode(),
        6: f"<</Names[({planted}) 7 0 R]>>".encode(),
        7: f"<</Type/Filespec/F({planted}.txt)/EF<</F 8 0 R>>>>".encode(),
        8: _stream(planted.encode(), "/Type/EmbeddedFile"),
        9: _stream(black),
        10: f"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(http://x.example/{planted})>>>>".encode(),
        11: f"<</Type/Annot/Subtype/Text/Rect[0 0 0 0]/F 2/Contents({planted})>>".encode(),
        12: b"<</Filter/Standard/V 1/R 2/P -4/O(%s)/U(%s)>>" % (b"o" * 32, b"u" * 32),
    }
    page = f"<</Type/Page/Parent 2 0 R/MediaBox[{media_box}]/Contents 9 0 R/Annots[10 0 R 11 0 R]>>".encode()
    objects |= dict.fromkeys(range(20, 20 + pages), page)
    body, places = bytearray(b"%PDF-1.7\n%\xff\xff\n"), {}
    for number, content in objects.items():
        places[number] = len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        body += b"%d 1\n%010d 00000 n \n" % (number, place)
    more = f"/ID[({planted})({planted})]" + ("/Encrypt 12 0 R" if locked else "")
    trailer = f"trailer<</Size {20 + pages}/Root 1 0 R/Info 3 0 R{more}>>\nstartxref\n{start}\n%%EOF\n"
    return bytes(body) + trailer.encode() + b"% " + planted.encode()


def _stream(data: bytes, entries: str = "") -> bytes:
    return f"<<{entries}/Length {len(data)}>>stream\n".encode() + data + b"\nendstream"


def dicom_picture(
    planted: str = "X", frames: Sequence[np.ndarray[Any, Any]] | None = None, **elements: Any
) -> bytes:
    """Return a secondary capture; elements beside those of its pixels may be given by keyword."""
    levels = np.stack(frames if frames is not None else [np.asarray(corner())])
    dataset = _object(planted, MultiFrameTrueColorSecondaryCaptureImageStorage)
    coloured = levels.ndim == 4
    dataset.SamplesPerPixel = 3 if coloured else 1
    dataset.PhotometricInterpretation = "RGB" if coloured else "MONOCHROME2"
    if coloured:
        dataset.PlanarConfiguration = 0
    dataset.NumberOfFrames = len(levels)
    dataset.Rows, dataset.Columns = levels.shape[1:3]
    dataset.BitsAllocated = dataset.BitsStored = levels.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(levels.dtype.kind == "i")
    dataset.PixelData = levels.tobytes()
    return _written(dataset, elements)


def compressed_picture(syntax: UID, codestream: bytes, planted: str = "X", **elements: Any) -> bytes:
    """Return a secondary capture of one colour frame that is compressed."""
    dataset = _object(planted, SecondaryCaptureImageStorage)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows, dataset.Columns = 32, 64
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = encapsulate([codestream])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    return _written(dataset, elements)


def dicom_document(document: bytes, planted: str = "X", media_type: str = "application/pdf") -> bytes:
    """Return a document within DICOM."""
    dataset = _object(planted, EncapsulatedPDFStorage)
    dataset.MIMETypeOfEncapsulatedDocument = media_type
    dataset.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    return _written(dataset, {})


def _object(planted: str, sop_class: UID) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = sop_class, "1.2.3.4", "OT"
    for keyword in ("PatientName", "PatientID", "InstitutionName", "ImageComments", "DocumentTitle"):
        setattr(dataset, keyword, planted)
    private = dataset.private_block(0x0099, planted, create=True)
    private.add_new(1, "LO", planted)
    nested = Dataset()
    nested.PatientName = planted
    dataset.RequestAttributesSequence = [nested]
    return dataset


def _written(dataset: Dataset, elements: dict[str, Any]) -> bytes:
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    output = io.BytesIO()
    dataset.save_as(output, enforce_file_format=True)
    return output.getvalue()
