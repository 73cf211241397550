"""Starts the reference server, sends it requests, and lets three foreign programs judge its /metrics: promtool,
the strict OpenMetrics parser of the Python client, and a Prometheus that scrapes it."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

MISSES = 25
# The bounds of the stable OpenTelemetry convention for http.server.request.duration.
BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, float("inf")]
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "_OTHER"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def ask(port: int, path: str, method: str = "GET", accept: str = "*/*"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, headers={"Accept": accept})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()


def eventually(what: str, seconds: float, process: subprocess.Popen, condition):
    """The first true value of `condition`, which may fail to connect; gives up when the time or the process ends."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"{what}: {process.args[0]} ended with {process.returncode}")
        try:
            if value := condition():
                return value
        except (OSError, http.client.HTTPException) as error:
            last = error
        time.sleep(0.05)
    sys.exit(f"{what}: not within {seconds} s (last error: {last})")


@contextlib.contextmanager
def running(command, log: pathlib.Path, **options):
    """A child process that never outlives the block; its output is shown when the block fails."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options)
    try:
        yield process
    except BaseException:
        sys.stderr.write(log.read_text(errors="replace")[-4000:])
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def by_name(families):
    found = {}
    for family in families:
        assert family.name not in found, f"{family.name} comes twice"
        assert family.documentation, f"{family.name} has no HELP"
        assert family.type not in ("unknown", "untyped"), f"{family.name} has no TYPE"
        found[family.name] = family
    return found


def requests_with(families, **labels) -> float:
    # The parsers differ in whether the family's name keeps the suffix of its counter.
    family = families.get("http_requests_total") or families["http_requests"]
    return sum(
        sample.value
        for sample in family.samples
        if sample.name == "http_requests_total" and labels.items() <= sample.labels.items()
    )


def drive(port: int):
    for number in range(MISSES):
        status, _, _ = ask(port, f"/no-such-page-{number}?token=hunter2")
        assert status == 404, f"a path that nobody serves got {status}"
    for path in ("/live", "/health"):
        status, _, _ = ask(port, path)
        assert status == 200, f"{path} got {status}"
    # A method of the caller's invention must not become a label of its own.
    ask(port, "/live", method="BREW")


def judge_text(port: int):
    status, headers, text = ask(port, "/metrics", accept="text/plain;version=0.0.4")
    assert status == 200, status
    assert headers.get_content_type() == "text/plain", headers["content-type"]
    verdict = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    said = verdict.stdout + verdict.stderr
    assert verdict.returncode == 0 and not said, f"promtool check metrics: {said}"
    judge_content(by_name(prometheus_text(text)))
    print(f"promtool check metrics: silent on {len(text.splitlines())} lines")


def judge_open_metrics(port: int):
    status, headers, text = ask(port, "/metrics", accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert status == 200, status
    assert headers.get_content_type() == "application/openmetrics-text", headers["content-type"]
    families = by_name(open_metrics(text))
    judge_content(families)
    print(f"strict OpenMetrics parser: {len(families)} families")


def judge_content(families):
    samples = [sample for family in families.values() for sample in family.samples]
    for sample in samples:
        for label, value in sample.labels.items():
            assert "no-such-page" not in value and "hunter2" not in value, f"{sample.name} shows a caller's text in {label}"
        assert sample.labels.get("method", "GET") in METHODS, f"{sample.name} has the method {sample.labels['method']}"

    misses = requests_with(families, status="404")
    assert misses == MISSES, f"{MISSES} paths that nobody serves were counted as {misses}"
    assert requests_with(families, method="_OTHER") == 1, "the made-up method was not counted as _OTHER"

    bounds = sorted({float(s.labels["le"]) for s in samples if s.name == "http_request_duration_seconds_bucket"})
    assert bounds == BOUNDS, f"http_request_duration_seconds has the bounds {bounds}"
    assert any(sample.name == "http_requests_in_flight" for sample in samples), "http_requests_in_flight is missing"
    assert any(sample.name == "process_resident_memory_bytes" for sample in samples), "there are no process metrics"


def query(port: int, expression: str):
    status, _, text = ask(port, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
    if status != 200:
        return None
    result = json.loads(text)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def judge_scrape(port: int, folder: pathlib.Path):
    config = folder / "prometheus.yml"
    config.write_text(
        f"""\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: reference-server
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
    )
    own = free_port()
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own}",
        "--enable-feature=exemplar-storage",
    ]
    with running(command, folder / "prometheus.log") as process:
        # `==` filters: the query answers nothing until the condition holds.
        eventually("up", 60, process, lambda: query(own, 'up{job="reference-server"} == 1'))
        misses = eventually("counter", 60, process, lambda: query(own, 'sum(http_requests_total{status="404"})'))
        assert misses == MISSES, f"Prometheus counted {misses} misses, not {MISSES}"
        _, _, targets = ask(own, "/api/v1/targets")
        (target,) = json.loads(targets)["data"]["activeTargets"]
        assert target["health"] == "up" and not target["lastError"], target
        samples = query(own, "scrape_samples_scraped")
        print(f"Prometheus: up, {samples:.0f} samples a scrape, {misses:.0f} misses counted")


def main(binary: str):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        port, admin = free_port(), free_port()
        # The server refuses settings that it does not know, so the runner's own must not reach it.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PORTCULLIS_")}
        environment |= {
            "PORTCULLIS_LISTEN": f"127.0.0.1:{port}",
            "PORTCULLIS_ADMIN_LISTEN": f"127.0.0.1:{admin}",
            "PORTCULLIS_DATABASE_URL": "sqlite::memory:",
        }
        with running([binary], folder / "server.log", env=environment, cwd=folder) as server:
            eventually("ready", 30, server, lambda: ask(port, "/ready")[0] == 200)
            drive(port)
            judge_text(port)
            judge_open_metrics(port)
            judge_scrape(port, folder)
            server.send_signal(signal.SIGTERM)
            code = server.wait(timeout=30)
            assert code == 0, f"the server ended with {code} on SIGTERM"


main(sys.argv[1])
