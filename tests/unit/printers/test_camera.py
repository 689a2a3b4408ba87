"""Where a camera's picture may be fetched, and what is left of it."""

import io
import random
from contextlib import suppress

import pytest
from PIL import Image

from printers.camera import bare, snapshot_address
from printers.errors import CameraError

SITE = "http://octopi.local"
LOCAL = "http://127.0.0.1:8080/?action=snapshot"
STREAM = "/webcam/?action=stream"


@pytest.mark.parametrize(
    ("site", "snapshot", "stream", "found"),
    [
        (SITE, LOCAL, STREAM, f"{SITE}/webcam/?action=snapshot"),
        (
            SITE,
            "http://localhost/x.jpg",
            f"{SITE}:81{STREAM}",
            f"{SITE}:81/webcam/?action=snapshot",
        ),
        (SITE, "/snapshot.jpg", "", f"{SITE}/snapshot.jpg"),
        (SITE, f"{SITE}:8080/a.jpg", "", f"{SITE}:8080/a.jpg"),
        ("http://127.0.0.1:5000", LOCAL, "", LOCAL),
        ("https://octopi.local/octo", "cam.jpg", "", "https://octopi.local/octo/cam.jpg"),
    ],
)
def test_a_picture_is_fetched_at_octoprints_own_machine(site, snapshot, stream, found):
    assert snapshot_address(site, snapshot, stream) == found


@pytest.mark.parametrize(
    ("snapshot", "stream"),
    [
        ("", STREAM),
        (LOCAL, "/webcam/stream.mjpeg"),
        ("http://192.168.0.1/admin", STREAM),
        ("http://octopi.local@192.168.0.1/", STREAM),
        ("//192.168.0.1/a.jpg", STREAM),
        (LOCAL, "http://192.168.0.1/?action=stream"),
        ("file:///etc/passwd", STREAM),
        ("ftp://octopi.local/a.jpg", STREAM),
    ],
)
def test_and_nowhere_else(snapshot, stream):
    with pytest.raises(CameraError):
        snapshot_address(SITE, snapshot, stream)


def a_jpeg(*, progressive=False, **more):
    noise = Image.effect_noise((64, 48), 90).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = "SECRET maker"
    out = io.BytesIO()
    noise.save(out, "JPEG", exif=exif, comment=b"SECRET note", progressive=progressive, **more)
    return out.getvalue()


@pytest.mark.parametrize("kind", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
def test_only_the_picture_is_left(kind):
    data = a_jpeg(**kind)
    assert b"SECRET" in data
    left = bare(SITE, data + b"SECRET behind it")
    assert b"SECRET" not in left
    before, after = (Image.open(io.BytesIO(each)) for each in (data, left))
    assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()
    assert not after.getexif()


def test_what_is_no_whole_jpeg_is_refused_and_nothing_else_happens():
    data = a_jpeg()
    chance = random.Random(7)
    for end in (0, 1, 2, 3, 20, len(data) // 2, len(data) - 2):
        with pytest.raises(CameraError, match="no JPEG"):
            bare(SITE, data[:end])
    for wrong in (
        b"<html>",
        b"\x89PNG\r\n",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + b"\xff\xe0\0\1" * 9,
    ):
        with pytest.raises(CameraError, match="no JPEG"):
            bare(SITE, wrong)
    for _ in range(2000):
        spoilt = bytearray(data)
        for _ in range(3):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        with suppress(CameraError):
            assert len(bare(SITE, bytes(spoilt))) <= len(spoilt)
    with pytest.raises(CameraError, match="MiB"):
        bare(SITE, data + bytes(5 << 20))


def test_a_picture_that_unpacks_to_too_much_is_refused():
    data = a_jpeg()
    at = data.index(b"\xff\xc0")
    huge = data[: at + 5] + b"\xff\xff\xff\xff" + data[at + 9 :]
    with pytest.raises(CameraError, match="no JPEG"):
        bare(SITE, huge)
