"""Read `priors/` into records. Structure is checked here only as far as reading needs; laws are in `check`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from spinecast.errors import PriorsError
from spinecast.priors import records as r
from spinecast.priors.deferred import Deferred, Later

_T = TypeVar("_T")
_FOLDERS = (
    "generators", "findings", "contexts", "inputs", "settings", "natural_course", "dependencies", "procedures", "rules",
    "rule_sets",
    "trials",
    "pathways",
)  # fmt: skip


CONTENT_FOLDERS = (*_FOLDERS, "evidence")
"""Folders whose files set the model, besides economics.toml."""


def read_priors(folder: Path) -> r.Priors:
    """Read the whole folder, file by file.

    Raises
    ------
    PriorsError
        A file cannot be parsed or lacks a field; the message names file and field.
    """
    return from_tables(read_tables(folder), folder)


def read_tables(folder: Path) -> dict[str, Any]:
    """Every file as plain tables: kind, then id, then fields. This is also what a bundle holds."""
    if not (folder / "evidence").is_dir():
        raise PriorsError(f"{folder} is not a priors folder: it has no evidence/ in it")
    tables: dict[str, Any] = {kind: {p.stem: _toml(p) for p in sorted((folder / kind).glob("*.toml"))} for kind in _FOLDERS}
    tables["evidence"] = {p.name: _csv(p) for p in sorted((folder / "evidence").glob("*.csv"))}
    economics = folder / "economics.toml"
    tables["economics"] = _toml(economics) if economics.exists() else {}
    tables["content_hash"] = content_hash(folder)
    return tables


def from_tables(tables: Mapping[str, Any], folder: Path) -> r.Priors:
    """Records from plain tables."""
    return r.Priors(
        folder=folder,
        rows=Deferred(lambda: tables["rows"], _packed_row) if "rows" in tables else _rows(tables["evidence"]),
        generators=_each(tables, "generators", _generator),
        findings=_each(tables, "findings", _finding),
        contexts=_each(tables, "contexts", _context),
        inputs=_each(tables, "inputs", _input),
        settings=_each(tables, "settings", _setting),
        natural_course=_each(tables, "natural_course", _natural_course),
        dependencies=_each(tables, "dependencies", _dependency),
        procedures=_each(tables, "procedures", _procedure),
        rules=_each(tables, "rules", _rule),
        economics={k: _quantity_tree(v) for k, v in tables["economics"].items()},
        trials=Deferred(lambda: tables["trials"], _packed_trial) if "rows" in tables else _each(tables, "trials", _trial),
        content_hash=tables["content_hash"],
        network_hash=tables.get("network_hash") or network_hash(tables),
        rule_sets=_each(tables, "rule_sets", _rule_set) if "rule_sets" in tables else {},
        pathways=_each(tables, "pathways", _pathway) if "pathways" in tables else {},
        outcome_hash=tables.get("outcome_hash") or outcome_hash(tables),
    )


_HEAVY = {"findings": ("leak", "base", "causes"), "contexts": ("base", "causes")}
"""Numbers of the network, which a start does not look at where the network is compiled already."""

LATER = "later"


def packed(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables as a bundle holds them: each row, and the network's numbers, as text that is read when it is asked for."""
    rows = {
        raw["id"]: _text({**raw, "file": file, "line": line}) for file, found in tables["evidence"].items() for raw, line in found
    }
    heavy = {kind: {key: _folded(table, names) for key, table in tables[kind].items()} for kind, names in _HEAVY.items()}
    trials = {key: _text(table) for key, table in tables.get("trials", {}).items()}
    return {**{k: v for k, v in tables.items() if k != "evidence"}, **heavy, "rows": rows, "trials": trials}


