"""`spinecast export`: the network as a file of another program, or the compiled scorer as an ONNX model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from spinecast.cli.options import SETTING

ONNX = ".onnx"


@click.command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--setting", type=SETTING, metavar="S", help="For one setting alone, without the node `setting`; a smaller file.")
@click.option("--noisy-max", is_flag=True, help="Keep noisy-OR and noisy-MAX findings as such (XDSL only).")
@click.option("--dtype", metavar="T", help="float32 or float64 (ONNX only). [default: float32]")
def export(file: Path, setting: str | None, noisy_max: bool, dtype: str | None) -> None:
    """Write the fitted network to FILE, in the format that its ending names.

    .bif, .xmlbif (or .bifxml), .net (Hugin), .uai, .xdsl (GeNIe). Whoever asks the file has to observe
    presents = yes; every file says so. UAI has no names: they come in a file beside it.

    .onnx is the compiled scorer: findings in, probabilities of generators and levels out.
    """
    if file.suffix == ONNX:
        _onnx(file, setting=setting, noisy_max=noisy_max, dtype=dtype)
    else:
        _network(file, setting=setting, noisy_max=noisy_max, dtype=dtype)


def _network(file: Path, *, setting: str | None, noisy_max: bool, dtype: str | None) -> None:
    from spinecast.assessment.model import load_model
    from spinecast.errors import InvalidValueError
    from spinecast.network.export import EVIDENCE
    from spinecast.network.interchange.write import check_target, write_network

    check_target(file, noisy_max=noisy_max, others=(ONNX,))
    if dtype is not None:
        raise InvalidValueError(
            "--dtype", dtype, f"nothing, unless the file ends in {ONNX}: the numbers of a network file are exact"
        )
    model = load_model()
    written = write_network(
        model.network, file, setting=setting, noisy_max=noisy_max, priors_hash=model.priors.content_hash, fit_hash=model.fit_hash
    )
    _wrote(written)
    clamp = " and ".join(f"{name} = {value}" for name, value in EVIDENCE.items())
    click.echo(f"Observe {clamp} in every query of it.", err=True)


def _onnx(file: Path, *, setting: str | None, noisy_max: bool, dtype: str | None) -> None:
    from spinecast.errors import InvalidValueError
    from spinecast.scoring.forecaster import Forecaster
    from spinecast.scoring.onnx_export import write_onnx

    for option, given in (("--setting", setting), ("--noisy-max", noisy_max or None)):
        if given is not None:
            raise InvalidValueError(option, given, f"nothing with a file that ends in {ONNX}: the setting is one of its inputs")
    _wrote([write_onnx(Forecaster.load(), file, dtype or "float32")])


def _wrote(paths: Sequence[Path]) -> None:
    for path in paths:
        click.echo(f"wrote {path} ({path.stat().st_size / 1e6:,.1f} MB)", err=True)
