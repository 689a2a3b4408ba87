"""Commands for open-hardware designs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fabnet import clock
from fabnet.cli.common import FILE, coordinator


@click.group()
def design() -> None:
    """Open-hardware designs."""


@design.command("add")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--title", default="", help="Of a file: as pages show it.")
@click.option("--material", multiple=True, help="Of a file: may be made of it; best first.")
@click.option("--licence", default="", help="Of a file: its SPDX name.")
@click.option("--per-kit", type=click.IntRange(1, 1000), help="Of a file: how many make a kit.")
@click.option("--config", type=FILE, default="coordinator.toml")
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

    PATH is a folder with a design.toml, or one STL, OBJ or 3MF file, which becomes a draft.

    \b
    Example: fabnet design add my-visor/
    Example: fabnet design add clip.stl --title "Strap clip" --material PETG --licence CC-BY-4.0
    """
    from designs.library import Library
    from designs.manifest import DEFAULT_MATERIALS, UNKNOWN_LICENCE
    from jobs.ledger.store import Ledger

    if path.is_dir() and (title or material or licence or per_kit):
        raise click.UsageError(f"{path} is a folder: title, materials, licence and number of parts"
                               " stand in its design.toml")  # fmt: skip
    data = Path(coordinator(config).data_dir)
    data.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(data / "ledger.db")
    library = Library(ledger.database, data / "files")
    library.migrate()
    if path.is_dir():
        revision = library.add_design(path)
    else:
        revision = library.add_model(
            path,
            title=title,
            materials=material or DEFAULT_MATERIALS,
            per_kit=per_kit or 1,
            licence=licence or UNKNOWN_LICENCE,
        )
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(revision).decode())
    else:
        kit = ", ".join(f"{part.per_kit} x {part.title}" for part in revision.parts)
        click.echo(f"{revision.title} {revision.version} ({revision.licence}): {revision.id[:12]}")
        click.echo(f"a kit is {kit}")


@design.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--pictures",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for a picture of each surface that is not closed, with its gaps in red.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
def design_check(paths: tuple[Path, ...], pictures: Path | None, as_json: bool) -> None:
    """Say whether model files can be printed, and what to do where they cannot.

    Takes STL, OBJ and 3MF files, and folders, in which it looks for them. Keeps nothing. Exit
    status 1 when a file is refused.

    \b
    Example: fabnet design check clip.stl
    Example: fabnet design check models/ --json
    Example: fabnet design check broken.stl --pictures gaps/
    """
    from rich.console import Console
    from rich.progress import Progress

    from fabnet.verdicts import check_and_draw, model_files, verdict_json, verdict_line

    files = [file for path in paths for file in model_files(path)]
    if not files:
        where = ", ".join(map(str, paths))
        raise click.ClickException(f"there is no STL, OBJ or 3MF file in {where}")
    refused = False
    watched = sys.stderr.isatty() and any(path.is_dir() for path in paths)
    with Progress(
        console=Console(stderr=True), disable=not watched, redirect_stdout=sys.stdout.isatty()
    ) as progress:
        for file in progress.track(files, description="Checking"):
            began_s = clock.boottime_s()
            report = check_and_draw(file, pictures)
            seconds = clock.boottime_s() - began_s
            refused |= report.verdict == "refused"
            click.echo(verdict_json(report, seconds) if as_json else verdict_line(report))
    sys.exit(1 if refused else 0)
