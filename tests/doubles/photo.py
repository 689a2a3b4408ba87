"""A photo as a telephone takes it."""

import io

from PIL import Image


def a_photo(size=(3000, 2000), kind="JPEG", *, turned=False):
    """A red picture with a blue left edge, and a telephone's notes behind it."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (0, 0, size[0] // 4, size[1]))
    exif = Image.Exif()
    exif[0x010F] = "SecretPhone"
    exif.get_ifd(0x8825)[2] = (47.0, 13.0, 6.0)  # where it was taken
    if turned:
        exif[0x0112] = 6  # to be turned by 90 degrees
    out = io.BytesIO()
    image.save(out, kind, exif=exif, comment=b"SecretWords") if kind == "JPEG" else image.save(
        out, kind, exif=exif
    )
    return out.getvalue()
