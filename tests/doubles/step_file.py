"""STEP files of blocks, by hand: no library that writes one is small."""

AP203 = "CONFIG_CONTROL_DESIGN"
AP214 = "AUTOMOTIVE_DESIGN { 1 0 10303 214 1 1 1 1 }"
AP242 = "AP242_MANAGED_MODEL_BASED_3D_ENGINEERING_MIM_LF { 1 0 10303 442 1 1 4 }"


def step_of_block(sides, unit="MILLI"):
    """Return ISO 10303-21 text of one block, in that part of a metre ("" for metres), or in "INCH"."""
    return step_of_blocks({"block": (sides, (0, 0, 0))}, unit)


def step_of_blocks(blocks, unit="MILLI", schema=AP214):
    """Return ISO 10303-21 text of products: sides and lowest corner of each block, by its name."""
    file = _File()
    context = _context(file, unit)
    app = file.add("APPLICATION_CONTEXT('core data')")
    for name, (sides, lowest) in blocks.items():
        _product(file, app, name, _shape(file, sides, lowest, context))
    return (
        "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\n"
        "FILE_NAME('block','2026-01-01T00:00:00',(''),(''),'','','');\n"
        f"FILE_SCHEMA(('{schema}'));\nENDSEC;\nDATA;\n"
        + "\n".join(file.lines)
        + "\nENDSEC;\nEND-ISO-10303-21;\n"
    )


class _File:
    """The lines of the data section; an entity is named by its number."""

    def __init__(self):
        self.lines = []

    def add(self, text):
        self.lines.append(f"#{len(self.lines) + 1}={text};")
        return f"#{len(self.lines)}"

    def point(self, at):
        return self.add("CARTESIAN_POINT('',({:.6f},{:.6f},{:.6f}))".format(*at))

    def direction(self, to):
        return self.add("DIRECTION('',({:.6f},{:.6f},{:.6f}))".format(*to))

    def placement(self, at, up, across):
        where = f"{self.point(at)},{self.direction(up)},{self.direction(across)}"
        return self.add(f"AXIS2_PLACEMENT_3D('',{where})")


class _Edges:
    """The edges of a block, each written once whichever face asks first."""

    def __init__(self, file, corners):
        self._file, self._corners, self._known = file, corners, {}
        self._vertices = {
            key: file.add(f"VERTEX_POINT('',{file.point(at)})") for key, at in corners.items()
        }

    def oriented(self, a, b):
        if (b, a) in self._known:
            return self._file.add(f"ORIENTED_EDGE('',*,*,{self._known[b, a]},.F.)")
        along = tuple(float(y - x) for x, y in zip(a, b, strict=True))
        vector = self._file.add(f"VECTOR('',{self._file.direction(along)},1.)")
        line = self._file.add(f"LINE('',{self._file.point(self._corners[a])},{vector})")
        ends = f"{self._vertices[a]},{self._vertices[b]}"
        self._known[a, b] = self._file.add(f"EDGE_CURVE('',{ends},{line},.T.)")
        return self._file.add(f"ORIENTED_EDGE('',*,*,{self._known[a, b]},.T.)")


def _shape(file, sides, lowest, context):
    corners = {
        key: tuple(low + n * side for low, n, side in zip(lowest, key, sides, strict=True))
        for key in ((i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1))
    }
    edges = _Edges(file, corners)
    faces = [_face(file, edges, corners, axis, high) for axis in range(3) for high in (0, 1)]
    shell = file.add(f"CLOSED_SHELL('',({','.join(faces)}))")
    solid = file.add(f"MANIFOLD_SOLID_BREP('',{shell})")
    origin = file.placement((0, 0, 0), (0, 0, 1), (1, 0, 0))
    return file.add(f"ADVANCED_BREP_SHAPE_REPRESENTATION('',({origin},{solid}),{context})")


def _face(file, edges, corners, axis, high):
    one, two = (axis + 1) % 3, (axis + 2) % 3
    ring = []
    for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)):
        key = [0, 0, 0]
        key[axis], key[one], key[two] = high, u, v
        ring.append(tuple(key))
    if not high:
        ring.reverse()
    around = (edges.oriented(a, b) for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
    loop = file.add("EDGE_LOOP('',(" + ",".join(around) + "))")
    bound = file.add(f"FACE_OUTER_BOUND('',{loop},.T.)")
    normal, across = [0.0] * 3, [0.0] * 3
    normal[axis], across[one] = (1.0 if high else -1.0), 1.0
    plane = file.add(f"PLANE('',{file.placement(corners[ring[0]], normal, across)})")
    return file.add(f"ADVANCED_FACE('',({bound}),{plane},.T.)")


def _context(file, unit):
    length = _length_unit(file, unit)
    angle = file.add("(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.))")
    solid_angle = file.add("(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT())")
    close = file.add(f"UNCERTAINTY_MEASURE_WITH_UNIT(LENGTH_MEASURE(1.E-5),{length},'','')")
    return file.add(
        f"(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT(({close}))"
        f"GLOBAL_UNIT_ASSIGNED_CONTEXT(({length},{angle},{solid_angle}))REPRESENTATION_CONTEXT('',''))"
    )


def _length_unit(file, unit):
    if unit != "INCH":
        prefix = f".{unit}." if unit else "$"
        return file.add(f"(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT({prefix},.METRE.))")
    mm = file.add("(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.))")
    size = file.add("DIMENSIONAL_EXPONENTS(1.,0.,0.,0.,0.,0.,0.)")
    inch = file.add(f"LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),{mm})")
    return file.add(f"(CONVERSION_BASED_UNIT('INCH',{inch})LENGTH_UNIT()NAMED_UNIT({size}))")


def _product(file, app, name, shape):
    kind = file.add(f"PRODUCT_CONTEXT('',{app},'mechanical')")
    product = file.add(f"PRODUCT('{name}','{name}','',({kind}))")
    formed = file.add(f"PRODUCT_DEFINITION_FORMATION('','',{product})")
    use = file.add(f"PRODUCT_DEFINITION_CONTEXT('part definition',{app},'design')")
    defined = file.add(f"PRODUCT_DEFINITION('design','',{formed},{use})")
    of = file.add(f"PRODUCT_DEFINITION_SHAPE('','',{defined})")
    file.add(f"SHAPE_DEFINITION_REPRESENTATION({of},{shape})")
