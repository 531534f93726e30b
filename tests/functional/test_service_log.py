"""No patient content in any log: a process of its own, asked in every wrong way with a word to look for."""

from __future__ import annotations

import json
import random
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

WORD = "Zaphodine"
"""Stands in every part of every request."""

LINE = re.compile(r"\S+ \S+ INFO (GET|POST|PUT|OTHER) (/[\w/]+|\(no route\)) \d{3} [\d.]+ ms \d+ bytes in \d+ out")


@pytest.fixture
def served(priors, tmp_path):
    """Address of a process of its own, and the file that holds all it prints."""
    log = tmp_path / "log.txt"
    arguments = ["serve", "--port", "0", "--priors", str(priors), "--body", "100000", "--rows", "20"]
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-m", "spinecast", *arguments], stdout=file, stderr=subprocess.STDOUT)
        try:
            yield _address(log, process), log, process
        finally:
            process.kill()
            process.wait()


def _address(log, process):
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r"listening on (http://\S+)", log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def bodies(rng):
    """Patients, broken patients, and bytes."""
    patient = {"label": WORD, "findings": {WORD: WORD}, "context": {"age": WORD}, "goals": [{"goal": WORD}]}
    text = json.dumps(patient)
    yield json.dumps({"label": WORD})
    yield json.dumps({"label": WORD, "findings": {"straight_leg_raise": "positive"}, "inputs": {"anticoagulant": WORD}})
    yield json.dumps({"label": WORD, "procedures": [{"procedure": WORD, "date": WORD, "note": WORD}]})
    yield json.dumps({"label": [WORD], "setting": {WORD: WORD}, "rule_set": WORD})
    for _ in range(30):
        cut = rng.randrange(len(text))
        yield text[:cut] + rng.choice([WORD, "", "\x00", '"', "}", "[" * 50, "\\ud800"]) + text[cut + rng.randrange(3) :]
    yield WORD * 20_000


def test_nothing_of_a_request_is_ever_logged(served):
    address, log, process = served
    rng = random.Random(5)
    count = 0
    headers = {"X-Patient": WORD, "User-Agent": WORD, "Authorization": WORD, "Cookie": f"patient={WORD}"}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        for body in bodies(rng):
            for path, kind in (("/v1/assess", "application/json"), ("/v1/score", "application/x-ndjson")):
                query = {"depth": 1, "draws": 2} if rng.random() < 0.5 else {"rule_set": WORD, WORD: WORD}
                answer = client.post(
                    path, content=body.encode("utf-8", "surrogatepass"), params=query, headers={"content-type": kind}
                )
                assert answer.status_code < 500, answer.text
                count += 1
        for method, path in (
            ("GET", f"/{WORD}"),
            ("GET", f"/v1/vocabulary?{WORD}={WORD}"),
            (WORD.upper(), "/healthz"),
            ("PUT", "/v1/assess"),
        ):
            client.request(method, path)
            count += 1
    with socket.create_connection((httpx.URL(address).host, httpx.URL(address).port)) as bare:
        bare.sendall(f"{WORD} {WORD}\r\n\r\n".encode())  # refused by the HTTP parser itself
        assert bare.recv(100).startswith(b"HTTP/1.1 400")
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    text = log.read_text()
    assert WORD.lower() not in text.lower()
    assert len(LINE.findall(text)) == count, text[-3000:]
    rest = [line for line in text.splitlines() if not LINE.fullmatch(line)]
    assert [line for line in rest if "listening on" not in line and "Invalid HTTP request" not in line] == []


def test_an_address_that_is_taken_is_an_error_that_says_so(served, priors):
    address, _, _ = served
    port = address.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "spinecast", "serve", "--port", port, "--priors", str(priors)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
