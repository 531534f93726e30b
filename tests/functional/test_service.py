"""The HTTP service, asked over a socket."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import jsonschema
import make_docs
import pytest

import spinecast
from helpers.serving import serving
from spinecast.assessment.model import load_model
from spinecast.errors import ImpossibleFindingsError
from spinecast.report.published import assessment_schema
from spinecast.scoring.forecaster import Forecaster
from spinecast.service import app as service
from spinecast.service.examples import examples
from spinecast.service.limits import Limits

QUICK = {"depth": 1, "draws": 2}
NDJSON = {"content-type": "application/x-ndjson"}
SCIATICA = {"label": "Case 7", "findings": {"straight_leg_raise": "positive", "leg_pain_below_knee": "present"}}


@pytest.fixture(scope="module")
def app(priors):
    return service.create_app(priors, Limits(body=200_000, line=20_000, rows=600, concurrency=2, queue=1, seconds=20))


@pytest.fixture(scope="module")
def client(app):
    with serving(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture
def narrow(priors):
    """A service of one place and short patience, with its client."""
    app = service.create_app(priors, Limits(concurrency=1, queue=1, seconds=1.0))
    with serving(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def is_problem(answer, status, kind, *said):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"urn:spinecast:problem:{kind}"
    assert document["status"] == status
    assert document["title"]
    assert [s for s in said if s not in answer.text] == [], answer.text
    return document


def lines(answer):
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


# ── one patient ──────────────────────────────────────────────────────────────────────────────────


def test_an_assessment_is_what_the_library_says(client, priors):
    answer = client.post("/v1/assess", json=SCIATICA, params=QUICK)
    assert answer.status_code == 200
    expected = spinecast.assess(SCIATICA, model=load_model(priors), **QUICK).to_dict()
    assert answer.json() == json.loads(json.dumps(expected))
    jsonschema.validate(answer.json(), assessment_schema())


def test_options_are_those_of_the_command(client):
    settings = client.post("/v1/assess", json={}, params={**QUICK, "rule_set": "payer", "value_in": "relief_weeks"}).json()[
        "settings"
    ]
    assert (settings["rule_set"], settings["value_in"], settings["depth"], settings["draws"]) == ("payer", "relief_weeks", 1, 2)


@pytest.mark.parametrize("name", examples())
def test_every_example_of_the_documentation_is_answered(name, client):
    answer = client.post("/v1/assess", json=examples()[name]["value"], params=QUICK)
    assert answer.status_code == 200, answer.text
    assert answer.json()["label"] == examples()[name]["value"]["label"]


def test_wrong_patients_are_problems_that_help(client):
    document = is_problem(client.post("/v1/assess", json={"findings": {"thigh_trust": "positive"}}), 422, "unknown_id")
    assert document["field"] == "findings"
    assert document["nearest"] == "thigh_thrust"
    assert "straight_leg_raise" in document["allowed"]
    is_problem(client.post("/v1/assess", json={"context": {"age": 300}}), 422, "invalid_value", "context.age", "expected")
    is_problem(client.post("/v1/assess", json={"findings": []}), 422, "malformed")


def test_findings_that_cannot_all_be_true_are_named(client, monkeypatch):
    def impossible(patient, **options):
        raise ImpossibleFindingsError(("pregnancy", "sex"))

    monkeypatch.setattr(service, "assess", impossible)
    document = is_problem(client.post("/v1/assess", json={}), 422, "impossible_findings", "cannot all be true")
    assert document["conflict"] == ["pregnancy", "sex"]


def test_wrong_options_are_problems_too(client):
    is_problem(client.post("/v1/assess", json={}, params={"dept": 2}), 422, "unknown_id", "depth")
    is_problem(client.post("/v1/assess", json={}, params={"depth": "deep"}), 422, "invalid_value", "depth")
    is_problem(client.post("/v1/assess", json={}, params={"depth": 9}), 422, "invalid_value", "depth")
    is_problem(client.post("/v1/assess", json={}, params={"rule_set": "payers"}), 422, "unknown_id", "payer")
    is_problem(client.post("/v1/assess", json={}, params={"willingness_to_pay": "nan"}), 422, "invalid_value")


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "found list"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"label": "a", "label": "b"}', "stands twice"),
        (b"[" * 100_000, "nested more than"),
        (b'{"goals": ' + b"[" * 20 + b"]" * 20 + b"}", "nested more than"),
        (b'{"context": {"age": ' + b"9" * 5000 + b"}}", "not JSON"),
    ],
)
def test_what_is_no_patient_is_a_bad_request(content, said, client):
    is_problem(client.post("/v1/assess", content=content, headers=JSON), 400, "bad_request", said)


def test_a_label_that_is_no_sound_unicode_comes_back(client):
    answer = client.post("/v1/assess", content=b'{"label": "\\ud800"}', headers=JSON, params=QUICK)
    assert answer.status_code == 200
    assert answer.json()["label"] == "\ud800"


def test_another_media_type_is_refused(client):
    answer = client.post("/v1/assess", content=b"label = 'a'", headers={"content-type": "application/toml"})
    is_problem(answer, 415, "media_type", "application/json")
    is_problem(client.post("/v1/score", json={}), 415, "media_type", "application/x-ndjson")


# ── limits ───────────────────────────────────────────────────────────────────────────────────────


def test_a_body_that_says_it_is_too_large_is_refused_unread(client):
    is_problem(client.post("/v1/assess", content=b" " * 200_001, headers=JSON), 413, "too_large", "200,000")


def test_a_body_that_turns_out_too_large_is_refused(client):
    pieces = (b" " * 50_000 for _ in range(5))  # chunked: without a length
    is_problem(client.post("/v1/assess", content=pieces, headers=JSON), 413, "too_large", "200,000")


def test_a_line_that_is_too_long_is_refused(client):
    is_problem(client.post("/v1/score", content=b"{" + b" " * 21_000 + b"}\n", headers=NDJSON), 413, "too_large", "20,000")


def test_more_rows_than_allowed_end_the_stream_with_the_problem(client):
    *rows, last = lines(client.post("/v1/score", content=b"{}\n" * 601, headers=NDJSON))
    assert [r["row"] for r in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= 512
    assert last["problem"]["type"] == "urn:spinecast:problem:too_large"
    assert "600" in last["problem"]["detail"]


@pytest.fixture
def held(monkeypatch):
    """Assessments that wait for an event."""
    go = threading.Event()

    def waits(patient, **options):
        go.wait(60)
        return real(patient, **options)

    real = service.assess
    monkeypatch.setattr(service, "assess", waits)
    yield go
    go.set()


def test_more_than_may_wait_are_told_to_come_back(priors, held):
    app = service.create_app(priors, Limits(concurrency=1, queue=1, seconds=60))
    with serving(app) as address, httpx.Client(base_url=address, timeout=60) as client, ThreadPoolExecutor(2) as others:
        asked = [others.submit(httpx.post, f"{address}/v1/assess", json={}, params=QUICK, timeout=60) for _ in range(2)]
        until = time.monotonic() + 60
        while client.get("/readyz").status_code == 200:
            assert time.monotonic() < until
            assert not any(one.done() for one in asked), [one.result().text for one in asked if one.done()]
            time.sleep(0.05)
        is_problem(client.get("/readyz"), 503, "busy")
        refused = client.post("/v1/assess", json={}, params=QUICK)
        is_problem(refused, 503, "busy")
        assert refused.headers["retry-after"] == "1"
        is_problem(client.post("/v1/score", content=b"{}", headers=NDJSON), 503, "busy")
        assert client.get("/healthz").status_code == 200
        held.set()
        assert [one.result().status_code for one in asked] == [200, 200]
        assert client.get("/readyz").status_code == 200


def test_an_assessment_that_takes_too_long_is_given_up_and_keeps_its_place(narrow, held):
    is_problem(narrow.post("/v1/assess", json={}, params=QUICK), 503, "took_too_long", "1 s")
    is_problem(narrow.post("/v1/assess", json={}, params=QUICK), 503, "busy")  # the first still computes
    held.set()
    until = time.monotonic() + 20
    while narrow.post("/v1/score", content=b"{}", headers=NDJSON).status_code == 503:
        assert time.monotonic() < until


def test_a_client_that_stands_still_is_let_go(narrow):
    def stands_still():
        yield b'{"label": "a"}'
        time.sleep(2)
        yield b"\n"

    is_problem(narrow.post("/v1/score", content=stands_still(), headers=NDJSON), 408, "too_slow")


# ── streams ──────────────────────────────────────────────────────────────────────────────────────


def test_a_stream_gives_each_line_its_scores_or_its_reason(client, priors):
    body = b'{"label": "a", "findings": {"straight_leg_raise": "positive"}}\n\n{"findings": {"slr": "positive"}}\nnope\n{}'
    first, second, third, fourth = lines(client.post("/v1/score", content=body, headers=NDJSON))
    expected = Forecaster.load(priors).score([{"findings": {"straight_leg_raise": "positive"}}]).to_pylist()[0]
    assert {k: first.pop(k) for k in ("row", "label")} == {"row": 1, "label": "a"}
    assert first == pytest.approx({k: v for k, v in expected.items() if k != "reason"}, abs=1e-12)
    assert second["row"] == 2
    assert "unknown 'slr'" in second["reason"]
    assert third == {"row": 3, "reason": "not JSON: Expecting value: line 1 column 1 (char 0)"}
    assert fourth["row"] == 4
    assert "p_radiculopathy" in fourth


def test_a_stream_is_ranked_where_rankings_are_asked_for(client, priors):
    body = b"\n".join(json.dumps(one).encode() for one in ({**SCIATICA}, {"rule_set": "gideline"}))
    choices = {"rule_set": "payer", "willingness_to_pay": 50_000, "horizon_weeks": 26}
    first, second = lines(
        client.post("/v1/score", params={"outputs": "differential, ranking", **choices}, content=body, headers=NDJSON)
    )
    answer = spinecast.assess(SCIATICA, depth=1, draws=2, model=load_model(priors), **choices)
    assert first["best_action"] == answer.ranking[0].id
    for action in answer.ranking:
        assert first[f"value_{action.id}"] == pytest.approx(action.value, rel=1e-9, abs=1e-9)
        assert first[f"permitted_{action.id}"] is action.permitted
    assert "p_radiculopathy" in first
    assert "best_action" in second  # the query's rule set holds for everybody
    (alone,) = lines(client.post("/v1/score?outputs=ranking", content=body.splitlines()[1], headers=NDJSON))
    assert "gideline" in alone["reason"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"outputs": "rankings"}, "did you mean 'ranking'"),
        ({"outputs": ","}, "at least one of differential, ranking"),
        ({"outputs": "ranking", "rule_set": "gideline"}, "did you mean 'guideline'"),
        ({"output": "ranking"}, "did you mean 'outputs'"),
        ({"outputs": "ranking", "horizon_weeks": 80}, "horizon_weeks"),
    ],
)
def test_a_wrong_option_of_a_stream_is_told_before_it_begins(client, query, said):
    answer = client.post("/v1/score", params=query, content=b"{}", headers=NDJSON)
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["detail"]


def test_lines_come_while_more_are_sent(client):
    """Over a bare socket, since httpx sends everything before it reads anything."""

    async def talk():
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port, limit=2**22)
        head = "POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode() + chunk(b"{}\n" * 256))
        before = await asyncio.wait_for(reader.readuntil(b'"row": 256,'), 30)
        writer.write(chunk(b"{}\n" * 10) + chunk(b""))
        after = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 30)
        writer.close()
        return before, after

    def chunk(piece):
        return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"

    before, after = asyncio.run(talk())
    assert before.startswith(b"HTTP/1.1 200")
    assert b'"row": 266,' in after


def test_a_body_without_a_line_is_a_bad_request(client):
    is_problem(client.post("/v1/score", content=b"\n \n", headers=NDJSON), 400, "bad_request", "no line")


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────


def test_vocabulary_can_be_kept(client, priors):
    answer = client.get("/v1/vocabulary")
    assert answer.json()["vocabulary"] == json.loads(json.dumps(Forecaster.load(priors).vocabulary()))
    again = client.get("/v1/vocabulary", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_routes_that_are_not_there_are_problems(client):
    is_problem(client.get("/v1/asess"), 404, "not_found")
    answer = client.put("/v1/assess")
    is_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


def test_ready_says_which_model(client, priors):
    assert client.get("/readyz").json()["model"]["priors_hash"] == load_model(priors).priors.content_hash


def test_metrics_count_by_route_and_nothing_of_a_request(client):
    client.get("/v1/secret_name?patient=secret_value")
    client.request("SECRET", "/healthz")
    text = client.get("/metrics").text
    assert 'spinecast_requests_total{method="POST",route="/v1/assess",status="200"}' in text
    assert 'route="(no route)",status="404"' in text
    assert 'method="OTHER"' in text
    assert "secret" not in text.lower()
    assert 'spinecast_request_seconds_bucket{route="/v1/assess",le="+Inf"}' in text


def test_an_unexpected_error_is_a_problem_and_its_message_stays_out_of_the_log(client, monkeypatch, caplog):
    def fails(patient, **options):
        raise RuntimeError(f"unexpected {patient}")

    monkeypatch.setattr(service, "assess", fails)
    with caplog.at_level("INFO"):
        answer = client.post("/v1/assess", json={"label": "secret name"}, params=QUICK)
    is_problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "secret" not in caplog.text
    assert "unexpected RuntimeError at fails:" in caplog.text


def test_openapi_has_the_schemas_and_the_worked_examples(client):
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    body = document["paths"]["/v1/assess"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == set(examples())
    patient = {**document["components"]["schemas"]["Patient"], "components": document["components"]}
    for example in examples().values():
        jsonschema.validate(example["value"], patient)
    answer = client.post("/v1/assess", json=SCIATICA, params=QUICK).json()
    jsonschema.validate(answer, {**document["components"]["schemas"]["Assessment"], "components": document["components"]})


def test_limits_are_checked():
    with pytest.raises(spinecast.InvalidValueError, match="rows = 0"):
        Limits(rows=0)
    assert replace(Limits(), queue=0).queue == 0


def curl_lines():
    """Every line of curl in the page, as words, and the files that the page writes."""
    page = (make_docs.ROOT / "docs" / "how-to" / "serve-over-http.md").read_text(encoding="utf-8")
    blocks = list(make_docs.FENCE.finditer(page))
    lines = [line for b in blocks if b["kind"] == "sh" for line in b["body"].splitlines() if line.startswith("curl ")]
    return [shlex.split(line)[1:] for line in lines], {b["what"]: b["body"] for b in blocks if b["order"] == "file"}


def test_the_curl_lines_of_the_documentation_are_answered(client):
    """Read as curl reads them: -H a header, --data a body without its line ends, --data-binary one as it is."""
    lines, files = curl_lines()
    assert len(lines) >= 2
    for words in lines:
        parser = argparse.ArgumentParser()
        for option in ("-H", "--data", "--data-binary", "url"):
            parser.add_argument(option)
        told = parser.parse_args(words)
        body = files[(told.data or told.data_binary).removeprefix("@")]
        name, _, value = told.H.partition(": ")
        path = told.url.removeprefix("http://127.0.0.1:8000")
        answer = client.post(path, content=body.replace("\n", "") if told.data else body, headers={name: value})
        assert answer.status_code == 200, answer.text
        assert "Central stenosis" in answer.text or '"row": 1' in answer.text
