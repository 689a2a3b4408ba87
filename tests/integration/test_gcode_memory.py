"""G-code is checked line by line, however long its file is."""

import tracemalloc

from printers.gcode import check
from tests.unit.printers.test_gcode import END, PRESET, PRINT, START


def test_a_file_of_any_length_takes_no_memory():
    def endless():
        yield from [*START, *PRINT]
        for number in range(60_000):
            yield f"G1 X{20 + number % 70}.{number % 10} Y{30 + number % 50} E.02\n"
        yield from END

    tracemalloc.start()
    check(endless(), PRESET, nozzle_limit_c=250.0, bed_limit_c=100.0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 200_000
