"""Write a network to a file of another program: which formats there are, and what each file says of itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from types import MappingProxyType

import spinecast
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.network import export
from spinecast.network.interchange.bif import bif
from spinecast.network.interchange.net import net
from spinecast.network.interchange.noisy_max import noisy_max_nodes, strongest_first
from spinecast.network.interchange.text import About
from spinecast.network.interchange.uai import uai, uai_evidence, uai_names
from spinecast.network.interchange.xdsl import xdsl
from spinecast.network.interchange.xmlbif import xmlbif
from spinecast.network.model import Network
from spinecast.parameters.scales import Array

Writer = Callable[[Sequence[export.Node], About], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Format:
    """How a suffix is written; `beside` are further files, by what is added to the name."""

    name: str
    write: Writer
    beside: Mapping[str, Writer] = field(default_factory=dict)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        ".bif": Format("BIF", bif),
        ".xmlbif": Format("XMLBIF", xmlbif),
        ".bifxml": Format("XMLBIF", xmlbif),
        ".net": Format("NET (Hugin)", net),
        ".uai": Format("UAI", uai, {".evid": uai_evidence, ".names.json": uai_names}),
        ".xdsl": Format("XDSL (GeNIe)", xdsl),
    }
)
"""Suffix to format; pyAgrum opens XMLBIF by the suffix .bifxml."""

NOISY_MAX = ".xdsl"
"""The suffix whose format can hold noisy-MAX as such."""


def write_network(
    network: Network,
    path: Path,
    *,
    theta: Array | None = None,
    setting: str | None = None,
    noisy_max: bool = False,
    priors_hash: str = "",
    fit_hash: str = "",
) -> tuple[Path, ...]:
    """Write the network to `path`, in the format of its suffix.

    Parameters
    ----------
    theta : ndarray, shape (P,), optional
        Parameters; the network's own by default.
    setting : str, optional
        For one setting alone, without the node `setting`.
    noisy_max : bool
        Keep noisy-OR and noisy-MAX findings as such (XDSL only).
    priors_hash, fit_hash : str
        Named in the file, where given.

    Returns
    -------
    tuple of Path
        What was written; UAI has no names and no clamp, so they come beside it.

    Raises
    ------
    UnknownIdError
        There is no such format or setting.
    InvalidValueError
        The format cannot hold noisy-MAX, or the folder does not exist.
    """
    form = check_target(path, noisy_max=noisy_max)
    if setting is not None and setting not in network.settings:
        raise UnknownIdError("setting", setting, network.settings)
    about = _about(network, setting, {"priors": priors_hash, "fit": fit_hash})
    if noisy_max:
        _replace(path, xdsl(strongest_first(noisy_max_nodes(network, theta, setting)), about))
        return (path,)
    nodes = export.nodes(network, theta, setting)
    _replace(path, form.write(nodes, about))
    written = [path]
    for suffix, write in form.beside.items():
        written.append(path.with_name(path.name + suffix))
        _replace(written[-1], write(nodes, about))
    return tuple(written)


def check_target(path: Path, *, noisy_max: bool = False, others: Sequence[str] = ()) -> Format:
    """The format of a file that is to be written, before any work is done; raises as `write_network`.

    `others` are endings that the caller knows beside these, for the message.
    """
    form = FORMATS.get(path.suffix)
    if form is None:
        raise UnknownIdError("format", path.suffix, (*FORMATS, *others))
    if noisy_max and path.suffix != NOISY_MAX:
        raise InvalidValueError("--noisy-max", path.suffix, f"a file that ends in {NOISY_MAX}; no other format can say noisy-MAX")
    if not path.absolute().parent.is_dir():
        raise InvalidValueError("file", str(path), "a file in a folder that exists")
    return form


def _about(network: Network, setting: str | None, hashes: Mapping[str, str]) -> About:
    clamp = " and ".join(f"{name} = {value}" for name, value in export.EVIDENCE.items())
    named = "".join(f", {name} {value}" for name, value in hashes.items() if value)
    lines = (
        f"spinecast {spinecast.__version__}, {network.region} network{named}, "
        + (f"setting {setting}" if setting else "all settings"),
        f"OBSERVE {clamp} IN EVERY QUERY. Without it each generator has the probability of an independent root.",
        "Nodes that begin with count_, profile_, frailty_ or sedation_ are internal.",
        "What a table holds for more than three active generators is arbitrary, since presents excludes it.",
        spinecast.DISCLAIMER,
    )
    return About(title=f"spinecast_{network.region}", lines=lines, clamp=export.EVIDENCE)


def _replace(path: Path, lines: Iterable[str]) -> None:
    """Write beside the file first, so that a failure leaves what was there."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
