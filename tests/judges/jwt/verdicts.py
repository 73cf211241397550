"""Asks jws-verify for its verdict on the lines of the files, and fails if one is not what the line says that it should be."""

import json
import subprocess
import sys

cases = []
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as lines:
        cases.extend(json.loads(line) for line in lines)

asked = "".join(json.dumps(case) + "\n" for case in cases)
told = subprocess.run([sys.argv[1]], input=asked, capture_output=True, text=True, check=True).stdout.splitlines()
if len(told) != len(cases):
    sys.exit(f"{len(cases)} cases, {len(told)} verdicts")

wrong = 0
for case, verdict in zip(cases, told):
    if verdict != f"{case['tcId']} {case['verdict']}":
        print(f"{verdict}, should be {case['verdict']}: {case['jws']}", file=sys.stderr)
        wrong += 1
valid = sum(case["verdict"] == "valid" for case in cases)
print(f"{valid} tokens to accept, {len(cases) - valid} to refuse, {wrong} of them judged otherwise")
sys.exit(wrong > 0 or valid == 0)
