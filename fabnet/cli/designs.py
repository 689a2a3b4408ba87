"""Commands for open-hardware designs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from fabnet import clock
from fabnet.cli.common import COORDINATOR_FILE, Day, coordinator, say

if TYPE_CHECKING:
    from designs.library import Library
    from designs.model import Revision
    from jobs.ledger.store import Ledger


@click.group()
def design() -> None:
    """Open-hardware designs."""


@design.command("add")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--title", default="", help="Of a file: as pages show it.")
@click.option("--material", multiple=True, help="Of a file: may be made of it; best first.")
@click.option("--licence", default="", help="Of a file: its SPDX name.")
@click.option("--per-kit", type=click.IntRange(1, 1000), help="Of a file: how many make a kit.")
@COORDINATOR_FILE
@click.option("--json", "as_json", is_flag=True, help="Print the revision as JSON.")
def design_add(
    path: Path,
    title: str,
    material: tuple[str, ...],
    licence: str,
    per_kit: int | None,
    config: Path,
    as_json: bool,
) -> None:
    """Check a design and put its revision into the library.

    PATH is a folder or a ZIP archive with a design.toml or an Open Know-How manifest (okh.toml,
    okh.yml), such a manifest beside its files, or one STL, OBJ or 3MF file, which becomes a draft.

    \b
    Example: fabnet design add my-visor/
    Example: fabnet design add visor/okh.toml
    Example: fabnet design add clip.stl --title "Strap clip" --material PETG --licence CC-BY-4.0
    """
    from designs import bundle

    if not bundle.is_model(path) and (title or material or licence or per_kit):
        raise click.UsageError(
            f"{path} is no model file: title, materials, licence and number of parts stand in its"
            " manifest"
        )
    library = _library(config)
    revision = bundle.add(
        library,
        path,
        title=title,
        materials=material,
        per_kit=per_kit or 1,
        licence=licence,
    )
    source = library.source(revision.id)
    for warning in source.manifest.warnings if source else ():
        click.echo(f"note: {warning}", err=True)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(revision).decode())
    else:
        kit = ", ".join(
            [f"{part.per_kit} x {part.title}" for part in revision.parts]
            + [f"{other.per_kit} x {other.title}" for other in revision.others]
        )
        click.echo(f"{revision.title} {revision.version} ({revision.licence}): {revision.id[:12]}")
        click.echo(f"a kit is {kit}")
        say("fabnet: it is in the library, and can be ordered")


@design.command("export")
@click.argument("revision")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--format", "into", type=click.Choice(["okh-1", "okh-2"]), help="As it came without it."
)
@click.option("--repo", default="", help="Its home on the Web, where its manifest names none.")
@COORDINATOR_FILE
def design_export(revision: str, folder: Path, into: str | None, repo: str, config: Path) -> None:
    """Write a design's manifest and model files into a new folder, to pass it on.

    REVISION is a fingerprint, or its first letters. okh-1 is the YAML of Open Know-How 1, okh-2 the
    TOML of 2.4; no key of a manifest is lost.

    \b
    Example: fabnet design export 3f2a visor/
    Example: fabnet design export 3f2a visor/ --format okh-2 --repo https://example.org/visor
    """
    from designs import bundle
    from designs.okh import Format

    library = _library(config)
    found = _revision(library, revision)
    try:
        written = bundle.export(library, found, folder, Format(into) if into else None, repo)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error.strerror}") from error
    click.echo(str(written))


@design.command("plate")
@click.argument("revision")
@click.option("--preset", required=True, help="The machine whose bed it is, such as prusa-mini.")
@click.option("--kits", type=click.IntRange(1, 10_000), help="So many; else as many as fit.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The 3MF file."
)
@COORDINATOR_FILE
def design_plate(revision: str, preset: str, kits: int | None, out: Path, config: Path) -> None:
    """Write a plate with whole kits of a design, all their printed parts on one bed, as a 3MF file.

    REVISION is a fingerprint, or its first letters. The file is for a slicer; the network's own plates
    have one part each.

    \b
    Example: fabnet design plate 3f2a --preset prusa-mini --out kits.3mf
    """
    from designs.kit_packing import pack_kits
    from designs.plate_file import write_kits
    from firmware_profiles.loader import load_machine
    from printers.model import bed_of_preset

    machine = load_machine(preset)
    library = _library(config)
    found = _revision(library, revision)
    if not found.parts:
        raise click.ClickException(f"{found.title} has no part that is printed")
    for part in found.parts:
        if part.facts.extents_mm[2] > machine.height_mm:
            raise click.ClickException(f"{part.title} is taller than {machine.title} prints")
    shadows = {p.id: (library.footprint(p.facts.mesh_sha256), p.per_kit) for p in found.parts}
    layout = pack_kits(shadows, bed_of_preset(machine), limit=kits)
    if layout is None or layout.kits < (kits or 1):
        most = "none" if layout is None else str(layout.kits)
        raise click.ClickException(
            f"of {kits or 1} kits {most} can be laid on one bed of {machine.title}"
        )
    meshes = {part.id: library.mesh(part.facts.mesh_sha256) for part in found.parts}
    # Beside it first: a file that was there stays whole until the new one is.
    new = out.with_name(f"{out.name}.new")
    try:
        write_kits(meshes, layout, new)
        new.replace(out)
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror}") from error
    click.echo(f"{out}: {layout.kits} x {found.title}, {len(layout.placements)} parts on one bed")


@design.command("accept")
@click.argument("revision")
@click.option("--body", required=True, help="Who accepts it: a hospital, an authority.")
@click.option("--use", required=True, help="For what.")
@click.option(
    "--document",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="In which it says so; kept.",
)
@click.option("--until", required=True, type=Day(), metavar="YYYY-MM-DD", help="Its last day.")
@click.option("--by", required=True, help="Who records it.")
@COORDINATOR_FILE
def design_accept(
    revision: str, body: str, use: str, document: Path, until: datetime, by: str, config: Path
) -> None:
    """Record that a named body accepts a revision for a named use, until a day.

    \b
    Example: fabnet design accept 3f2a --body "CHU de Lyon" --use "splash guard" \\
             --document note.pdf --until 2027-01-31 --by "A. Martin"
    """
    from jobs.coordinator import reviews

    library, ledger = _opened(config)
    found = _revision(library, revision)
    reviews.accept(
        ledger,
        found.id,
        body=body,
        use=use,
        document=document.name,
        document_sha256=library.add_file(document),
        until=until.date(),
        by=by,
        now=clock.now(),
    )
    click.echo(f"{found.title} {found.version} is accepted by {body} until {until:%Y-%m-%d}")


@design.command("withdraw")
@click.argument("revision")
@click.option("--reason", required=True, help="Everybody who made or asked for it will read it.")
@click.option("--by", required=True, help="Who decides it.")
@COORDINATOR_FILE
def design_withdraw(revision: str, reason: str, by: str, config: Path) -> None:
    """Stop a revision everywhere: nothing more is begun, and no lot of it leaves the hub.

    Plates that were not granted are taken back, prints are stopped where their node answers, and
    lots are held until a named reviewer releases them (fabnet design release).

    \b
    Example: fabnet design withdraw 3f2a --reason "the hook breaks" --by "A. Martin"
    """
    from jobs.coordinator import reviews

    library, ledger = _opened(config)
    found = _revision(library, revision)
    told = reviews.withdraw(ledger, found.id, reason, by, clock.now())
    click.echo(f"{found.title} {found.version} is withdrawn; plates that were stopped: {told}")


@design.command("release")
@click.argument("lot")
@click.option("--reason", required=True, help="Why it may leave all the same.")
@click.option("--by", required=True, help="The reviewer's name.")
@COORDINATOR_FILE
def design_release(lot: str, reason: str, by: str, config: Path) -> None:
    """Let one lot of a withdrawn revision leave the hub, in a reviewer's name.

    \b
    Example: fabnet design release 7K2M-9QX --reason "made before the fault" --by "Dr B. Petit"
    """
    from jobs.coordinator import reviews

    _, ledger = _opened(config)
    reviews.release(ledger, lot, reason, by, clock.now())
    click.echo(f"lot {lot} is released by {by}")


def _library(config: Path) -> Library:
    return _opened(config)[0]


def _opened(config: Path) -> tuple[Library, Ledger]:
    from designs.library import Library
    from fabnet.alone import make_folder
    from jobs.ledger.store import Ledger

    data = make_folder(Path(coordinator(config).data_dir))
    ledger = Ledger(data / "ledger.db")
    library = Library(ledger.database, data / "files")
    library.migrate()
    return library, ledger


def _revision(library: Library, start: str) -> Revision:
    found = [each for each in library.revisions() if each.id.startswith(start)]
    if len(found) != 1:
        raise click.ClickException(
            f"there is no revision {start}"
            if not found
            else f"{start} may be {len(found)} revisions: write more of the fingerprint"
        )
    return found[0]


@design.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--pictures",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for a picture of each surface that is not closed, with its gaps in red.",
)
@click.option("--preset", default="", help="Of G-code: the machine that it is to run on.")
@click.option("--material", default="", help="Of G-code: what is loaded there, such as PLA.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
def design_check(
    paths: tuple[Path, ...], pictures: Path | None, preset: str, material: str, as_json: bool
) -> None:
    """Say whether model files can be printed, and what to do where they cannot.

    Takes STL, OBJ and 3MF files, and folders and ZIP archives, in which it looks for them; and patterns
    (SVG, DXF, PDF), each by its name. Keeps nothing. Exit status 1 when a file is refused.

    Of a G-code file it says what its slicer wrote into it (PrusaSlicer, Slic3r, Cura, Griffin, Simplify3D,
    ideaMaker and others); with a preset and a material also whether fabnet would let it run there.

    \b
    Example: fabnet design check clip.stl
    Example: fabnet design check models/ --json
    Example: fabnet design check broken.stl --pictures gaps/
    Example: fabnet design check foil.svg foil.dxf
    Example: fabnet design check visor.gcode --preset anet-a8 --material PLA
    """
    from rich.console import Console
    from rich.progress import Progress

    from fabnet.verdicts import GCODE, check_and_draw, model_files, verdict_json, verdict_line

    if bool(preset) != bool(material):
        raise click.UsageError("--preset and --material are given together")
    gcode = [path for path in paths if path.suffix.lower() in GCODE and path.is_file()]
    with ExitStack() as stack:
        files = []
        for path in paths:
            if path not in gcode:
                work = stack.enter_context(TemporaryDirectory(prefix="fabnet-check-"))
                files += model_files(path, Path(work))
        if not files and not gcode:
            where = ", ".join(map(str, paths))
            raise click.ClickException(f"there is no STL, OBJ or 3MF file in {where}")
        refused = _tell_gcode(gcode, preset, material, as_json)
        watched = sys.stderr.isatty() and len(files) > len(paths)
        progress = stack.enter_context(
            Progress(
                console=Console(stderr=True), disable=not watched,
                redirect_stdout=sys.stdout.isatty(),
            )
        )  # fmt: skip
        for found in progress.track(files, description="Checking"):
            began_s = clock.boottime_s()
            report = check_and_draw(found, pictures)
            seconds = clock.boottime_s() - began_s
            refused |= report.verdict == "refused"
            line = verdict_json(report, found.path, seconds) if as_json else None
            click.echo(line or verdict_line(report, found.name))
    sys.exit(1 if refused else 0)


def _tell_gcode(files: Sequence[Path], preset: str, material: str, as_json: bool) -> bool:
    """Say what G-code files hold; return whether one is refused."""
    from fabnet.verdicts import gcode_json, gcode_line, read_gcode

    refused = False
    for file in files:
        report = read_gcode(file, preset, material)
        refused |= report.verdict == "refused"
        click.echo(gcode_json(report) if as_json else gcode_line(report))
    return refused
