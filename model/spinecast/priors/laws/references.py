"""Laws of what one file says about another: every id exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from spinecast.priors import expressions
from spinecast.priors.documents import Corpus, Document, Path_
from spinecast.priors.problems import Problem, nearest, one_of

RESERVED_WORDS = frozenset({"any_generator", "alone", "count", "nonspecific", "setting", "and", "or", "not", "in"})
"""Names with a meaning of their own in expressions or answers."""

NO_GENERATOR = ("nonspecific", "")


def files_are_named_by_id(corpus: Corpus) -> Iterator[Problem]:
    """The file carries the name of its id."""
    for document in corpus.documents:
        stem = Path(document.file).stem
        if document.kind != "economics" and document.id != stem:
            yield document.problem(("id",), document.id, "the file is not named by its id", stem, stem)


def ids_are_unique(corpus: Corpus) -> Iterator[Problem]:
    """Generators, findings, contexts, inputs and procedures share one space of ids, as expressions need."""
    kinds = ("generator", "finding", "context", "input", "procedure")
    shared = sorted((d for d in corpus.documents if d.kind in kinds), key=lambda d: d.id)
    for key, group in groupby(shared, key=lambda d: d.id):
        first, *others = group
        for document in others:
            yield document.problem(("id",), key, f"is already the id of {first.file}", "an id of its own")
        if key in RESERVED_WORDS:
            yield first.problem(("id",), key, "has a meaning of its own in expressions", "another id")


def cited_rows_exist(corpus: Corpus) -> Iterator[Problem]:
    """Every row that a quantity or a rule cites is in evidence/."""
    for citation in corpus.citations:
        for i, key in enumerate(citation.rows):
            if key not in corpus.row:
                yield _absent(citation.document, (*citation.path, "rows", i), key, corpus.row, "evidence row")
    for document in corpus.of("rule"):
        for i, key in enumerate(document.table["sources"]):
            if key not in corpus.row:
                yield _absent(document, ("sources", i), key, corpus.row, "evidence row")


def _absent(document: Document, path: Path_, value: str, known: Iterable[str], what: str) -> Problem:
    listed = list(known)
    expected = one_of(listed) if len(listed) <= 40 else f"one of {len(listed)} that exist"
    return document.problem(path, value, f"there is no such {what}", expected, nearest(value, listed))


def generators_and_levels_exist(corpus: Corpus) -> Iterator[Problem]:
    """Causes, effects, prevalences, courses, modifiers and thresholds name generators and levels that exist.

    A procedure may also act on `nonspecific`: pain with no generator active.
    """
    for document, path, generator, levels in _generator_uses(corpus):
        if document.kind == "procedure" and generator == "nonspecific" and not levels:
            continue
        if generator not in corpus.ids["generator"]:
            yield _absent(document, path, generator, corpus.ids["generator"], "generator")
            continue
        home = corpus.by_id.get(("generator", generator))
        known = home.table.get("levels", ()) if home else levels
        for level in levels:
            if level not in known:
                yield _absent(document, path, level, known, f"level of {generator}")


def _generator_uses(corpus: Corpus) -> Iterator[tuple[Document, Path_, str, tuple[str, ...]]]:
    listed = {"finding": "causes", "context": "causes", "procedure": "effects"}
    for kind, name in listed.items():
        for document in corpus.of(kind):
            for i, entry in enumerate(document.table.get(name, ())):
                yield document, (name, i, "generator"), entry["generator"], tuple(entry.get("levels", ()))
    for document in corpus.of("procedure"):
        for i, entry in enumerate(document.table.get("modifiers", ())):
            if entry.get("generator"):
                yield document, ("modifiers", i, "generator"), entry["generator"], ()
    for document in corpus.of("trial"):
        generator = document.table.get("generator", "nonspecific")
        if generator not in NO_GENERATOR:
            yield document, ("generator",), generator, tuple(document.table.get("levels", ()))
    for document in corpus.of("natural_course"):
        if document.table["generator"] not in NO_GENERATOR:
            yield document, ("generator",), document.table["generator"], ()
    for document in corpus.of("rule"):
        if document.table.get("generator"):
            level = document.table.get("level", "")
            yield document, ("generator",), document.table["generator"], (level,) if level else ()
    for document in corpus.of("setting"):
        for generator, table in document.table["prevalence"].items():
            plain = {"rows", "assumed", "derived"} & set(table)
            yield document, ("prevalence", generator), generator, () if plain else tuple(table)


def families_exist(corpus: Corpus) -> Iterator[Problem]:
    """A finding's family has a file in dependencies/."""
    for document in corpus.of("finding"):
        family = document.table.get("family", "")
        if family and family not in corpus.ids["dependency"]:
            yield _absent(document, ("family",), family, corpus.ids["dependency"], "family in dependencies/")


