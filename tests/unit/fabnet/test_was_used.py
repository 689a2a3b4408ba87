"""What a printer that was out of sight shows of what somebody else has printed on it meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from fabnet.node.heating import was_used
from printers.model import PrinterState, PrinterStatus

NOW = datetime(2020, 4, 3, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1), 3600.0
OFF = {"nozzle_target_c": 0.0, "bed_target_c": 0.0}


def used(printed=None, begun=LONG_AGO, now=NOW, **shown):
    status = PrinterStatus(
        state=PrinterState.IDLE, **{**OFF, "nozzle_c": 21.0, "bed_c": 21.0, **shown}
    )
    return was_used(status, printed, begun, now)


def test_a_cold_printer_was_not():
    assert not used()
    assert not used(begun=None)
    assert not used(nozzle_c=60.0, bed_c=48.0)  # a shed in summer
    assert not used(nozzle_c=None, bed_c=None)


@pytest.mark.parametrize(
    "shown",
    [{"nozzle_target_c": 210.0}, {"bed_target_c": 60.0}, {"nozzle_c": 61.0}, {"bed_c": 49.0}],
)
def test_a_heated_or_warm_one_was(shown):
    assert used(**shown)
    assert used(begun=None, **shown)


def test_the_heat_of_our_own_print_tells_nothing():
    assert not used(nozzle_c=90.0, begun=(NOW - timedelta(hours=2), 3600.0))
    assert not used(nozzle_c=90.0, begun=(NOW, 3600.0))
    # Twice its slicer's time, and an hour to cool.
    assert not used(nozzle_c=90.0, begun=(NOW - timedelta(hours=3), 3600.0))
    assert used(nozzle_c=90.0, begun=(NOW - timedelta(hours=3, seconds=1), 3600.0))
    assert used(nozzle_target_c=210.0, begun=(NOW - timedelta(hours=2), 3600.0))
    # A clock that has gone back tells nothing of when it began.
    assert used(nozzle_c=90.0, begun=(NOW + timedelta(hours=2), 3600.0))


@pytest.mark.parametrize(
    ("before", "now", "was"),
    [
        ("local:a.gcode 900", "local:a.gcode 900", False),
        ("local:a.gcode 900", "local:b.gcode", True),
        ("local:a.gcode 900", "local:a.gcode 871", True),  # the same file anew
        ("local:a.gcode 900", "", False),  # an OctoPrint that was restarted knows nothing
        (None, "local:b.gcode 5", False),  # never seen before: no bed is clear then
    ],
)
def test_what_an_octoprint_names_as_its_last_print(before, now, was):
    status = PrinterStatus(state=PrinterState.IDLE, nozzle_c=21.0, printed=now, **OFF)
    assert was_used(status, before, LONG_AGO, NOW) is was
