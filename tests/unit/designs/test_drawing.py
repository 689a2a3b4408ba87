"""DXF and PDF patterns: their size in mm, and nothing in them that runs or names another file."""

import io
import zlib

import ezdxf
import pypdf
import pytest
from pypdf.generic import DictionaryObject, NameObject, NumberObject, TextStringObject

from designs.drawing import _look_at_dxf, _look_at_pdf, _RefusedError
from designs.errors import ManifestError, PatternRefusedError
from designs.manifest import check_manifest
from designs.pattern import check_pattern


def drawn(folder, unit=4, side=100.0, more=None):
    drawing = ezdxf.new("R2010")
    drawing.header["$INSUNITS"] = unit
    space = drawing.modelspace()
    space.add_lwpolyline([(0, 0), (side, 0), (side, side / 2), (0, side / 2)], close=True)
    space.add_circle((side / 2, side / 4), side / 10)
    if more:
        more(drawing, space)
    path = folder / "foil.dxf"
    drawing.saveas(path)
    return path


def test_a_dxf_is_measured_in_mm(tmp_path):
    drawing = check_pattern(drawn(tmp_path, 4, 297.0))
    assert drawing.width_mm == pytest.approx(297.0)
    assert drawing.height_mm == pytest.approx(297.0 / 2)


# A child for each drawing would mostly import: what it does is done here, where it is not the child
# that is tested.


@pytest.mark.parametrize(
    ("unit", "side", "width_mm"), [(0, 297.0, 297.0), (1, 10.0, 254.0), (5, 29.7, 297.0)]
)
def test_units_of_a_dxf_are_known(tmp_path, unit, side, width_mm):
    found = _look_at_dxf(drawn(tmp_path, unit, side))
    assert found["width_mm"] == pytest.approx(width_mm)
    assert found["height_mm"] == pytest.approx(width_mm / 2)


def test_a_strange_unit_of_a_dxf_is_refused(tmp_path):
    with pytest.raises(_RefusedError, match="unit 18"):
        _look_at_dxf(drawn(tmp_path, 18))


@pytest.mark.parametrize(
    ("draw", "size_mm"),
    [
        # Three quarters of the way to its control points.
        (lambda space: space.add_open_spline([(0, 0), (0, 100), (100, 100), (100, 0)]), (100, 75)),
        (lambda space: space.add_ellipse((0, 0), (40, 30), 0.5), (85.440, 72.111)),
        (lambda space: space.add_lwpolyline([(0, 0, 1), (90, 0, 1)], "xyb", close=True), (90, 90)),
    ],
)
def test_a_curve_is_as_large_as_it_is_drawn(tmp_path, draw, size_mm):
    drawing = ezdxf.new("R2010")
    drawing.header["$INSUNITS"] = 4
    draw(drawing.modelspace())
    drawing.saveas(tmp_path / "foil.dxf")
    found = _look_at_dxf(tmp_path / "foil.dxf")
    assert (found["width_mm"], found["height_mm"]) == pytest.approx(size_mm, abs=0.05)


#: The ends of a line, as OpenSCAD wrote them until 2015: both x, then both y.
OF_OLD = "0\nSECTION\n2\nENTITIES\n0\nLINE\n8\n0\n10\n0\n11\n{}\n20\n0\n21\n80\n0\nENDSEC\n{}"


def test_a_dxf_in_the_order_of_old_programs_is_measured_and_one_that_is_broken_is_not(tmp_path):
    path = tmp_path / "foil.dxf"
    path.write_text(OF_OLD.format("120.5", "0\nEOF\n"))
    assert _look_at_dxf(path) == {"width_mm": 120.5, "height_mm": 80.0, "pages": 1}
    for content in (OF_OLD.format("120.5", ""), OF_OLD.format("120,5", "0\nEOF\n")):
        path.write_text(content)
        with pytest.raises(_RefusedError, match="no DXF"):
            _look_at_dxf(path)


def in_itself(drawing, space):
    block = drawing.blocks.new("hook")
    block.add_line((0, 0), (1, 0))
    block.add_blockref("hook", (0, 0))
    space.add_blockref("hook", (0, 0))


def over_and_over(drawing, space):
    for level in range(8):
        block = drawing.blocks.new(f"level{level}")
        block.add_line((0, 0), (1, 0))
        for _ in range(10 if level else 0):
            block.add_blockref(f"level{level - 1}", (0, 0))
    space.add_blockref("level7", (0, 0))


