"""What goes to a printer before a file, and what proves the end."""

import pytest

from firmware_profiles.loader import load_firmware
from printers.feeding import refused_filament, whole_print
from printers.gcode_line import Temperatures


def test_a_print_begins_in_the_state_that_its_check_has_begun_in(tmp_path):
    """The print before it may have ended in relative moves, or with E relative: G-code may rely on neither."""
    path = tmp_path / "a.gcode"
    path.write_text("G28\nG1 X5 Y5 E1\n")
    lines = list(whole_print(path, "fabnet-a-a1", load_firmware("marlin")))
    assert lines == [
        b"M117 fabnet-a-a1", b"G21", b"G90", b"M82", b"G92 E0", b"G28", b"G1 X5 Y5 E1", b"M400",
        b"M118 fabnet-a-a1 done",
    ]  # fmt: skip


def report(target_c):
    return Temperatures(nozzle_c=150.0, nozzle_target_c=target_c, bed_c=None, bed_target_c=None)


@pytest.mark.parametrize(
    ("line", "told", "refused"),
    [
        (" cold extrusion prevented", report(215.0), True),
        ("echo: cold extrusion prevented", None, True),
        ("echo:Cold extrusion prevented", report(None), True),
        # The last moves of a print, after its M104 S0.
        ("echo: cold extrusion prevented", report(0.0), False),
        ("echo: too long extrusion prevented", report(215.0), False),
    ],
)
def test_filament_is_refused_by_a_nozzle_that_should_be_hot(line, told, refused):
    assert refused_filament([line], told) is refused
