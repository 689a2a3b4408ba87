"""Commands for the estimate of what a plate takes."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from fabnet import clock
from fabnet.cli.common import COORDINATOR_FILE, coordinator, open_ledger


@click.group()
def estimate() -> None:
    """What a plate takes, before anybody slices it."""


@estimate.command("refit")
@click.option("--dry-run", is_flag=True, help="Only say what would be kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@COORDINATOR_FILE
def estimate_refit(*, dry_run: bool, as_json: bool, config: Path) -> None:
    """Fit the estimates to what slicers said of plates, a preset at a time.

    A fit needs 8 plates of 3 parts, is tried on parts that it has not seen, and is kept only where it is
    better there than the one before. Plans use it from then on.

    \b
    Example: fabnet estimate refit --dry-run
    """
    from designs.library import Library
    from jobs.coordinator.estimates import refit_all

    with closing(open_ledger(config)) as ledger:
        library = Library(ledger.database, Path(coordinator(config).data_dir) / "files")
        library.migrate()
        parts = {
            part.facts.mesh_sha256: part.facts
            for revision in library.revisions()
            for part in revision.parts
        }
        found = refit_all(ledger, parts, clock.now(), keep=not dry_run)
    if as_json:
        click.echo(
            json.dumps(
                {
                    preset: {"plates": fit}
                    if isinstance(fit, int)
                    else {
                        "plates": fit.plates, "parts": fit.parts, "before": round(fit.before, 4),
                        "after": round(fit.after, 4), "kept": fit.better and not dry_run,
                    }
                    for preset, fit in found.items()
                }
            )
        )  # fmt: skip
        return
    if not found:
        click.echo("No node has sliced a plate of a known part yet.")
    for preset, fit in found.items():
        if isinstance(fit, int):
            click.echo(f"{preset}: too few plates to learn from ({fit}): 8, of 3 parts, are needed")
            continue
        kept = "not better" if not fit.better else "would be kept" if dry_run else "kept"
        click.echo(
            f"{preset}: {fit.plates} plates of {fit.parts} parts; median error of the time"
            f" {fit.before:.1%} before, {fit.after:.1%} on parts it has not seen: {kept}"
        )