def in_rows(drawing, space):
    drawing.blocks.new("dot").add_point((0, 0))
    rows = {"row_count": 999, "column_count": 999, "row_spacing": 1, "column_spacing": 1}
    space.add_blockref("dot", (0, 0), dxfattribs=rows)


def an_image(drawing, space):
    shown = drawing.add_image_def("/etc/passwd", (10, 10))
    space.add_image(shown, (0, 0), (10, 10))


def another_file(drawing, space):
    drawing.add_xref_def("../secret.dxf", "other")
    space.add_blockref("other", (0, 0))


def a_solid(drawing, space):
    block = drawing.blocks.new("hidden")
    with block.add_mesh().edit_data() as data:
        data.vertices = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
        data.faces = [(0, 1, 2)]
    space.add_blockref("hidden", (0, 0))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (an_image, "IMAGEDEF"),
        (another_file, "XREF"),
        (a_solid, "MESH, which is no line"),
        (in_itself, "in one another"),
        (over_and_over, "more than 200000 lines"),
        (in_rows, "more than 200000 lines"),
    ],
)
def test_a_dxf_that_holds_more_than_a_drawing_is_refused(tmp_path, more, says):
    with pytest.raises(_RefusedError, match=says):
        _look_at_dxf(drawn(tmp_path, more=more))


def printed(folder, change=None, **page):
    writer = pypdf.PdfWriter()
    writer.add_blank_page(**({"width": 595.276, "height": 841.89} | page))
    writer.add_blank_page(width=100, height=100)
    if change:
        change(writer)
    path = folder / "mask.pdf"
    writer.write(path)
    return path


def test_a_pdf_is_measured_in_mm(tmp_path):
    drawing = check_pattern(printed(tmp_path))
    assert (drawing.width_mm, drawing.height_mm) == pytest.approx((210, 297), abs=0.01)
    assert drawing.pages == 2


def cropped(writer):
    page = writer.pages[0]
    # The corners of its sheet come the other way round; what is shown reaches beyond it on one side.
    page[NameObject("/MediaBox")] = pypdf.generic.RectangleObject((595.276, 841.89, 0, 0))
    page[NameObject("/CropBox")] = pypdf.generic.RectangleObject((28.346, -50, 311.811, 141.732))


def test_a_page_is_as_large_as_a_reader_shows_it(tmp_path):
    found = _look_at_pdf(printed(tmp_path, cropped))
    assert (found["width_mm"], found["height_mm"]) == pytest.approx((100, 50), abs=0.01)


def test_what_a_packed_picture_spells_by_chance_is_no_name(tmp_path):
    def a_picture(writer):
        picture = pypdf.generic.StreamObject()
        picture._data = bytes(range(256)) + b"\x80/JS\x80/AA\x80/3D\x80/XFA\x80"
        picture[NameObject("/Filter")] = NameObject("/DCTDecode")
        writer._add_object(picture)

    assert _look_at_pdf(printed(tmp_path, a_picture))["pages"] == 2


def a_script(writer):
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(
        {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("x")}
    )


def launched(writer):
    annotation = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/A"): DictionaryObject({NameObject("/S"): NameObject("/Launch")}),
            NameObject("/F"): NumberObject(4),
        }
    )
    writer.pages[0][NameObject("/Annots")] = pypdf.generic.ArrayObject([annotation])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (a_script, "a script"),
        (lambda writer: writer.add_attachment("x.exe", b"MZ"), "an embedded file"),
        (launched, "a program to start"),
        (lambda writer: writer.encrypt("x"), "is locked"),
    ],
)
def test_a_pdf_that_does_or_holds_something_is_refused(tmp_path, change, says):
    with pytest.raises(_RefusedError, match=says):
        _look_at_pdf(printed(tmp_path, change))


def test_a_name_that_is_written_otherwise_is_the_same_name(tmp_path):
    path = printed(tmp_path, a_script)
    path.write_bytes(
        path.read_bytes().replace(b"/JavaScript", b"/J#61vaScript").replace(b"/JS", b"/#4aS")
    )
    with pytest.raises(PatternRefusedError, match="a script"):
        check_pattern(path)


