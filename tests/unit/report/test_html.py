"""The notebook view."""

from __future__ import annotations

from html.parser import HTMLParser

from helpers.answers import answer, urgent
from spinecast.report import outline
from spinecast.report.html import notebook_html


class Balanced(HTMLParser):
    """Fails on a tag that is not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(made):
    parser = Balanced()
    parser.feed(notebook_html(made))
    assert parser.open == []
    return parser.text


def test_every_question_and_setting_is_there():
    text = read(answer())
    assert [
        q
        for q in (outline.NOT_MISSED, outline.LIKELY, outline.OPTIONS, outline.PLAN, outline.CHANGE, outline.RESTS)
        if q not in text
    ] == []
    assert "seed 7" in text


def test_text_is_escaped():
    assert "<script>" not in notebook_html(answer(label="<script>alert(1)</script>", goals=("<img>",)))


def test_nothing_is_loaded():
    html = notebook_html(urgent())
    assert "http" not in html
    assert "<script" not in html
    assert "src=" not in html


def test_a_notebook_shows_it():
    assert answer()._repr_html_() == notebook_html(answer())
