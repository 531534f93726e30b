"""The answer as a small piece of HTML for a notebook: tables only, nothing loaded, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from spinecast.assessment.assessment import Assessment, Settings
from spinecast.decision.ranking import RankedAction
from spinecast.report import colours, outline
from spinecast.report.outline import Step
from spinecast.report.words import gain, gains, harms, money, percent, percents, plain, versus, weeks
from spinecast.wording import words

STYLE = (
    "<style>.spinecast{font:13px/1.4 sans-serif;max-width:70em}.spinecast table{border-collapse:collapse;margin:.3em 0}"
    ".spinecast td,.spinecast th{padding:.15em .7em .15em 0;text-align:left;vertical-align:top}"
    ".spinecast td.n,.spinecast th.n{text-align:right;white-space:nowrap}.spinecast tr.held{opacity:.6}"
    f".spinecast .alarm{{color:{colours.VERMILLION};font-weight:bold}}.spinecast h3{{font-size:14px;margin:1em 0 .2em}}"
    f".spinecast .bar{{background:{colours.SKY};height:.8em}}</style>"
)


def notebook_html(assessment: Assessment) -> str:
    """The answer under the five questions; self-contained."""
    body = "".join(_parts(assessment))
    return f'{STYLE}<div class="spinecast">{body}</div>'


def _parts(a: Assessment) -> Iterator[str]:
    yield _tag("b", plain(a.label) or "One patient")
    yield _tag("p", f"Recorded: {'; '.join(outline.recorded(a)) or 'nothing'}. Everything else counts as not observed.")
    yield "".join(_tag("div", line) for line in outline.in_short(a))
    for title, section in (
        (outline.NOT_MISSED, _not_missed),
        (outline.LIKELY, _likely),
        (outline.OPTIONS, _options),
        (outline.PLAN, _plan),
        (outline.CHANGE, _change),
        (outline.RESTS, _rests),
    ):
        yield _tag("h3", title)
        yield from section(a)
    yield _tag("p", a.disclaimer)


def _tag(name: str, text: str, kind: str = "") -> str:
    return f"<{name}{f' class={kind}' if kind else ''}>{escape(text)}</{name}>"


def _table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], numeric: frozenset[int]) -> str:
    """Rows as (class, cells); cells are HTML already."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{' class=n' if i in numeric else ''}>{cell}</{tag}>" for i, cell in enumerate(cells))

    body = "".join(f"<tr{f' class={kind}' if kind else ''}>{line(cells, 'td')}</tr>" for kind, cells in rows)
    return f"<table><tr>{line([escape(h) for h in head], 'th')}</tr>{body}</table>"


def _not_missed(a: Assessment) -> Iterator[str]:
    for gate in outline.alarms(a):
        yield f"<div>{_tag('span', gate.label + '.', 'alarm')} {escape(gate.message)} Lifted by: {escape(gate.lift)}</div>"
    for generator, kinds in outline.serious(a):
        chance = f"{percent(generator.probability)} ({percents(generator.low, generator.high)})"
        yield _tag("div", f"{generator.label}: {chance}: {kinds}.")
    if outline.steroid_line(a):
        yield _tag("div", outline.steroid_line(a))
    for when, missing in outline.asks(a).items():
        yield _tag("div", f"Not recorded, so not cleared. {when}: {'; '.join(missing)}.")


def _likely(a: Assessment) -> Iterator[str]:
    def row(label: str, where: str, probability: float, interval: str) -> tuple[str, Sequence[str]]:
        bar = f'<div class=bar style="width:{100 * probability:.0f}px"></div>'
        return "", (escape(label), escape(where), escape(percent(probability)), escape(interval), bar)

    rows = [row(g.label, outline.whereabouts(g), g.probability, percents(g.low, g.high)) for g in a.differential]
    rows.append(row("None of these: nonspecific", "", a.nonspecific, ""))
    yield _table(("Pain source", "where, if so", "", "95 %", ""), rows, frozenset({2, 3}))
    for line in outline.other_sides(a):
        yield _tag("div", line, "alarm")
    labels = {g.id: g.label for g in a.differential}
    for generator, weights in outline.weighed(a):
        said = "; ".join(f"{w.label} {w.decibans:+.1f}" for w in weights if abs(w.decibans) >= outline.WEIGHTY)
        yield _tag("div", f"Evidence on {labels.get(generator, generator)}, decibans: {said or 'nothing of weight'}.")
    yield _tag("div", a.surprise.message, "alarm" if a.surprise.not_understood else "")


