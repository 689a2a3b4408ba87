"""What goes to a printer before a file, and what proves the end."""

from firmware_profiles.loader import load_firmware
from printers.feeding import whole_print


def test_a_print_begins_in_the_state_that_its_check_has_begun_in(tmp_path):
    """The print before it may have ended in relative moves, or with E relative: G-code may rely on neither."""
    path = tmp_path / "a.gcode"
    path.write_text("G28\nG1 X5 Y5 E1\n")
    lines = list(whole_print(path, "fabnet-a-a1", load_firmware("marlin")))
    assert lines == [
        b"M117 fabnet-a-a1", b"G21", b"G90", b"M82", b"G92 E0", b"G28", b"G1 X5 Y5 E1", b"M400",
        b"M118 fabnet-a-a1 done",
    ]  # fmt: skip