def contexts_exist(corpus: Corpus) -> Iterator[Problem]:
    """A base or a leak depends on a context that exists and that depends on no other (one step is the limit)."""
    for document, path, by in context_uses(corpus):
        if by not in corpus.ids["context"]:
            yield _absent(document, path, by, corpus.ids["context"], "context")
            continue
        further = corpus.by_id[("context", by)].table.get("by", "") if ("context", by) in corpus.by_id else ""
        if further:
            yield document.problem(path, by, f"depends itself on {further!r}", "a context without `by`")


def context_uses(corpus: Corpus) -> Iterator[tuple[Document, Path_, str]]:
    """Every place that names a context a base or leak depends on."""
    for document in corpus.of("finding"):
        for name in ("leak", "base"):
            by = document.table.get(name, {}).get("by")
            if by:
                yield document, (name, "by"), by
    for document in corpus.of("context"):
        if document.table.get("by"):
            yield document, ("by",), document.table["by"]


def procedures_exist(corpus: Corpus) -> Iterator[Problem]:
    """Rules and block findings name procedures (or kinds, `invasive`, `steroid`) that exist."""
    procedures = corpus.ids["procedure"]
    for document in corpus.of("finding"):
        named = document.table.get("from_procedure", {}).get("procedure")
        if named is not None and named not in procedures:
            yield _absent(document, ("from_procedure", "procedure"), named, procedures, "procedure")
    kinds = [f"kind:{d.table.get('kind')}" for d in corpus.documents if d.kind == "procedure"]
    groups = [*procedures, *dict.fromkeys(kinds), "invasive", "steroid"]
    for document in corpus.of("rule"):
        for path, value, allowed in _rule_procedures(document, groups, procedures):
            if value and value not in allowed:
                yield _absent(document, path, value, allowed, "procedure")


def _rule_procedures(
    document: Document, groups: Iterable[str], procedures: Iterable[str]
) -> Iterator[tuple[Path_, str, list[str]]]:
    table = document.table
    for i, value in enumerate(table["applies_to"]):
        yield ("applies_to", i), value, list(groups)
    for name in ("limit", "after"):
        for i, value in enumerate(table.get(name, {}).get("procedures", ())):
            yield (name, "procedures", i), value, list(groups)
    yield ("requires", "procedure"), table.get("requires", {}).get("procedure", ""), list(procedures)
    yield ("first",), table.get("first", ""), list(procedures)


def progress_names_values(corpus: Corpus) -> Iterator[Problem]:
    """The scale of an input that measures function is made of its own values."""
    for document in corpus.of("input"):
        for i, value in enumerate(document.table.get("progress", ())):
            if value not in document.table.get("values", ()):
                yield _absent(document, ("progress", i), value, document.table.get("values", ()), f"value of {document.id}")


def rules_exist(corpus: Corpus) -> Iterator[Problem]:
    """A procedure's repeat_rule is a rule."""
    for document in corpus.of("procedure"):
        rule = document.table.get("repeat_rule", "")
        if rule and rule not in corpus.ids["rule"]:
            yield _absent(document, ("repeat_rule",), rule, corpus.ids["rule"], "rule")


def rule_sets_exist(corpus: Corpus) -> Iterator[Problem]:
    """A rule belongs to rule sets that have a file in rule_sets/."""
    for document in corpus.of("rule"):
        for i, name in enumerate(document.table["rule_sets"]):
            if name not in corpus.ids["rule_set"]:
                yield _absent(document, ("rule_sets", i), name, corpus.ids["rule_set"], "rule set in rule_sets/")


def rule_sets_have_rules(corpus: Corpus) -> Iterator[Problem]:
    """Some rule belongs to every rule set: one without rules would permit everything."""
    named = {name for document in corpus.documents if document.kind == "rule" for name in document.table.get("rule_sets", ())}
    for document in corpus.of("rule_set"):
        if document.id not in named:
            yield document.problem(("id",), document.id, "no rule belongs to it", "a rule whose rule_sets name it")


