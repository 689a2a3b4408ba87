"""The pictures of a plate file are taken where they are plain and whole; nothing else ever is."""

import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image, PngImagePlugin

from designs.errors import DesignError
from designs.thumbnails import PICTURES, pictures_in, why_no_png, why_no_qoi

SMALL, LARGE = "Metadata/thumbnail_16x16.png", "Metadata/thumbnail.png"
SMALL_QOI = "Metadata/thumbnail_16x16.qoi"
SIZE = PICTURES[SMALL]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(size=SIZE, mode="RGBA", **how):
    out = io.BytesIO()
    Image.new(mode, size).save(out, "PNG", **how)
    return out.getvalue()


def chunk(kind, body=b""):
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def header(width=16, height=16, kind=(8, 6, 0, 0, 0)):
    return chunk(b"IHDR", struct.pack(">2L5B", width, height, *kind))


def by_hand(*chunks):
    return SIGNATURE + b"".join(chunks)


PIXELS = chunk(b"IDAT", zlib.compress(bytes(65 * 16)))
END = chunk(b"IEND")
TEXT = PngImagePlugin.PngInfo()
TEXT.add_text("Comment", "M104 S999")


def qoi(codes=b"\xc0" * 256, size=SIZE, kind=(4, 0), end=bytes(7) + b"\x01"):
    return b"qoif" + struct.pack(">2L2B", *size, *kind) + codes + end


def plate(path, entries, **how):
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, data in {"3D/3dmodel.model": b"<model/>", **entries}.items():
            archive.writestr(name, data)
    return path


def test_pictures_come_in_their_order_with_their_sizes(tmp_path):
    entries = {LARGE: png(PICTURES[LARGE]), SMALL: png(), SMALL_QOI: qoi()}
    found = pictures_in(plate(tmp_path / "plate", entries))
    assert [(each.kind, each.size, each.data) for each in found] == [
        ("QOI", (16, 16), entries[SMALL_QOI]),
        ("PNG", (16, 16), entries[SMALL]),
        ("PNG", (220, 124), entries[LARGE]),
    ]


def test_an_older_plate_has_none(tmp_path):
    assert pictures_in(plate(tmp_path / "plate", {"Metadata/other.png": png()})) == ()


def test_a_picture_by_hand_is_one():
    assert why_no_png(by_hand(header(), PIXELS, END), SIZE) == ""
    half = zlib.compress(bytes(65 * 16))
    two = chunk(b"IDAT", half[:7]), chunk(b"IDAT", half[7:])
    assert why_no_png(by_hand(header(), *two, END), SIZE) == ""


