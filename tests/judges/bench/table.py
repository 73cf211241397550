"""Puts criterion's medians, callgrind's instructions and the counted allocations into one Markdown table.

Every number is what the stack adds to the bare one under the same request; instructions are those of the thread that
serves. The verdict falls on instructions and allocations, which do not depend on the machine's load, and on the requests
that pass, because those are what everyone pays for: a layer may not allocate more than its best peer, nor need more
instructions than the ceiling below."""

import json
import pathlib
import re
import subprocess
import sys

BARE, OURS = "bare", "portcullis"
TIMES = 2_000
# What was measured when a line was last changed, and a sixth for the code paths of other processors. A change that
# needs more says why, and raises its line.
CEILINGS = {
    ("headers", "none set"): 1_850,
    ("headers", "two set"): 2_700,
    ("https", "accepted"): 450,
    ("host", "accepted"): 2_600,
    ("ip_filter", "accepted"): 500,
    ("rate_limit", "allowed"): 1_200,
    ("rate_limit", "allowed, with fields"): 3_300,
    ("limits", "accepted"): 600,
    ("mask", "an image"): 1_450,
    ("mask", "1 KiB of JSON"): 70_500,
    ("mask", "1 KiB with secrets"): 132_500,
    ("request_id", "fresh id"): 2_850,
    ("health", "another path"): 200,
    ("access_log", "one line"): 3_600,
    ("metrics", "known series"): 1_800,
    ("auth", "HS256, first sight"): 88_000,
    ("auth", "HS256, seen before"): 36_000,
    ("auth", "EdDSA, first sight"): 644_000,
    ("auth", "EdDSA, seen before"): 44_000,
    ("auth", "ES256, first sight"): 932_000,
    ("auth", "ES256, seen before"): 44_000,
    ("auth", "RS256, first sight"): 436_000,
    ("auth", "RS256, seen before"): 60_000,
    ("auth", "an api key, seen before"): 14_300,
    ("redact", "a clean line"): 6_400,
    ("redact", "a line with secrets"): 33_100,
    ("stack", "accepted"): 13_100,
    ("stack", "accepted, HS256 at first sight"): 102_000,
    ("stack", "accepted, HS256 seen before"): 49_500,
}


def median(target: pathlib.Path, case: str) -> float:
    for file in (target / "criterion").glob("*/new/benchmark.json"):
        if json.loads(file.read_text())["full_id"] == case:
            return json.loads((file.parent / "estimates.json").read_text())["median"]["point_estimate"]
    sys.exit(f"criterion has no {case}")


def instructions(target: pathlib.Path, case: str) -> float:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured_requests*"]
    command += [target / "release/drive", case, str(TIMES)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return int(re.search(r"Collected : (\d+)", said)[1]) / TIMES


def main(target: pathlib.Path, prefix: str) -> int:
    lines = subprocess.run([target / "release/allocations"], check=True, capture_output=True, text=True).stdout.splitlines()
    allocations = {case: float(count) for case, count in (line.split("\t") for line in lines)}
    measured = {
        case: (median(target, case), instructions(target, case), count)
        for case, count in allocations.items()
        if case.startswith(prefix)
    }

    rows: dict[tuple[str, str], dict[str, tuple[float, ...]]] = {}
    for case, numbers in measured.items():
        layer, request, stack = case.split("/")
        rows.setdefault((layer, request), {})[stack] = numbers

    print("Added per request: nanoseconds / instructions / allocations.\n")
    print("| layer | request | portcullis | best peer | ratio of time |")
    print("|---|---|---|---|---|")
    faults = []
    for (layer, request), stacks in rows.items():
        bare = stacks.pop(BARE)
        added = {stack: tuple(a - b for a, b in zip(numbers, bare)) for stack, numbers in stacks.items()}
        ours = added.pop(OURS)
        show = "{0:,.0f} / {1:,.0f} / {2:.0f}".format
        name, peer = min(added.items(), key=lambda item: item[1], default=(None, None))
        theirs = f"{name} {show(*peer)} | {ours[0] / peer[0]:.2f}" if peer else "- | -"
        print(f"| {layer} | {request} | {show(*ours)} | {theirs} |")

        if request.startswith("refused"):
            continue
        if peer and ours[2] > peer[2]:
            faults.append(f"{layer}, {request}: {ours[2]:.0f} allocations, {name} needs {peer[2]:.0f}")
        if ours[1] > CEILINGS[layer, request]:
            faults.append(f"{layer}, {request}: {ours[1]:,.0f} instructions, the ceiling is {CEILINGS[layer, request]:,}")
    for fault in faults:
        print(f"\n{fault}")
    return 1 if faults else 0


sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
