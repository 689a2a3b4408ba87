"""Pictures from strangers' telephones: bounded, read once, and written anew.

What comes out is our own JPEG: no place, no camera, no date, nothing behind the picture.
"""

from __future__ import annotations

import io
import warnings
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

#: Of one picture, as it is sent.
MOST_BYTES: Final = 12 << 20
_MOST_PIXELS: Final = 110_000_000  # the largest telephones
_MOST_PIXELS_WHOLE: Final = 24_000_000
_LONGEST: Final = 1600
_QUALITY: Final = 80
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
#: What Pillow says of files that are no pictures, or broken ones; its warnings are errors here.
_BROKEN: Final = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Warning,
    Image.DecompressionBombError,
)  # fmt: skip


class UnreadablePhotoError(Exception):
    """This is no picture that can be shown; `why` is "no-picture" or "too-large"."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"not a photo: {why}")


def clean(data: bytes) -> bytes:
    """Return a picture as a JPEG of at most 1600 pixels a side, the right way up, and nothing else.

    Raises:
        UnreadablePhotoError: it is none, or larger than may be read.
    """
    if len(data) > MOST_BYTES:
        raise UnreadablePhotoError("too-large")
    try:
        turned = _turned(data)
    except _BROKEN as error:
        raise UnreadablePhotoError("no-picture") from error
    turned.thumbnail((_LONGEST, _LONGEST))
    bare = Image.frombytes("RGB", turned.size, turned.tobytes())  # what it carried stays behind
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()


def _turned(data: bytes) -> Image.Image:
    """Return the picture the right way up.

    Raises:
        UnreadablePhotoError: it has too many pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            # Only a JPEG can be read in a smaller size, without the memory for the whole.
            most = _MOST_PIXELS if image.format == "JPEG" else _MOST_PIXELS_WHOLE
            if image.width * image.height > most:
                raise UnreadablePhotoError("too-large")
            image.draft("RGB", (_LONGEST, _LONGEST))
            return ImageOps.exif_transpose(image).convert("RGB")
