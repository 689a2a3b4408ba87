"""Uploads are read from the disk as they are sent, whatever their size."""

import io

from printers.octoprint_api import _Form


def whole(form, size):
    blocks = list(iter(lambda: form.read(size), b""))
    assert all(len(block) <= size for block in blocks)
    return b"".join(blocks)


def test_a_form_has_the_length_that_it_says_and_the_file_as_it_is(tmp_path):
    path = tmp_path / "plate.gcode"
    path.write_bytes(b"G28\nG1 X1" * 5000)
    with path.open("rb") as file:
        form = _Form(file, "fabnet", 'a "b"\r\né.gcode', b"M117 x\n", b"\nM400\n")
        length = len(form)
        text = whole(form, 1000)
    assert len(text) == length
    assert b"M117 x\n" + path.read_bytes() + b"\nM400\n\r\n--" in text
    boundary = form.content_type.partition("boundary=")[2].encode()
    assert text.startswith(b"--" + boundary + b"\r\n")
    assert text.endswith(b"\r\n--" + boundary + b"--\r\n")
    assert 'filename="a %22b%22  é.gcode"'.encode() in text


def test_a_form_is_read_in_blocks():
    class Counted(io.FileIO):
        most = 0

        def read(self, size=-1):
            Counted.most = max(Counted.most, size)
            return super().read(size)

    with Counted("/dev/null") as file:
        whole(_Form(file, "fabnet", "x.gcode", b"", b""), 4096)
    assert Counted.most == 4096