HOSTILE = {
    "nothing": b"",
    "text": b"\n; thumbnail end\nM104 S999\n",
    "only how it begins": SIGNATURE,
    "commands behind its beginning": SIGNATURE + b"\nG28\nM104 S999\n",
    "a JPEG": b"\xff\xd8\xff\xe0" + bytes(500),
    "no pixels": by_hand(header(), END),
    "no end": by_hand(header(), PIXELS),
    "no header": by_hand(PIXELS, END),
    "two headers": by_hand(header(), header(), PIXELS, END),
    "two ends": by_hand(header(), PIXELS, END, END),
    "another order": by_hand(header(), END, PIXELS),
    "something behind its end": by_hand(header(), PIXELS, END) + b"\nM104 S999\n",
    "something in its end": by_hand(header(), PIXELS, chunk(b"IEND", b"\nM112")),
    "cut short": by_hand(header(), PIXELS, END)[:-1],
    "cut within a length": by_hand(header(), PIXELS)[:-3],
    "a length without bound": by_hand(header(), b"\xff\xff\xff\xffIDAT"),
    "a false sum": by_hand(header(), PIXELS[:-1] + b"\0", END),
    "with a text": png(pnginfo=TEXT),
    "with a chunk of its own": by_hand(header(), chunk(b"prVt", b"secret"), PIXELS, END),
    "larger than it says": by_hand(header(), chunk(b"IDAT", zlib.compress(bytes(65 * 17))), END),
    "smaller than it says": by_hand(header(), chunk(b"IDAT", zlib.compress(bytes(65 * 15))), END),
    "a bomb": by_hand(header(), chunk(b"IDAT", zlib.compress(bytes(10_000_000))), END),
    "more behind its pixels": by_hand(
        header(), chunk(b"IDAT", zlib.compress(bytes(65 * 16)) + b"more"), END
    ),
    "pixels that are none": by_hand(header(), chunk(b"IDAT", b"\nM104 S999\n"), END),
    "a filter that nobody knows": by_hand(
        header(), chunk(b"IDAT", zlib.compress(b"\7" * 65 * 16)), END
    ),
    "of another size": png((16, 17)),
    "huge in words": by_hand(header(2**31 - 1, 2**31 - 1), PIXELS, END),
    "without what shines through": png(mode="RGB"),
    "with a palette": png(mode="P"),
    "interlaced": by_hand(header(kind=(8, 6, 0, 0, 1)), PIXELS, END),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_plain_picture_is_refused_with_all_others(tmp_path, data):
    assert why_no_png(data, SIZE)
    entries = {SMALL: data, LARGE: png(PICTURES[LARGE])}
    with pytest.raises(DesignError, match=r"thumbnail_16x16\.png is no picture"):
        pictures_in(plate(tmp_path / "plate", entries))


@pytest.mark.parametrize(
    "codes",
    [
        b"\xc0" * 256, b"\xfd" * 4 + b"\xc7", b"\xfe\xfe\xfe\xfe" * 256, b"\xff\xff\xff\xff\xff" * 256,
        b"\x80\x00" * 256, b"\x00" * 256, b"\x40" * 128 + b"\x3f" * 128,
    ],
    ids=["runs of one", "long runs", "RGB", "RGBA", "luma", "index", "differences"],
)  # fmt: skip
def test_of_each_code_of_qoi_its_pixels_are_counted(codes):
    assert Image.open(io.BytesIO(qoi(codes))).size == SIZE
    assert why_no_qoi(qoi(codes), SIZE) == ""
    for spoilt in (
        qoi(codes + b"\x00"), qoi(codes[:-1]), qoi(codes + b"\nM104 S999\n"), qoi(codes) + b"\n",
        qoi(codes)[:-1], b"\n" + qoi(codes), qoi(codes, (16, 17)), qoi(codes, (2**31, 2**31)),
        qoi(codes, kind=(3, 0)), qoi(codes, kind=(4, 1)), qoi(codes, end=b""), qoi(b""), b"", b"qoif",
    ):  # fmt: skip
        assert why_no_qoi(spoilt, SIZE)


def test_a_png_in_the_place_of_a_qoi_is_none(tmp_path):
    for entries in ({SMALL_QOI: png()}, {SMALL: qoi()}):
        with pytest.raises(DesignError, match="is no picture"):
            pictures_in(plate(tmp_path / "plate", entries))


def test_each_byte_of_a_picture_counts():
    whole = png()
    for at in range(len(whole)):
        spoilt = whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :]
        assert why_no_png(spoilt, SIZE), at
        assert why_no_png(whole[:at], SIZE), at


def test_a_huge_picture_is_not_read_to_its_end(tmp_path):
    file = plate(tmp_path / "plate", {SMALL: bytes(80_000_000)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(DesignError, match="larger than 64 kB"):
        pictures_in(file)


def test_an_archive_that_is_not_as_ours_is_left_alone(tmp_path):
    many = plate(tmp_path / "many", {f"{number}.png": b"" for number in range(20)})
    with pytest.raises(DesignError, match="more than a plate file"):
        pictures_in(many)
    packed = plate(tmp_path / "packed", {SMALL: png()}, compression=zipfile.ZIP_LZMA)
    with pytest.raises(DesignError, match="packed in another way"):
        pictures_in(packed)
    with pytest.raises(DesignError):
        pictures_in(tmp_path / "gone")


def test_an_archive_that_is_damaged_or_locked_is_left_alone(tmp_path):
    good = plate(tmp_path / "good", {SMALL: png()}).read_bytes()
    directory = good.rindex(b"PK\x01\x02")
    unlocked, locked = b"\x14\x00\x00\x00", b"\x14\x00\x01\x00"
    spoilt = {
        "empty": b"",
        "short": b"PK",
        "no archive": b"no archive at all" * 9,
        "cut at its end": good[:-1],
        "with a remark": good + b"\n",
        "of more than 4 GB": good[:-22] + b"PK\x06\x07" + bytes(16) + good[-22:],
        "locked": good[:directory] + good[directory:].replace(unlocked, locked, 1),
        "other bytes": good.replace(SIGNATURE, b"\n;\nG28\n\n"[:8]),
        "no beginning of a file": good.replace(b"PK\x03\x04", b"PK\x03\x05"),
        "a directory elsewhere": good[:-22] + bytes(40) + good[-22:],
    }
    for what, data in spoilt.items():
        file = tmp_path / "spoilt"
        file.write_bytes(data)
        with pytest.raises(DesignError):
            pytest.fail(f"{what}: {pictures_in(file)}")