def _options(a: Assessment) -> Iterator[str]:
    currency, notes = a.settings.currency, outline.numbered(a)
    head = (
        "",
        "Option, where",
        "1 month",
        "6 months",
        "Extra weeks",
        "Serious harm per 10,000",
        f"Cost, {currency}",
        f"Value, {a.settings.value_unit}",
        "Rank",
        "Best",
    )
    every = outline.options(a).every
    rows = [
        ("" if r.permitted else "held", (str(i) if r.permitted else "✕", *_cells(r, outline.marks(r, notes), a.settings)))
        for i, r in enumerate(every, 1)
    ]
    yield _table(head, rows, frozenset({0, 2, 3, 4, 5, 6, 7, 8, 9}))
    yield _tag(
        "div",
        "Chance of at least half relief with the option vs its control; ✕ not permitted now; [?] something is to be asked first.",
    )
    if any(outline.by_context(r) for r in every):
        yield _tag("div", f"[=] {outline.BY_CONTEXT}")
    for number, gate in notes.values():
        yield _tag("div", f"[{number}] {outline.note_text(gate)}")


def _cells(row: RankedAction, marks: str, settings: Settings) -> tuple[str, ...]:
    relieves = outline.relieves(row)
    cells = (
        f"{outline.option_name(row)} {marks}",
        versus(row.p_relief_4w, row.p_relief_4w_control) if relieves else "finds out",
        versus(row.p_relief_6m, row.p_relief_6m_control) if relieves else "",
        f"{weeks(row.relief_weeks)} ({row.relief_weeks_low:.1f} to {row.relief_weeks_high:.1f})" if relieves else "",
        harms(row.serious_harm_per_10000),
        money(row.cost),
        f"{gain(row.value, settings, signed=True)} ({gains(row.low, row.high, settings)})",
        f"{row.rank_low}-{row.rank_high}",
        percent(row.p_best),
    )
    return tuple(escape(c) for c in cells)


def _plan(a: Assessment) -> Iterator[str]:
    yield f"<ul>{_step(outline.steps(a))}</ul>"
    if a.goals:
        yield _tag("div", f"Measured by: {plain('; '.join(a.goals))}.")


def _step(step: Step) -> str:
    notes = "".join(_tag("div", n) for n in step.notes)
    ways = "".join(
        f"<li>{escape(w.title)}, then<ul>{_step(w.then)}</ul></li>" if w.then else _tag("li", f"{w.title}: {w.ends}")
        for w in step.ways
    )
    again = ", and on as above" if step.again else ""
    return f"<li><b>{escape(f'{step.when}: {step.title}')}</b>{again}{notes}{f'<ul>{ways}</ul>' if ways else ''}</li>"


def _change(a: Assessment) -> Iterator[str]:
    yield _tag("div", outline.contest(a))
    rows = [
        ("", tuple(escape(c) for c in (f.label, words(f.kind), gain(f.value, a.settings), f"{f.bits:.2f}", money(f.cost))))
        for f in outline.next_steps(a)
    ]
    currency = a.settings.currency
    yield _table(
        ("Ask or test next", "kind", f"worth, {a.settings.value_unit}", "bits", f"cost, {currency}"), rows, frozenset({2, 3, 4})
    )


def _rests(a: Assessment) -> Iterator[str]:
    yield _tag("div", outline.share_line(a))
    for line in outline.settings_lines(a):
        yield _tag("div", line)
