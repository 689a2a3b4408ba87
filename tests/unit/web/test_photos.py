"""Photos of strangers: bounded, the right way up, and nothing behind the picture."""

import io
import struct
import zlib

import pytest
from PIL import Image

from tests.doubles.photo import a_photo
from web import photos
from web.photos import UnreadablePhotoError, clean


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_telephones_write_behind_a_picture_is_gone(kind):
    before = a_photo(kind=kind)
    assert b"SecretPhone" in before
    after = clean(before)
    assert b"Secret" not in after
    assert b"Exif" not in after
    with Image.open(io.BytesIO(after)) as image:
        assert image.format == "JPEG"
        assert image.size == (1600, 1067)
        assert not image.getexif()
        assert "comment" not in image.info


def test_a_picture_is_turned_the_right_way_up():
    with Image.open(io.BytesIO(clean(a_photo(turned=True)))) as image:
        assert image.height > image.width
        assert image.getpixel((image.width // 2, 20))[2] > 200, "its left edge is on top now"


def test_what_is_no_picture_is_refused():
    good = a_photo()
    for data in (
        b"",
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        good[:500],
        b"GIF89a",
    ):
        with pytest.raises(UnreadablePhotoError, match="no-picture"):
            clean(data)
    with pytest.raises(UnreadablePhotoError, match="too-large"):
        clean(good + b"\0" * photos.MOST_BYTES)


def test_a_small_file_that_unpacks_to_a_huge_picture_is_refused_unread():
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8000, 8000, 8, 2, 0, 0, 0))
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(UnreadablePhotoError, match="too-large"):
        clean(bomb)