def _folded(table: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {
        k: {LATER: _text(v), "by": v.get("by", "") if isinstance(v, dict) else ""} if k in names else v for k, v in table.items()
    }


def _text(tree: object) -> str:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def _unfolded(part: Any) -> Callable[[], Any]:
    """Reads a part of a table now or, from a bundle, when it is called."""
    if isinstance(part, dict) and LATER in part:
        return lambda: json.loads(part[LATER])
    return lambda: part


def _packed_row(text: str) -> r.Row:
    raw = json.loads(text)
    return _row(raw, raw["file"], raw["line"])


def _packed_trial(text: str) -> r.Trial:
    return _trial(json.loads(text))


_NETWORK = ("generators", "findings", "contexts", "settings", "dependencies")


def strings(tree: object) -> set[str]:
    """Every text in nested tables and lists: among them the ids of the rows that they cite."""
    if isinstance(tree, str):
        return {tree}
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return {text for part in parts for text in strings(part)}


_APART = frozenset({"description", "question", "why", "kappa", "batteries"})
# Prose; and what reads a patient file without changing the network: how far two examiners agree, and what "4 of 5" counts.
_ASKED = ("id", "target", "test", "given", "setting", "measure", "value", "low", "high", "n", "seen_in", "use")


def network_hash(tables: Mapping[str, Any]) -> str:
    """SHA-256 of what the fit depends on: the network's own files without what stands apart, and what the rows that are
    fitted or cited there say in numbers and questions."""
    network = {kind: _of_the_network(tables[kind]) for kind in _NETWORK}
    cited = strings(list(network.values()))
    rows = [
        [r.get(name) for name in _ASKED]
        for file in sorted(tables["evidence"])
        for r in tables["evidence"][file]
        if r.get("use") == "fit" or r.get("id") in cited
    ]
    return hashlib.sha256(json.dumps([network, rows], sort_keys=True).encode()).hexdigest()


def _of_the_network(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _of_the_network(v) for k, v in tree.items() if k not in _APART}
    return [_of_the_network(v) for v in tree] if isinstance(tree, list) else tree


def content_files(folder: Path) -> list[Path]:
    """Every TOML and CSV file that sets the model."""
    files = [p for name in _FOLDERS for p in (folder / name).glob("*.toml")]
    files += [*(folder / "evidence").glob("*.csv"), folder / "economics.toml"]
    return sorted(p for p in files if p.exists())


def outcome_hash(tables: Mapping[str, Any]) -> str:
    """SHA-256 of what the outcome curves depend on: statements, trials, shapes, modifiers, and the rows cited there."""
    effects = {
        key: [table.get("kind"), table.get("effects", []), table.get("modifiers", [])]
        for key, table in tables["procedures"].items()
    }
    economics = [tables["economics"].get(name) for name in ("contextual_effect", "curves")]
    parts = [effects, tables["natural_course"], tables.get("trials", {}), economics]
    cited = strings(parts)
    rows = [r for file in sorted(tables["evidence"]) for r in tables["evidence"][file] if r.get("id") in cited]
    return hashlib.sha256(json.dumps([parts, rows], sort_keys=True).encode()).hexdigest()


def content_hash(folder: Path) -> str:
    """SHA-256 over every TOML and CSV file that sets the model, by name and bytes."""
    digest = hashlib.sha256()
    for path in content_files(folder):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def read_rows(folder: Path) -> dict[str, r.Row]:
    """Every evidence row by id; a repeated id is an error."""
    return _rows({p.name: _csv(p) for p in sorted((folder / "evidence").glob("*.csv"))})


def rows_from_table(table: list[dict[str, Any]], name: str) -> list[r.Row]:
    """Rows of one CSV table that need not belong to the priors; absent columns are empty."""
    return list(_rows({name: table}).values())


def _toml(path: Path) -> dict[str, Any]:
    import tomllib  # a start reads the bundle, and no TOML

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PriorsError(f"{path.parent.name}/{path.name}: {error}") from None


def _csv(path: Path) -> list[dict[str, Any]]:
    import csv

    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _rows(files: Mapping[str, list[dict[str, Any]]]) -> dict[str, r.Row]:
    rows: dict[str, r.Row] = {}
    for name, raw_rows in files.items():
        for line, raw in enumerate(raw_rows, start=2):
            row = _row(raw, name, line)
            if row.id in rows:
                raise PriorsError(f"evidence/{name}:{line}: id {row.id!r} is already in {rows[row.id].file}")
            rows[row.id] = row
    return rows


_TEXT = tuple(k for k in r.Row.__dataclass_fields__ if k not in ("value", "low", "high", "n", "file", "line"))


def _row(raw: Mapping[str, str | None], file: str, line: int) -> r.Row:
    def number(name: str) -> float | None:
        text = (raw.get(name) or "").strip()
        try:
            return float(text) if text else None
        except ValueError:
            raise PriorsError(f"evidence/{file}:{line}: {name} = {text!r} is not a number") from None

    n = number("n")
    text = {k: (raw.get(k) or "").strip() for k in _TEXT}
    return r.Row(
        **text,
        value=number("value"),
        low=number("low"),
        high=number("high"),
        n=None if n is None else int(n),
        file=file,
        line=line,
    )


def _each(tables: Mapping[str, Any], kind: str, build: Callable[[dict[str, Any]], _T]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for key, table in tables.get(kind, {}).items():
        try:
            found[key] = build(table)
        except KeyError as error:
            raise PriorsError(f"{kind}/{key}.toml: the field {error} is missing") from None
        except (TypeError, ValueError, AttributeError, PriorsError) as error:
            raise PriorsError(f"{kind}/{key}.toml: {error}") from None
    return found


def _quantity_tree(value: Any) -> object:
    """Tables that look like quantities become quantities; other tables are walked."""
    if not isinstance(value, dict):
        return value
    if {"rows", "assumed", "derived"} & set(value):
        return quantity(value)
    return {k: _quantity_tree(v) for k, v in value.items()}


def quantity(table: Any) -> r.Quantity:
    """One inline quantity table.

    Raises
    ------
    PriorsError
        Unknown fields, or neither rows nor an assumption.
    """
    if not isinstance(table, dict):
        raise PriorsError(f"{table!r} is a bare number; a quantity cites rows or says assumed, like_n and why")
    if not table.keys() <= _QUANTITY:
        raise PriorsError(f"quantity has unknown field {min(table.keys() - _QUANTITY)!r}; allowed: {', '.join(_QUANTITY)}")
    if "rows" in table:
        return r.Quantity(**{**table, "rows": tuple(table["rows"])})
    if "assumed" not in table:
        raise PriorsError(f"quantity {table!r} neither cites rows nor says assumed")
    return r.Quantity(**table)


_QUANTITY = r.Quantity.__dataclass_fields__.keys()


def _quantities(table: dict[str, Any]) -> dict[str, r.Quantity]:
    return {k: quantity(v) for k, v in table.items()}


def _weeks(table: dict[str, Any]) -> dict[int, r.Quantity]:
    return {int(k.removeprefix("week_")): quantity(v) for k, v in table.items()}


def _generator(t: dict[str, Any]) -> r.Generator:
    return r.Generator(
        id=t["id"], label=t["label"], region=t["region"], description=t["description"], levels=tuple(t.get("levels", ())),
        reachable=t.get("reachable", True), level_labels=t.get("level_labels", {}),
        sites=_quantities(t.get("sites", {})), sides=_quantities(t.get("sides", {})),
    )  # fmt: skip


def _cause(t: dict[str, Any], log_linear: bool) -> r.Cause:
    body = t["odds_ratio"] if log_linear else {k: v for k, v in t.items() if k not in ("generator", "levels", "with_others")}
    return r.Cause(t["generator"], tuple(t.get("levels", ())), _quantities(body), _quantities(t.get("with_others", {})))


def _causes(part: Any, *, log_linear: bool) -> Sequence[r.Cause]:
    read = _unfolded(part)
    made = Later(lambda: tuple(_cause(c, log_linear) for c in read()))
    return made if isinstance(part, dict) else tuple(made)


def _by_table(part: dict[str, Any]) -> tuple[str, Mapping[str, r.Quantities]]:
    """A leak or base that may depend on one context: ("" or the context, table by its value)."""
    by, read = part.get("by", ""), _unfolded(part)

    def body() -> dict[str, Any]:
        table = {k: v for k, v in read().items() if k != "by"}
        return table if by else {"": table}

    made = Deferred(body, _quantities)
    return by, made if LATER in part else dict(made)


def _finding(t: dict[str, Any]) -> r.Finding:
    log_linear = t["form"] == "log_linear"
    by, leak = _by_table(t["base" if log_linear else "leak"])
    source = t.get("from_procedure")
    sedation = t.get("sedation")
    return r.Finding(
        id=t["id"], label=t["label"], region=t["region"], kind=t["kind"], description=t["description"], form=t["form"],
        values=tuple(t["values"]), leak=leak, by=by, causes=_causes(t["causes"], log_linear=log_linear),
        group=t.get("group", ""), family=t.get("family", ""), sided=t.get("sided", False), located=t.get("located", False),
        concordance=quantity(t["concordance"]) if "concordance" in t else None, burden=t.get("burden", "history"),
        kappa=quantity(t["kappa"]) if "kappa" in t else None,
        from_procedure=(source["procedure"], source["order"]) if source else None,
        sedation=_sedation(sedation) if sedation else None, from_side=t.get("from_side", ""),
    )  # fmt: skip


def _sedation(t: dict[str, Any]) -> r.Sedation:
    return r.Sedation(quantity(t["prior"]), _quantities({k: v for k, v in t.items() if k != "prior"}))


def _context(t: dict[str, Any]) -> r.Context:
    by = t.get("by", "")
    base = Deferred(
        _unfolded(t["base"]),
        lambda table: {k: _quantities(v) for k, v in table.items()} if by else {"": _quantities(table)},
    )
    return r.Context(
        id=t["id"], label=t["label"], question=t["question"], values=tuple(t["values"]),
        base=base if LATER in t["base"] else dict(base), by=by, causes=_causes(t.get("causes", ()), log_linear=True), unit=t.get("unit", ""),
        bounds=tuple(float(b) for b in t.get("bounds", ())),
    )  # fmt: skip


def _input(t: dict[str, Any]) -> r.Input:
    return r.Input(
        id=t["id"], label=t["label"], section=t["section"], question=t["question"], type=t["type"], unit=t.get("unit", ""),
        minimum=t.get("minimum"), maximum=t.get("maximum"), values=tuple(t.get("values", ())),
        better=t.get("better", ""), progress=tuple(t.get("progress", ())),
    )  # fmt: skip


def _setting(t: dict[str, Any]) -> r.Setting:
    prevalence = {
        g: {"": quantity(v)} if {"rows", "assumed", "derived"} & set(v) else _quantities(v) for g, v in t["prevalence"].items()
    }
    return r.Setting(
        id=t["id"], label=t["label"], description=t["description"], weight=quantity(t["weight"]), prevalence=prevalence,
        co_occurrence=_quantities(t["co_occurrence"]),
    )  # fmt: skip


def _natural_course(t: dict[str, Any]) -> r.NaturalCourse:
    return r.NaturalCourse(t["id"], t["generator"], {k: _weeks(t[k]) for k in ("acute", "subacute", "chronic")})


def _batteries(t: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(tests) for tests in t.get("batteries", ()))


def _dependency(t: dict[str, Any]) -> r.Dependency:
    return r.Dependency(t["id"], t["label"], t["description"], quantity(t["loading"]), _batteries(t))


def _effect(t: dict[str, Any]) -> r.Effect:
    return r.Effect(
        t["generator"], tuple(t.get("levels", ())), t.get("as", ""), t["control"], _weeks(t.get("difference", {})),
        _quantities(t.get("curve", {})), t.get("like", ""),
    )  # fmt: skip


def _arm(t: dict[str, Any]) -> r.Arm:
    arm = (t["arm"],) if isinstance(t["arm"], str) else tuple(t["arm"])
    return r.Arm(arm, float(t["week"]), quantity(t["published"]), t.get("over", ""), t.get("fitted", True), t.get("why", ""))


def _trial(t: dict[str, Any]) -> r.Trial:
    return r.Trial(
        id=t["id"], label=t["label"], design=t["design"], setting=t["setting"], generator=t.get("generator", ""),
        levels=tuple(t.get("levels", ())), patient=t.get("patient", {}),
        shares={k: _quantities(v) for k, v in t.get("shares", {}).items()}, arms=tuple(_arm(a) for a in t["arms"]),
        unused=tuple((tuple(u["rows"]), u["why"]) for u in t.get("unused", ())),
        review=t.get("review", False),
    )  # fmt: skip


def _procedure(t: dict[str, Any]) -> r.Procedure:
    return r.Procedure(
        id=t["id"], label=t["label"], region=t["region"], kind=t["kind"], invasive=t["invasive"], steroid=t["steroid"],
        description=t["description"], aim=t["aim"], with_it=t.get("with_it", ""), repeats=t.get("repeats", ""),
        repeat_rule=t.get("repeat_rule", ""), wait_weeks=quantity(t["wait_weeks"]), review_weeks=quantity(t["review_weeks"]),
        cost_usd=quantity(t["cost_usd"]), effects=tuple(_effect(e) for e in t.get("effects", ())),
        modifiers=tuple(
            r.Modifier(m["when"], quantity(m["ratio"]), m["label"], m.get("generator", "")) for m in t.get("modifiers", ())
        ),
        harms=tuple(
            r.Harm(
                h["id"], h["label"], h["serious"], quantity(h["rate"]), quantity(h["qaly_loss"]), h.get("steroid", ""), h.get("region", "")
            )
            for h in t.get("harms", ())
        ),
        observes=tuple(tuple(group) for group in t.get("observes", {}).get("findings", ())),
        costs=_quantities(t.get("costs", {})), with_procedure=t.get("with_procedure", ""),
        includes=tuple(t.get("includes", ())),
        counted=t.get("observes", {}).get("counted", False),
        repeat_ratio=quantity(t["repeat_ratio"]) if "repeat_ratio" in t else None,
        half_life_weeks=quantity(t["half_life_weeks"]) if "half_life_weeks" in t else None,
        steroid_kind=t.get("steroid_kind", ""),
        particulate_ratio=quantity(t["particulate_ratio"]) if "particulate_ratio" in t else None,
        radiation_msv=quantity(t["radiation_msv"]) if "radiation_msv" in t else None,
    )  # fmt: skip


def _rule(t: dict[str, Any]) -> r.Rule:
    return r.Rule(
        id=t["id"], label=t["label"], kind=t["kind"], rule_sets=tuple(t["rule_sets"]), applies_to=tuple(t["applies_to"]),
        effect=t["effect"], message=t["message"], lift=t.get("lift", ""), sources=tuple(t["sources"]), when=t.get("when", ""),
        unknown=tuple(t.get("unknown", ())), requires=t.get("requires", {}), limit=t.get("limit", {}), weeks=t.get("weeks"),
        generator=t.get("generator", ""), level=t.get("level", ""),
        probability=quantity(t["probability"]) if "probability" in t else None, first=t.get("first", ""),
        clause=t.get("clause", ""), after=t.get("after", {}),
    )  # fmt: skip


def _rule_set(t: dict[str, Any]) -> r.RuleSet:
    return r.RuleSet(**{name: t[name] for name in r.RuleSet.__dataclass_fields__})


def _pathway(t: dict[str, Any]) -> r.Pathway:
    steps = tuple(
        r.PathwayStep(
            s["id"], s["action"], tuple(r.Turn(n["go"], n.get("after", ""), n.get("relief_percent")) for n in s.get("next", ()))
        )
        for s in t["steps"]
    )
    return r.Pathway(
        t["id"], t["label"], t["description"], t.get("rule_set", ""), tuple(t.get("generators", ())), steps, tuple(t["sources"])
    )
