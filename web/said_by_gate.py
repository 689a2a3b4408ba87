"""What the gate for designs says of a file, as it says it: in English.

A figure is written as `%(name)s`; `web.sentences` says what each name stands for.
"""

from __future__ import annotations

from web.language import lazy_gettext as _

SENTENCES = (
    # of a mesh
    _("only STL, OBJ and 3MF files can be read: export one of them"),
    _("it is empty: export it again"),
    _("%(size)s MiB are more than %(most)s: simplify the model"),
    _("it is no 3MF file%(what)s: fetch or export it again"),
    _("it is no OBJ file%(what)s: fetch or export it again"),
    _("it is no STL file%(what)s: fetch or export it again"),
    _("it is no %(kind)s file: by what is in it, it is %(found)s; let its name end in .%(ending)s"),
    _(
        "it says %(told)s triangles, and %(many)s bytes more come behind them: it is broken; fetch or"
        " export it again"
    ),
    _("%(many)s bytes behind its %(told)s triangles are left out: look whether the part is whole"),
    _(" but a JPEG picture"),
    _(" but a text document"),
    _(" but a RAR archive"),
    _(" but a 7-Zip archive"),
    _(" but a gzip archive"),
    _(" but a STEP file"),
    _(" but a Blender file"),
    _(" but a PLY file"),
    _(" but a glTF file"),
    _(" but a VRML file"),
    _(" but an OFF file"),
    _(" but what a Mac keeps beside a file"),
    _(" but a file of Office or of a CAD program"),
    _(" but text in UTF-16"),
    _(" but text of another kind"),
    _(" but an SVG drawing"),
    _(" but an AMF file"),
    _(" but an XML file"),
    _(" but JSON"),
    _("AMF is not read, as hardly a program writes it any more: export it as 3MF or STL"),
    _("G-code is for one printer only: bring the model that it was sliced from"),
    _(" but nothing but zeros"),
    _("it is %(what)s, which is not read: export the part as STL, OBJ or 3MF"),
    _(
        "a drawing is the pattern of a part that people cut or sew: bring it in a ZIP with a design.toml"
        " that names it"
    ),
    _("a PLY file"),
    _("a glTF file"),
    _("an IGES file"),
    _("an OpenSCAD program"),
    _("a Fusion 360 design"),
    _("a FreeCAD file"),
    _("a SolidWorks file"),
    _("an Inventor file"),
    _("a Rhino file"),
    _("a SketchUp file"),
    _("a Blender file"),
    _("a file of a CAD program"),
    _("a drawing"),
    _("a picture"),
    _("a text"),
    _("an archive of this kind is not unpacked: unpack it, or pack it as ZIP"),
    _("it holds G-code for one printer and no model: bring the model that it was sliced from"),
    _(" but a PNG picture"),
    _(" but a GIF picture"),
    _(" but a PDF document"),
    _(" but a ZIP archive"),
    _(" but a web page"),
    _(" but a Git LFS pointer, not the file itself"),
    _("there is no triangle in it: export it again"),
    _(
        "it says %(told)s triangles and has room for %(holds)s: it was cut short or is broken;"
        " fetch or export it again"
    ),
    _("it cannot be read: %(what)s"),
    _("it cannot be kept: %(what)s"),
    _("it cannot be read or kept: %(what)s"),
    _("it cannot be read (%(what)s): export it again"),
    _("it cannot be read as %(kind)s: %(what)s"),
    _("reading it takes more than %(most)s s: simplify the model"),
    _("reading it gave nonsense: export it again"),
    _("it needs more than 2 GiB of memory to read: simplify the model"),
    _("there is no part %(part)s in it; it has %(names)s"),
    _("it holds %(many)s different parts (%(names)s): name one of them, or export it alone"),
    _("its plate holds %(many)s different parts: export one part alone, fabnet fills the bed"),
    _("%(many)s triangles are more than %(most)s: simplify the model"),
    _("some of its coordinates are no numbers (NaN or infinite): export again"),
    _("all of its triangles have no area: export it again"),
    _("it measures %(dims)s mm, more than %(most)s: export it in millimetres"),
    _(
        "it measures %(dims)s mm, more than %(most)s (taken for inches? In mm it would be %(long)s mm long):"
        " export it in millimetres"
    ),
    _(
        "it measures %(dims)s mm, more than %(most)s (drawn in micrometres? In mm it would be %(long)s mm"
        " long): export it in millimetres"
    ),
    _(
        "it measures %(dims)s mm. Was it drawn in metres? That would be %(long)s mm; export it in"
        " millimetres"
    ),
    _(
        "it measures %(dims)s mm. Was it drawn in inches? That would be %(long)s mm; export it in"
        " millimetres"
    ),
    _("it is only %(size_mm)s mm long; in inches it would be %(long)s mm"),
    _(
        "its surface is not closed: %(gaps)s edges of %(all)s have a gap beside them; close the"
        " holes in the program it was drawn with"
    ),
    _(
        "some triangles face inwards (%(edges)s edges disagree): recalculate the normals in the"
        " program it was drawn with"
    ),
    _("it is no solid body: repair it in the program it was drawn with"),
    _("it is no solid body (%(why)s): repair it in the program it was drawn with"),
    _(
        "its volume cannot be told: %(one_cm3)s or %(other_cm3)s cm3; repair it in the program it"
        " was drawn with"
    ),
    _(
        "it falls apart into %(many)s bodies, more than %(most)s: join them in the program it was"
        " drawn with"
    ),
    _(
        "one of its %(many)s bodies hangs %(high_mm)s mm above the bed with nothing under it: put"
        " it on the bed, or export the part alone"
    ),
    _("its surface was inside out and has been turned round"),
    _(
        "%(many)s edges are shared by more than two triangles, which slicers may read in two ways:"
        " look at the first print closely"
    ),
    _("%(many)s bodies overlap; what they share is counted once"),
    _(
        "it has %(many)s separate bodies, which are printed and counted as one piece; if they are"
        " parts laid out on a plate, export one part alone: fabnet fills the bed"
    ),
    _("it is a plate with %(counted)s: a kit of different parts, each laid on plates of its own"),
    _("it is a plate with %(counted)s: one is taken, fabnet fills the bed itself"),
    _("modifiers and supports of a slicer's project are left out: %(many)s of them"),
    _("a face of %(many)s corners is too bent: triangulate the model"),
    _("there is no corner %(number)s"),
    _("a corner needs three numbers"),
    _("a transform is not of 12 numbers"),
    # of a 3MF
    _("its archive has %(many)s parts: export the part alone"),
    _("its archive is packed in a way that few read: pack it as a plain ZIP"),
    _("its archive would grow to %(size)s MiB: simplify the model"),
    _("it defines XML entities, which no 3MF needs: export it again"),
    _("it has no 3D/3dmodel.model: export it again"),
    _("two of its objects are called %(name)s: export it again"),
    _("its slicer's project cuts one volume out of another: export the finished part as STL"),
    _("nothing that is a part lies on its plate: export it again"),
    _("its components make more than %(most)s triangles: simplify the model"),
    _("its components hold one another: export the part again"),
    _("its triangles name corners that are not there: export it again"),
    _("it is put together from too many components: export one part alone"),
    _("its unit %(unit)s is unknown: export it in mm"),
    _("its files are in several units: export it again, in mm"),
    _("its mesh is a coarse stand-in for its slices: export it as STL"),
    _("it begins with several models: export it again"),
    _("it lies more than 1 km from the origin, which spoils its measures: move it there"),
    _("it says that its unit is %(unit)s: export it in mm"),
    _("its plate holds more than %(most)s items: export one part alone"),
    # of an archive
    _("%(file)s holds no file"),
    _(
        "%(file)s: holds %(many)s models and no manifest: bring each of them alone, or with a"
        " design.toml"
    ),
    _("%(file)s holds %(many)s files, more than %(most)s"),
    _("%(file)s would grow to %(size)s MiB"),
    _("%(file)s cannot be unpacked: %(what)s"),
    _("%(file)s is locked with a password"),
    _("%(file)s leads out of the archive"),
    _("%(file)s is a link, or no file at all"),
    _("%(file)s is there twice"),
    # of a manifest
    _("%(name)s cannot be read: there is none, nor an okh.toml or okh.yml"),
    _("was added before manifests were kept: add it again"),
    _("an Open Know-How manifest stays one"),
    _("leads out of the folder"),
    _("%(path)s leads out of the folder"),
    _("names no STL, OBJ or 3MF file in this folder: there is nothing to print"),
    _("names no STL, OBJ or 3MF file in this folder; a part that is bought has tsdc = 'BUY'"),
    _("has %(many)s manifests (%(names)s): name one"),
    _("must be small letters, digits and hyphens"),
    _("must not be empty"),
    _("the design has no part"),
    _("the design has no part that is printed"),
    _("must be 1 or more"),
    _("are more than %(many)s parts"),
    _("must be a word of at most %(many)s letters"),
    _("must be %(many)s or less"),
    _("has signs that cannot be printed"),
    _("must be a code as 3DP, LAS, SEW, ASM or BUY"),
    _("is missing: the part is to be printed"),
    _("names no material"),
    _("cannot be read: there is none, nor an okh.toml or okh.yml"),
    _("cannot be read: %(what)s"),
    _("is of no use: a part with tsdc = %(code)s is not made here"),
    _("is there twice"),
    _("has more than %(size)s MiB"),
    _("is no list of keys and values"),
    _("is empty, or holds nothing but comments"),
    _("must be an address that begins with https://"),
    _("must be a table"),
    _("names no licence"),
    _("is no UTF-8 text: %(what)s"),
    _("is no TOML: %(what)s"),
    _("is no YAML: %(what)s"),
    _("holds more than %(most)s values, or too deep"),
    _("is missing"),
    _("there is no material %(code)s"),
    _("there is no material %(code)s; did you mean %(near)s?"),
    _("there is no revision %(revision)s here; add the design first"),
    _("what the library has of revision %(revision)s cannot be read; put it back from a backup"),
    _("the file %(sha)s is gone from the library's folder; add its design again"),
    _("%(copies)s copies were asked for, and %(most)s fit on this bed"),
    # of a pattern
    _("%(file)s is larger than %(size)s MiB"),
    _("%(file)s cannot be read: %(what)s"),
    _("%(file)s is no SVG drawing: %(what)s"),
    _("%(file)s is no SVG drawing"),
    _("%(file)s has a document type of its own (<!DOCTYPE>): save it as plain SVG"),
    _("%(file)s names a style sheet or entity from elsewhere: save it as plain SVG"),
    _("%(file)s has <%(tag)s>, which is no line, shape or words: only those are taken"),
    _("%(file)s has a style sheet that fetches something: only what is in the file is taken"),
    _("%(file)s has a script (%(attribute)s=...): save it without"),
    _("%(file)s names something outside the file (%(attribute)s=...): only what is in it is taken"),
    _("%(file)s fetches something from elsewhere (%(attribute)s=...): only what is in it is taken"),
    _("%(file)s is no PNG picture, or not a whole one"),
    _("%(file)s has something behind the end of its picture: save it anew"),
    _("%(file)s has %(wide)s × %(high)s points: between 1 and 50 million are taken"),
    _("%(file)s is no plain text in UTF-8"),
    _("%(file)s has characters that are no text"),
    _("%(file)s is empty"),
    _("it measures %(long)s mm, which is nothing: export it in millimetres"),
    _("it is a folder or a device, and no file"),
    _("it is no %(kind)s file%(what)s: fetch or export it again"),
    _(" but G-code, which is for one printer only"),
    _("%(file)s is no PDF document"),
    _(
        "%(file)s measures %(wide)s × %(high)s mm; its longer side must be between %(least)s and"
        " %(most)s: export it in millimetres"
    ),
    _(
        "%(whole)s of its triangles are whole, and there are %(corners)s corners: it was cut short or is"
        " broken; fetch or export it again"
    ),
    _("%(text)s stands where a number should: export it again"),
    _("its numbers are written with commas: export it with a point as the decimal sign"),
    _("it makes more than %(most)s triangles: export a coarser STL"),
    _("there is no solid in it: export the body, not its sketches"),
    _("it has a lattice of beams, which is not read: export it as STL"),
    _("it needs the 3MF extension %(extension)s, which is not read: export it as STL"),
    _("its archive is locked with a password: export it without"),
    _("its components hold one another, or lie too deep in one another: export the part again"),
    _("its plate names an object %(object)s that is not in it: export it again"),
    _("line %(line)s: numbers need a point as the decimal sign"),
    _("takes more patterns, beside that of `file`"),
    # of a pattern that a process with limits reads
    _("%(file)s shows parts of itself too often (<use>): make them paths"),
    _("%(file)s is no SVG, DXF, PDF, PNG or TXT file"),
    _("must be SVG, DXF, PDF, PNG or TXT"),
    _("%(file)s is no DXF drawing: %(what)s"),
    _("%(file)s is an empty drawing"),
    _("%(file)s is drawn in unit %(number)s ($INSUNITS): export it in millimetres"),
    _("%(file)s has more than %(most)s lines and shapes: simplify it"),
    _("%(file)s has more than %(most)s objects: simplify it"),
    _("%(file)s has blocks too deep in one another: explode them"),
    _("%(file)s holds or names another file (%(kind)s): save it without"),
    _("%(file)s shows another file (XREF): bind it into the drawing"),
    _("%(file)s has %(kind)s, which is no line, shape or words: only those are taken"),
    _("%(file)s is no PDF that can be read: %(what)s"),
    _("%(file)s is locked: save it without a password"),
    _("%(file)s has %(number)s pages: between 1 and %(most)s are taken"),
    _("%(file)s has %(what)s: print it into a plain PDF"),
    _("a script (JavaScript)"),
    _("a program to start (Launch)"),
    _("an embedded file"),
    _("actions of its own (AA)"),
    _("a link to another file"),
    _("a form that is sent away"),
    _("a form that fetches something"),
    _("a form with scripts (XFA)"),
    _("a film or 3D model"),
    _("a film or sound"),
    _("%(file)s needs more than %(limit)s GiB of memory to read: simplify it"),
    _("reading it takes more than %(limit)s s: simplify it"),
    _(
        "%(file)s says no size in millimetres, which a laser cutter needs: save it as SVG or DXF in mm"
    ),
    _("holds %(number)s models and no manifest: bring each of them alone, or with a design.toml"),
    _("PVC is never laser-cut: it gives off chlorine and ruins the machine; take PET or PP"),
    _("the design has no part that is printed, or made from a pattern"),
    _("STEP is read with an extra: pip install 'fabnet[step]'; or export the part as STL or 3MF"),
    _("an archive is a design with its manifest: unpack it, or bring it with `fabnet design add`"),
)
