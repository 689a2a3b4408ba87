"""What a virtual printer's log of its serial line tells of prints."""

from fabnet.demo.octoprint import read_log

NAME = "fabnet-abcdefghjk-a1"
OTHER = "fabnet-abcdefghjk-a2"


def log(*lines):
    return [f"2026-11-24 19:06:28,{number:03} {line}" for number, line in enumerate(lines)]


def told(*lines):
    return [(event.event, event.name) for event in read_log(iter(log(*lines)))]


BOOT = ("-" * 78, ">>> start")
PRINT = (
    f"<<< N1 M117 {NAME}*1",
    f">>> echo:{NAME}",
    ">>> ok",
    "<<< N2 M109 S215*1",
    "<<< N3 M105*1",
    "<<< N4 M190 S60*1",
    "<<< N5 G1 X1*1",
    "<<< N6 M400*1",
    f"<<< N7 M118 {NAME} done*1",
)
DONE = f">>> {NAME} done"


def test_a_whole_print_begins_and_ends():
    assert told(*BOOT, *PRINT, DONE) == [("boot", ""), ("begin", NAME), ("end", NAME)]


def test_what_a_print_executed_is_counted_and_its_heat():
    end = list(read_log(iter(log(*BOOT, *PRINT, DONE))))[-1]
    assert (end.lines, end.nozzle_max_c, end.bed_max_c) == (3, 215, 60)


def test_what_was_only_sent_has_not_happened():
    assert told(*BOOT, *PRINT) == [("boot", ""), ("begin", NAME)]


def test_a_reset_a_reconnection_or_another_print_abandons():
    another = f">>> echo:{OTHER}"
    for line in (">>> start", "-" * 78, another):
        assert told(*PRINT, line)[:2] == [("begin", NAME), ("abandoned", NAME)]
    assert told(*PRINT, another)[2:] == [("begin", OTHER)]


def test_the_same_name_twice_is_told_twice():
    assert told(*PRINT, DONE, *PRINT, DONE) == [("begin", NAME), ("end", NAME)] * 2


def test_an_end_without_its_beginning_is_none():
    assert told(*PRINT, f">>> {OTHER} done") == [("begin", NAME)]