def partners_exist(corpus: Corpus) -> Iterator[Problem]:
    """What is done alongside a procedure, and what is part of it, are procedures."""
    for document in corpus.of("procedure"):
        named: list[tuple[Path_, str]] = [(("with_procedure",), document.table.get("with_procedure", ""))]
        named += [(("includes", i), name) for i, name in enumerate(document.table.get("includes", ()))]
        for path, name in named:
            if name and name not in corpus.ids["procedure"]:
                yield _absent(document, path, name, corpus.ids["procedure"], "procedure")


def pathways_lead_somewhere(corpus: Corpus) -> Iterator[Problem]:
    """A pathway names a rule set, generators, procedures, rows and its own steps, all of which exist."""
    for document in corpus.of("pathway"):
        table, steps = document.table, [step["id"] for step in document.table["steps"]]
        named: list[tuple[Path_, str, Iterable[str], str]] = [
            (("generators", i), g, corpus.ids["generator"], "generator") for i, g in enumerate(table.get("generators", ()))
        ]
        named += [(("sources", i), row, corpus.row, "evidence row") for i, row in enumerate(table["sources"])]
        if table.get("rule_set"):
            named.append((("rule_set",), table["rule_set"], corpus.ids["rule_set"], "rule set"))
        for i, step in enumerate(table["steps"]):
            named.append((("steps", i, "action"), step["action"], corpus.ids["procedure"], "procedure"))
            named += [(("steps", i, "next", j, "go"), turn["go"], steps, "step") for j, turn in enumerate(step.get("next", ()))]
        for path, value, known, what in named:
            if value not in known:
                yield _absent(document, path, value, known, what)


def observed_findings_exist(corpus: Corpus) -> Iterator[Problem]:
    """What a procedure observes are findings."""
    for document in corpus.of("procedure"):
        for i, group in enumerate(document.table.get("observes", {}).get("findings", ())):
            for j, finding in enumerate(group):
                if finding not in corpus.ids["finding"]:
                    path = ("observes", "findings", i, j)
                    yield _absent(document, path, finding, corpus.ids["finding"], "finding")


def counted_groups_are_of_one_family(corpus: Corpus) -> Iterator[Problem]:
    """Tests of which only the number is told apart share a family: their count is worked out with its frailty."""
    family = {d.id: d.table.get("family", "") for d in corpus.of("finding")}
    for document in corpus.of("procedure"):
        observes = document.table.get("observes", {})
        for i, group in enumerate(observes.get("findings", ()) if observes.get("counted") else ()):
            families = {family.get(f, "") for f in group}
            if len(families) > 1:
                shown, message = ", ".join(sorted(families)), "the tests of a counted group are of several families"
                yield document.problem(("observes", "findings", i), shown, message, "tests of one family")


def conditions_can_be_evaluated(corpus: Corpus) -> Iterator[Problem]:
    """`when` of rules and modifiers mentions findings, contexts and inputs, with values that they have."""
    for document in corpus.of("rule"):
        for fault in expressions.faults(document.table.get("when", ""), corpus, expressions.CONDITION):
            yield document.problem(("when",), fault.value, fault.message, fault.expected, fault.nearest)
    for document in corpus.of("procedure"):
        for i, modifier in enumerate(document.table.get("modifiers", ())):
            for fault in expressions.faults(modifier["when"], corpus, expressions.CONDITION):
                path = ("modifiers", i, "when")
                yield document.problem(path, fault.value, fault.message, fault.expected, fault.nearest)


def unknown_inputs_exist(corpus: Corpus) -> Iterator[Problem]:
    """What a rule asks for when it is not recorded is an input, a context or a finding."""
    known = [*corpus.ids["input"], *corpus.ids["context"], *corpus.ids["finding"], *corpus.ids["procedure"]]
    for document in corpus.of("rule"):
        for i, name in enumerate(document.table.get("unknown", ())):
            if name not in known:
                yield _absent(document, ("unknown", i), name, known, "input or context")


LAWS = (
    files_are_named_by_id, ids_are_unique, cited_rows_exist, generators_and_levels_exist, families_exist, contexts_exist,
    procedures_exist, rules_exist, progress_names_values, rule_sets_exist, rule_sets_have_rules, partners_exist, pathways_lead_somewhere, observed_findings_exist, counted_groups_are_of_one_family, conditions_can_be_evaluated, unknown_inputs_exist,
)  # fmt: skip
