"""Commented starting files: a new entry of the knowledge base, or a patient."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.priors import records as r

PLACES = {"finding": "findings", "generator": "generators", "procedure": "procedures", "rule": "rules"}
"""Kind of entry to the folder that it goes into."""

_ID = re.compile(r"[a-z][a-z0-9_]*")
_PARTS = {
    "symptom": "What worsens and what helps; where it is; numbness, tingling, weakness",
    "exam": "Examination",
    "imaging": "Imaging",
    "laboratory": "Laboratory",
    "block": "Diagnostic procedures that the section of earlier procedures does not hold",
}
_SECTIONS = {
    "pain": "Pain and sleep",
    "care": "What has been tried, work",
    "safety": "Medicines, allergies, steroid response, glucose, thinners",
    "goals": "Wishes",
}


def new(kind: str, key: str, folder: Path) -> Path:
    """Write a skeleton of one entry; it keeps its schema and says of every number that it is a placeholder.

    Parameters
    ----------
    kind : {"finding", "generator", "procedure", "rule"}
    key : str
        Id of the new entry.
    folder : Path
        The priors folder.

    Raises
    ------
    UnknownIdError
        No skeleton of this kind.
    InvalidValueError
        The id is not one, or the file exists (nothing is ever overwritten).
    """
    if kind not in PLACES:
        raise UnknownIdError("kind", kind, PLACES)
    if not _ID.fullmatch(key):
        raise InvalidValueError("id", key, "lower case letters, digits and underscores, starting with a letter")
    path = folder / PLACES[kind] / f"{key}.toml"
    skeleton = (folder / "skeletons" / f"{kind}.toml").read_text(encoding="utf-8")
    return _write(path, skeleton.replace("NEW_ID", key))


def new_patient(priors: r.Priors, path: Path, region: str = "lumbosacral") -> Path:
    """Write a patient file in which everything is commented out, and so unobserved.

    Raises
    ------
    InvalidValueError
        The file exists, its name does not end in .toml, or its folder is not there.
    """
    return _form(path, patient_template(priors, region))


def new_outcome(priors: r.Priors, path: Path) -> Path:
    """Write an outcome file to fill in at a follow-up.

    Raises
    ------
    InvalidValueError
        The file exists, its name does not end in .toml, or its folder is not there.
    """
    return _form(path, outcome_template(priors))


def outcome_template(priors: r.Priors) -> str:
    """The follow-up form, from the vocabulary: what was done, how it went, function, medicines, goals."""
    return "\n".join(line.rstrip() for line in _outcome(priors)) + "\n"


def _outcome(priors: r.Priors) -> Iterator[str]:
    yield "# How it went. Fill in procedure, weeks and relief_percent; take the # away from what else is known."
    yield "# What is not stated counts as not observed."
    yield ""
    yield 'procedure = "transforaminal_epidural"   # what was done; "waiting" if nothing was. One of:'
    yield from (f"#   {p.id}: {p.label}" for p in priors.procedures.values())
    yield "weeks = 4                               # weeks from then to now"
    yield "# weeks_since_assessment = 6            # weeks from the assessment to now, if it was done later than that"
    yield "# same_procedure = true                 # a later look at the procedure of the last follow-up"
    yield '# side = "left"                         # left | right | bilateral | midline'
    yield '# level = "S1"                          # roots as "S1", discs and joints as "L5_S1"; several as a list'
    yield '# drug = "dexamethasone"'
    yield "relief_percent = 60                     # how much of the pain is gone now, 0 to 100"
    yield "# best_relief_percent = 80              # at its best, after the anaesthetic had worn off"
    yield "# relief_weeks = 3                      # how long it was at least half; leave out while it still is"
    yield "# block_relief_percent = 90             # best relief while the anaesthetic lasted (blocks; sacroiliac and facet injections)"
    yield '# sedation = "no"                       # no | yes | unknown'
    yield "# rehabilitation = true                 # took part in it since"
    yield from ("", "# ── Function and pain now ──", "[inputs]")
    yield from (_input(i) for i in priors.inputs.values() if i.better or i.progress)
    yield from ("", "# ── Medicines since: stopped | reduced | same | increased | started ──", "[medications]")
    yield from (f'# {name} = "reduced"' for name in ("opioids", "benzodiazepines", "relaxants"))
    yield from (
        "",
        "# ── What was found since, and what has changed (as in the patient file) ──",
        "[findings]",
        '# foot_drop = "absent"',
    )
    yield from ("", "[context]", '# distress = "low"')
    yield from (
        "",
        "# ── Goals of the patient file, in its words, one block each ──",
        "# [[goals]]",
        '# goal = "Walk"',
        "# now = 25",
    )


def _form(path: Path, text: str) -> Path:
    """A form is TOML, in a folder of the user's: under another name the next command would refuse it."""
    if path.suffix != ".toml":
        raise InvalidValueError("file", str(path), "a name that ends in .toml")
    if not path.absolute().parent.is_dir():
        raise InvalidValueError("file", str(path), "a file in a folder that exists")
    return _write(path, text)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        raise InvalidValueError("file", str(path), "a file that does not exist yet; nothing is overwritten") from None
    return path


