"""A STEP file of a block, by hand: no library that writes one is small."""


def step_of_block(  # noqa: C901  # one small writer inside
    sides_mm, unit="MILLI"
):
    """Return ISO 10303-21 text of one block."""
    lines = []

    def add(text):
        lines.append(f"#{len(lines) + 1}={text};")
        return f"#{len(lines)}"

    def point(at):
        return add("CARTESIAN_POINT('',({:.6f},{:.6f},{:.6f}))".format(*at))

    def direction(to):
        return add("DIRECTION('',({:.6f},{:.6f},{:.6f}))".format(*to))

    corners = {
        (i, j, k): tuple(n * side for n, side in zip((i, j, k), sides_mm, strict=True))
        for i in (0, 1) for j in (0, 1) for k in (0, 1)
    }  # fmt: skip
    vertices = {key: add(f"VERTEX_POINT('',{point(at)})") for key, at in corners.items()}
    edges = {}

    def edge(a, b):
        if (b, a) in edges:
            return add(f"ORIENTED_EDGE('',*,*,{edges[b, a]},.F.)")
        if (a, b) not in edges:
            along = tuple(float(y - x) for x, y in zip(a, b, strict=True))
            vector = add(f"VECTOR('',{direction(along)},1.)")
            line = add(f"LINE('',{point(corners[a])},{vector})")
            edges[a, b] = add(f"EDGE_CURVE('',{vertices[a]},{vertices[b]},{line},.T.)")
        return add(f"ORIENTED_EDGE('',*,*,{edges[a, b]},.T.)")

    faces = []
    for axis in range(3):
        for high in (0, 1):
            one, two = (axis + 1) % 3, (axis + 2) % 3
            ring = []
            for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)):
                key = [0, 0, 0]
                key[axis], key[one], key[two] = high, u, v
                ring.append(tuple(key))
            if not high:
                ring.reverse()
            edges_of = (edge(a, b) for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
            loop = add("EDGE_LOOP('',(" + ",".join(edges_of) + "))")
            bound = add(f"FACE_OUTER_BOUND('',{loop},.T.)")
            normal, across = [0.0] * 3, [0.0] * 3
            normal[axis], across[one] = (1.0 if high else -1.0), 1.0
            where = f"{point(corners[ring[0]])},{direction(normal)},{direction(across)}"
            plane = add("PLANE(''," + add(f"AXIS2_PLACEMENT_3D('',{where})") + ")")
            faces.append(add(f"ADVANCED_FACE('',({bound}),{plane},.T.)"))
    shell = add(f"CLOSED_SHELL('',({','.join(faces)}))")
    solid = add(f"MANIFOLD_SOLID_BREP('',{shell})")
    length = add(f"(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.{unit}.,.METRE.))")
    angle = add("(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.))")
    solid_angle = add("(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT())")
    close = add(f"UNCERTAINTY_MEASURE_WITH_UNIT(LENGTH_MEASURE(1.E-5),{length},'','')")
    context = add(
        f"(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT(({close}))"
        f"GLOBAL_UNIT_ASSIGNED_CONTEXT(({length},{angle},{solid_angle}))REPRESENTATION_CONTEXT('',''))"
    )
    origin = add(
        f"AXIS2_PLACEMENT_3D('',{point((0, 0, 0))},{direction((0, 0, 1))},{direction((1, 0, 0))})"
    )
    shape = add(f"ADVANCED_BREP_SHAPE_REPRESENTATION('',({origin},{solid}),{context})")
    app = add("APPLICATION_CONTEXT('core data')")
    kind = add(f"PRODUCT_CONTEXT('',{app},'mechanical')")
    product = add(f"PRODUCT('block','block','',({kind}))")
    formed = add(f"PRODUCT_DEFINITION_FORMATION('','',{product})")
    use = add(f"PRODUCT_DEFINITION_CONTEXT('part definition',{app},'design')")
    defined = add(f"PRODUCT_DEFINITION('design','',{formed},{use})")
    of = add(f"PRODUCT_DEFINITION_SHAPE('','',{defined})")
    add(f"SHAPE_DEFINITION_REPRESENTATION({of},{shape})")
    return (
        "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\n"
        "FILE_NAME('block','2026-01-01T00:00:00',(''),(''),'','','');\n"
        "FILE_SCHEMA(('AUTOMOTIVE_DESIGN { 1 0 10303 214 1 1 1 1 }'));\nENDSEC;\nDATA;\n"
        + "\n".join(lines)
        + "\nENDSEC;\nEND-ISO-10303-21;\n"
    )
