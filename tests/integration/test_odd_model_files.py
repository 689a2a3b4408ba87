"""Model and drawing files that only a program of its own reads, or only in a child process."""

import pytest

from designs.errors import PatternRefusedError
from designs.mesh import check
from designs.model import Verdict
from designs.pattern import check_pattern
from tests.doubles.step_file import step_of_block
from tests.unit.designs.test_drawing import another_file, drawn


def test_a_step_file_is_measured_in_mm_and_closed(tmp_path):
    pytest.importorskip("cascadio")
    path = tmp_path / "block.step"
    path.write_text(step_of_block((4, 3, 2), "CENTI"))
    report = check(path)
    assert report.verdict is Verdict.PASSED, report.reasons
    assert report.watertight
    assert report.extents_mm == pytest.approx((40.0, 30.0, 20.0))
    assert report.volume_mm3 == pytest.approx(24_000.0)
    path.write_text(step_of_block((4, 3, 2))[:2000])
    assert check(path).verdict is Verdict.REFUSED


def test_a_child_refuses_a_dxf_that_shows_another_file_or_of_a_strange_size_or_none(tmp_path):
    with pytest.raises(PatternRefusedError, match="XREF"):
        check_pattern(drawn(tmp_path, more=another_file))
    with pytest.raises(PatternRefusedError, match="between 5 and 3000"):
        check_pattern(drawn(tmp_path, 6, 297.0))
    path = tmp_path / "no.dxf"
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(999))
    with pytest.raises(PatternRefusedError, match="no DXF"):
        check_pattern(path)
