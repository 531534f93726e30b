"""One entry of the priors as title, facts and numbers: what `show` prints and what `pages` writes.

Several rows behind one number are pooled in `spinecast.parameters`, which nothing here may import. So an
outline names the rows, each with its own figure, and how they are pooled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spinecast.frozen import dataclass
from spinecast.priors import records as r
from spinecast.priors.bibliography import Source

NumberedPath = tuple[str, r.Quantity]

_COMBINED = {
    "pool": "random-effects pool of",
    "difference": "first minus second of",
    "mean_difference_to_responders": "-0.35 x mean difference / SD, from the pool of",
    "difference_of_means_to_responders": "-0.35 x (first minus second mean) / SD, from",
    "standardised_difference_to_responders": "-0.35 x standardised difference, from the pool of",
    "complement": "1 - random-effects pool of",
}


@dataclass(frozen=True, slots=True)
class Outline:
    """What one entry says.

    Attributes
    ----------
    kind, id, title, text : str
    facts : tuple of (str, str)
        Everything that is no number, name first.
    numbers : tuple of (str, Quantity)
        Every number with the words for its place.
    """

    kind: str
    id: str
    title: str
    text: str
    facts: tuple[tuple[str, str], ...]
    numbers: tuple[NumberedPath, ...]


def outline(priors: r.Priors, kind: str, key: str) -> Outline:
    """Outline of one record; `kind` is the name of its mapping in `Priors` (generators, findings ...)."""
    record = getattr(priors, kind)[key]
    numbers = list(_numbers(record))
    facts = list(_facts(record))
    if isinstance(record, r.Generator):
        numbers += _generator_numbers(priors, key)
        facts += _generator_facts(priors, key)
    text = getattr(record, "description", "") or getattr(record, "message", "") or getattr(record, "question", "")
    title = getattr(record, "label", key)
    return Outline(kind, key, title, text, tuple((k, v) for k, v in facts if v), tuple(numbers))


def _facts(record: object) -> Iterator[tuple[str, str]]:
    """Fields that are plain values, in the order in which they are declared."""
    skip = {"id", "label", "description", "message", "from_procedure", "observes", "level_labels"}
    for name in getattr(record, "__dataclass_fields__", {}):
        value = getattr(record, name)
        if name in skip or isinstance(value, r.Quantity) or value is None:
            continue
        if isinstance(value, bool):
            yield name, "yes" if value else "no"
        elif isinstance(value, str | int | float):
            yield name, str(value)
        elif isinstance(value, tuple) and all(isinstance(v, str | float) for v in value):
            yield name, ", ".join(f"{v:g}" if isinstance(v, float) else v for v in value)
        elif name in ("requires", "limit", "after") and value:
            yield name, ", ".join(f"{k} {v}" for k, v in value.items())
    yield from _joined_facts(record)


def _joined_facts(record: object) -> Iterator[tuple[str, str]]:
    if isinstance(record, r.Finding) and record.from_procedure:
        yield "from procedure", f"{record.from_procedure[0]}, number {record.from_procedure[1]}"
    if isinstance(record, r.Procedure):
        yield "observes", "; then ".join(", ".join(group) for group in record.observes)


def _generator_facts(priors: r.Priors, key: str) -> Iterator[tuple[str, str]]:
    caused = [f.id for f in priors.findings.values() if any(c.generator == key for c in f.causes)]
    treated = [p.id for p in priors.procedures.values() if any(e.generator == key for e in p.effects)]
    yield "findings", ", ".join(caused)
    yield "procedures", ", ".join(treated)


def _generator_numbers(priors: r.Priors, key: str) -> Iterator[NumberedPath]:
    for setting in priors.settings.values():
        for level, quantity in setting.prevalence.get(key, {}).items():
            yield f"prevalence, {setting.id}{f', {level}' if level else ''}", quantity
    for course in priors.natural_course.values():
        if course.generator == key:
            yield from _numbers(course)


def _numbers(record: object) -> Iterator[NumberedPath]:
    """Every quantity of a record with words for its place."""
    match record:
        case r.Finding():
            yield from _finding(record)
        case r.Context():
            for setting, tables in record.base.items():
                for by, table in tables.items():
                    yield from _table(f"base, {setting}{f', {record.by} {by}' if by else ''}", table)
            yield from _causes(record.causes, "odds ratio")
        case r.Generator():
            yield from _table("site", record.sites)
            yield from _table("side", record.sides)
        case r.Setting():
            yield "weight", record.weight
            for generator, table in record.prevalence.items():
                yield from _table(f"prevalence, {generator}", table)
            yield from _table("odds of an active generator", record.co_occurrence)
        case r.NaturalCourse():
            for stage, weeks in record.courses.items():
                yield from ((f"natural course, {stage}, week {week}", q) for week, q in weeks.items())
        case r.Dependency():
            yield "loading", record.loading
        case r.Procedure():
            yield from _procedure(record)
        case r.Trial():
            yield from _trial(record)
        case r.Rule() if record.probability is not None:
            yield "probability", record.probability


def _finding(finding: r.Finding) -> Iterator[NumberedPath]:
    log_linear = finding.form == "log_linear"
    word = "base" if log_linear else "leak"
    for by, table in finding.leak.items():
        yield from _table(f"{word}, {finding.by} {by}" if by else word, table)
    yield from _causes(finding.causes, "odds ratio" if log_linear else "alone")
    for name in ("concordance", "kappa"):
        quantity = getattr(finding, name)
        if quantity is not None:
            yield name, quantity
    if finding.sedation is not None:
        yield "sedation, how often", finding.sedation.prior
        yield from _table("sedation alone", finding.sedation.strength)


def _causes(causes: Sequence[r.Cause], word: str) -> Iterator[NumberedPath]:
    for cause in causes:
        name = cause.generator + (f" ({', '.join(cause.levels)})" if cause.levels else "")
        yield from _table(f"{name}, {word}", cause.strength)
        yield from _table(f"{name}, with others", cause.with_others)


def _procedure(procedure: r.Procedure) -> Iterator[NumberedPath]:
    for name in (
        "wait_weeks",
        "review_weeks",
        "cost_usd",
        "repeat_ratio",
        "half_life_weeks",
        "particulate_ratio",
        "radiation_msv",
    ):
        quantity = getattr(procedure, name)
        if quantity is not None:
            yield name.replace("_", " "), quantity
    yield from _table("cost where it is done", {place.replace("_", " "): q for place, q in procedure.costs.items()})
    for effect in procedure.effects:
        target = effect.generator + (f" ({', '.join(effect.levels)})" if effect.levels else "")
        named = f" as {effect.named}" if effect.named else ""
        yield from ((f"{target}{named}, over {effect.control}, week {week}", q) for week, q in effect.difference.items())
        yield from ((f"{target}{named}, curve, {name.replace('_', ' ')}", q) for name, q in effect.curve.items())
    for modifier in procedure.modifiers:
        yield f"effect times, if {modifier.label}{f' ({modifier.generator})' if modifier.generator else ''}", modifier.ratio
    for harm in procedure.harms:
        holds = "".join(f" ({word.replace('_', '-')})" for word in (harm.steroid, harm.region) if word)
        yield f"harm, {harm.label}{' (serious)' if harm.serious else ''}{holds}: rate", harm.rate
        yield f"harm, {harm.label}{holds}: quality-adjusted years lost", harm.qaly_loss


def _trial(trial: r.Trial) -> Iterator[NumberedPath]:
    for context, table in trial.shares.items():
        yield from _table(f"share, {context}", table)
    for arm in trial.arms:
        over = f" over {arm.over}" if arm.over else ""
        unfitted = "" if arm.fitted else f" (not fitted: {arm.why})"
        yield f"{' or '.join(arm.arm)}{over}, week {arm.week:g}{unfitted}", arm.published


def _table(word: str, table: Mapping[str, r.Quantity]) -> Iterator[NumberedPath]:
    for value, quantity in table.items():
        yield f"{word}: {value}" if value else word, quantity


def basis(quantity: r.Quantity) -> str:
    """What a number rests on, in one line without its rows."""
    interval = f" ({quantity.low:g} to {quantity.high:g})" if quantity.low is not None and quantity.high is not None else ""
    worth = f"worth {quantity.like_n:g} patients" if quantity.like_n is not None else ""
    if quantity.assumed is not None:
        return f"{quantity.assumed:g}{interval}, assumed, {worth}: {quantity.why}"
    if quantity.derived is not None:
        return f"{quantity.derived:g}{interval}, derived from its rows, {worth}: {quantity.why}"
    many = len(quantity.rows) > 1
    pooled = _COMBINED[quantity.combine] + f" {len(quantity.rows)} rows"
    alone = "1 - the row's value" if quantity.combine == "complement" else "the row's value"
    return (pooled if many or quantity.combine.endswith("to_responders") else alone) + interval


def figure(row: r.Row) -> str:
    """Measure, value and printed interval of a row."""
    if row.value is None:
        return f"{row.measure}, no figure"
    interval = f" ({row.low:g} to {row.high:g})" if row.low is not None and row.high is not None else ", no interval printed"
    return f"{row.measure} {row.value:g}{interval}" + (f", n = {row.n}" if row.n else "")


def question(row: r.Row) -> str:
    """The row's question in words, or "" where it asks none."""
    if not row.target and not row.test:
        return ""
    about = " | ".join(part for part in (row.test and f"test {row.test}", row.target and f"target {row.target}") if part)
    given = f", given {row.given}" if row.given else ""
    return f"asks {row.measure} of {about}{given}, in {row.setting or 'spine_clinic'}"


def citation(row: r.Row, sources: Mapping[str, Source]) -> str:
    """Where a row comes from and how it was read."""
    source = sources[row.source].short if row.source in sources else row.source
    return f"{source} [{row.seen_in}, confidence {row.confidence}]"