def test_what_hides_in_a_stream_of_objects_is_found(tmp_path):
    written = printed(tmp_path, launched).read_bytes()
    reader = pypdf.PdfReader(printed(tmp_path, launched))
    writer = pypdf.PdfWriter(clone_from=reader)
    path = tmp_path / "packed.pdf"
    path.write_bytes(packed(writer))
    assert b"/Launch" in written
    assert b"/Launch" not in path.read_bytes()
    with pytest.raises(_RefusedError, match="a program to start"):
        _look_at_pdf(path)


def packed(writer):
    """A file whose objects all lie in one compressed stream, with the stream that finds them."""
    numbered = [(each.idnum, each) for each in (o.indirect_reference for o in writer._objects if o)]
    bodies, places, at = [], [], 0
    for number, reference in numbered:
        out = io.BytesIO()
        reference.get_object().write_to_stream(out)
        body = out.getvalue()
        places.append(f"{number} {at}")
        bodies.append(body + b" ")
        at += len(body) + 1
    head = (" ".join(places) + " ").encode()
    stream = zlib.compress(head + b"".join(bodies))
    most = max(number for number, _ in numbered)
    pdf = b"%PDF-1.5\n"
    where = len(pdf)
    pdf += (
        (
            f"{most + 1} 0 obj\n<</Type/ObjStm/N {len(numbered)}/First {len(head)}/Filter/FlateDecode"
            f"/Length {len(stream)}>>stream\n"
        ).encode()
        + stream
        + b"\nendstream\nendobj\n"
    )
    start = len(pdf)
    rows = {0: bytes([0, 0, 0, 0])}
    for index, (number, _) in enumerate(numbered):
        rows[number] = bytes([2]) + (most + 1).to_bytes(2, "big") + bytes([index])
    rows[most + 1] = bytes([1]) + where.to_bytes(2, "big") + b"\0"
    rows[most + 2] = bytes([1]) + start.to_bytes(2, "big") + b"\0"
    table = zlib.compress(b"".join(rows.get(n, bytes(4)) for n in range(most + 3)))
    root = writer.root_object.indirect_reference.idnum
    pdf += (
        (
            f"{most + 2} 0 obj\n<</Type/XRef/Size {most + 3}/W[1 2 1]/Root {root} 0 R"
            f"/Filter/FlateDecode/Length {len(table)}>>stream\n"
        ).encode()
        + table
        + b"\nendstream\nendobj\n"
    )
    return pdf + f"startxref\n{start}\n%%EOF\n".encode()


def test_what_is_no_pdf_is_refused(tmp_path):
    for content in (
        b"",
        b"<html>",
        b"%PDF-1.7\n" + bytes(range(256)) * 40,
        b"%PDF-1.4\nstartxref\n9\n",
    ):
        path = tmp_path / "no.pdf"
        path.write_bytes(content)
        with pytest.raises(PatternRefusedError, match="no PDF"):
            check_pattern(path)


def test_an_svg_says_its_size(tmp_path):
    path = tmp_path / "foil.svg"
    for said, width_mm in (
        ('width="297mm" height="21cm"', 297.0),
        ('width="1in" height="96"', 25.4),
        ('width="215.90000000000003mm" height="+2.794E2MM"', 215.9),
        ('width="210." height=".5cm"', 210 / 96 * 25.4),
    ):
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {said}/>')
        assert check_pattern(path).width_mm == pytest.approx(width_mm)
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="100%"/>')
    assert check_pattern(path).width_mm is None


def a_foil(**part):
    row = {"id": "foil", "file": "foil.svg", "tsdc": "LAS"} | part
    return {
        "title": "Foil", "version": "1", "license": "CC0-1.0", "fabnet": {"design": "foil"}, "part": [row],
    }  # fmt: skip


def test_pvc_is_never_laser_cut_and_a_cut_part_alone_is_a_design():
    assert check_manifest(a_foil(materials=["PET 0.5 mm"])).part[0].has_pattern
    for material in ("PVC", "clear vinyl", "Polychlorure de vinyle"):
        with pytest.raises(ManifestError, match="PVC is never laser-cut"):
            check_manifest(a_foil(materials=["PET", material]))
    with pytest.raises(ManifestError, match="printed, or made from a pattern"):
        check_manifest(a_foil(tsdc="BUY", file=""))