def patient_template(priors: r.Priors, region: str = "lumbosacral") -> str:
    """The patient form, from the vocabulary, in the order in which a clinic asks people to bring things."""
    findings = [f for f in priors.findings.values() if f.region == region and f.from_procedure is None]
    procedures = [p for p in priors.procedures.values() if p.region == region]
    parts = [_head(priors), _contexts(priors), _findings(findings), _inputs(priors), _procedures(procedures), _goals(priors)]
    return "\n".join(line.rstrip() for part in parts for line in part) + "\n"


def _head(priors: r.Priors) -> Iterator[str]:
    yield "# One person. Take the # away from what is known and leave the rest: what is not stated counts as not observed,"
    yield "# never as negative. What is uncertain can be given as, for example, { likelihood = { absent = 0.3, present = 0.7 } }."
    yield "# What was recorded by hand can say how far examiners agree on it (kappa): { ..., reliability 0.6 }."
    yield ""
    yield 'label = "A name that identifies nobody"'
    yield '# reliability = "published"  # published: every finding weighs as examiners agree on it in print | exact'
    yield f'# setting = "{next(iter(priors.settings), "spine_clinic")}"  # {" | ".join(priors.settings)}'


def _contexts(priors: r.Priors) -> Iterator[str]:
    yield from ("", "# ── The person, and how long it has lasted ──", "[context]")
    for context in priors.contexts.values():
        yield f'# {context.id} = "{context.values[0]}"  # {_values(context.values)}{_unit(context)}: {context.question or context.label}'


def _unit(context: r.Context) -> str:
    return f", or a number ({context.unit})" if context.bounds else ""


def _values(values: Iterable[str]) -> str:
    return " | ".join(values)


def _findings(findings: list[r.Finding]) -> Iterator[str]:
    yield from ("", "[findings]")
    for kind, title in _PARTS.items():
        chosen = sorted((f for f in findings if f.kind == kind), key=lambda f: (f.group, f.id))
        if chosen:
            yield from ("", f"# ── {title} ──")
        for group, members in groupby(chosen, key=lambda f: f.group):
            yield from (["", f"# {group.replace('_', ' ').upper()}"] if group else [])
            yield from map(_finding, members)


def _finding(finding: r.Finding) -> str:
    place = ', side = "left"' * finding.sided + ', level = "L5_S1"' * finding.located
    # A side goes with presence, so the example of a sided finding is a present one.
    shown = f'{{ value = "{finding.values[1]}"{place} }}' if place else f'"{finding.values[0]}"'
    return f"# {finding.id} = {shown}  # {_values(finding.values)}: {finding.label}"


def _inputs(priors: r.Priors) -> Iterator[str]:
    yield from ("", "[inputs]")
    for section, title in _SECTIONS.items():
        chosen = [i for i in priors.inputs.values() if i.section == section]
        if chosen:
            yield from ("", f"# ── {title} ──")
        yield from map(_input, chosen)


def _input(entry: r.Input) -> str:
    match entry.type:
        case "number":
            low, high = (f"{x:g}" if x is not None else "" for x in (entry.minimum, entry.maximum))
            span = f" ({low} to {high})" if low or high else ""
            return f"# {entry.id} = {low or 0}  # {entry.unit}{span}: {entry.question or entry.label}"
        case "list":
            return f'# {entry.id} = ["{entry.values[0]}"]  # any of {_values(entry.values)}: {entry.question or entry.label}'
        case "boolean":
            return f"# {entry.id} = false  # true | false: {entry.question or entry.label}"
        case _:
            return f'# {entry.id} = "{entry.values[0]}"  # {_values(entry.values)}: {entry.question or entry.label}'


def _procedures(procedures: list[r.Procedure]) -> Iterator[str]:
    yield from ("", "# ── Earlier procedures, one block each ──")
    yield from (f"# {p.id}: {p.label}" for p in procedures)
    yield from (
        "# [[procedures]]",
        f'# procedure = "{procedures[0].id if procedures else "medial_branch_block"}"',
        "# weeks_ago = 6              # or date = 2025-01-31",
        '# side = "left"              # left | right | bilateral | midline',
        '# level = "L4_L5"',
        '# drug = "dexamethasone"     # the steroid, if one was given',
        "# dose_mg = 10              # of the steroid; doses of a year are added up",
        '# anaesthetic = "lidocaine"',
        '# sedation = "no"            # no | yes | unknown',
        "# relief_percent = 60        # best relief while the anaesthetic lasted",
        "# duration_hours = 4         # how long that lasted",
        "# duration_weeks = 3         # how long the later benefit lasted",
    )


def _goals(priors: r.Priors) -> Iterator[str]:
    yield from (
        "",
        "# ── Goals in plain words, one block each ──",
        "# [[goals]]",
        '# goal = "Walk"',
        "# baseline = 10",
        "# target = 30",
    )
    yield '# unit = "minutes"'
    measures = [i.id for i in priors.inputs.values() if i.better or i.progress]
    if measures:
        shown = "walking_minutes" if "walking_minutes" in measures else measures[0]
        yield f'# measure = "{shown}"  # the answer under [inputs] that measures it, if one does; a follow-up then shows progress'
