"""What was followed, drawn over the picture it was found in: for a person to check."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ml.ecg.digitising.digitised import Digitised

_COLOURS = ("#d40000", "#0050d4", "#007a2f", "#b400b4")
_LEAST_WIDTH = 1600


def overlay(picture: Image.Image, found: Digitised) -> Image.Image:
    """Return the picture, at least 1600 pixels wide, with every trace in colour and its lead's name."""
    zoom = max(1.0, _LEAST_WIDTH / picture.width)
    size = (round(picture.width * zoom), round(picture.height * zoom))
    drawn = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    pale = Image.blend(drawn, Image.new("RGB", size, "white"), 0.4)
    pen = ImageDraw.Draw(pale)
    font = ImageFont.load_default(size[0] / 70)
    for trace in found.traces:
        colour = _COLOURS[(trace.row + trace.column) % len(_COLOURS)]
        there = np.flatnonzero(~np.isnan(trace.y))
        places = [(trace.x[at] * zoom, trace.y[at] * zoom) for at in there]
        if len(places) > 1:
            pen.line(places, fill=colour, width=max(round(size[0] / 1200), 1))
            below = places[0][1] + size[0] / 70
            pen.text(
                (places[0][0], below), f"{trace.lead} {trace.quality.followed:.0%}", fill=colour, font=font
            )
    return pale
