"""`spinecast export`: the network as a file of another program."""

from __future__ import annotations

from pathlib import Path

import click


@click.command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--setting", metavar="S", help="For one setting alone, without the node `setting`; a smaller file.")
@click.option("--noisy-max", is_flag=True, help="Keep noisy-OR and noisy-MAX findings as such (XDSL only).")
@click.option(
    "--priors", type=click.Path(path_type=Path), metavar="DIR", help="Another knowledge base, fitted with `spinecast fit`."
)
def export(file: Path, setting: str | None, noisy_max: bool, priors: Path | None) -> None:
    """Write the fitted network to FILE, in the format that its ending names.

    .bif, .xmlbif (or .bifxml), .net (Hugin), .uai, .xdsl (GeNIe). Whoever asks the file has to observe
    presents = yes; every file says so. UAI has no names: they come in a file beside it.
    """
    from spinecast.assessment.model import load_model
    from spinecast.errors import MalformedFileError
    from spinecast.network.export import EVIDENCE
    from spinecast.network.interchange.write import check_target, write_network

    if priors is not None and not priors.is_dir():
        raise MalformedFileError(f"--priors {priors}: there is no such folder")
    check_target(file, noisy_max=noisy_max)
    model = load_model(priors)
    written = write_network(model.network, file, setting=setting, noisy_max=noisy_max, priors_hash=model.priors.content_hash)
    for path in written:
        click.echo(f"wrote {path} ({path.stat().st_size / 1e6:,.1f} MB)", err=True)
    clamp = " and ".join(f"{name} = {value}" for name, value in EVIDENCE.items())
    click.echo(f"Observe {clamp} in every query of it.", err=True)
