"""Reads `cargo metadata` and fails on a licence that the project does not accept, or on an arrow
between the project's crates that the design does not draw."""

import json
import re
import sys

ACCEPTED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0",
    "Unicode-3.0", "Unicode-DFS-2016", "Zlib", "Apache-2.0 WITH LLVM-exception",
}  # fmt: skip

ARROWS = {
    "portcullis-layer-core": set(),
    "portcullis-secrets": set(),
    "portcullis-auth-core": {"portcullis-secrets"},
    "portcullis-security-layers": {"portcullis-layer-core", "portcullis-auth-core", "portcullis-secrets"},
    "portcullis-observability-layers": {"portcullis-layer-core", "portcullis-secrets"},
}
# These two decide; they see no service and no body.
DECIDERS = {"portcullis-auth-core", "portcullis-secrets"}
PLUMBING = re.compile(r"^(tower(-.+)?|http-body(-.+)?|hyper(-.+)?|axum(-.+)?|tonic(-.+)?)$")


def accepted(expression: str) -> bool:
    """Whether an SPDX expression leaves a way to use the package under the accepted licences."""
    # Before SPDX, manifests wrote "MIT/Apache-2.0" for a choice.
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else None

    def take():
        nonlocal position
        position += 1
        return tokens[position - 1]

    def any_of():
        verdict = all_of()
        while peek() == "OR":
            take()
            right = all_of()
            verdict = verdict or right
        return verdict

    def all_of():
        verdict = one()
        while peek() == "AND":
            take()
            right = one()
            verdict = verdict and right
        return verdict

    def one():
        token = take()
        if token == "(":
            verdict = any_of()
            assert take() == ")", expression
            return verdict
        if peek() == "WITH":
            token = f"{token} {take()} {take()}"
        return token in ACCEPTED

    verdict = any_of()
    assert peek() is None, expression
    return verdict


def self_test():
    for expression in ("MIT", "MIT/Apache-2.0", "(MIT OR GPL-3.0) AND Unicode-3.0", "LGPL-2.1 OR Apache-2.0 WITH LLVM-exception"):
        assert accepted(expression), expression
    for expression in ("GPL-3.0", "MIT AND GPL-3.0", "CC0-1.0", "(MIT OR ISC) AND (GPL-2.0 OR AGPL-3.0)"):
        assert not accepted(expression), expression


def main():
    self_test()
    packages = json.load(sys.stdin)["packages"]
    faults = []
    for package in packages:
        licence = package["license"]
        if licence is None or not accepted(licence):
            faults.append(f"{package['name']} {package['version']}: licence {licence or '(none named)'} is not accepted")

    by_name = {package["name"]: package for package in packages}
    for name, allowed in ARROWS.items():
        direct = {dependency["name"] for dependency in by_name[name]["dependencies"] if dependency["kind"] is None}
        for dependency in sorted(direct & set(ARROWS) - allowed):
            faults.append(f"{name} may not depend on {dependency}")
        if name in DECIDERS:
            faults += [f"{name} may not depend on {dependency}" for dependency in sorted(direct) if PLUMBING.match(dependency)]

    for fault in faults:
        print(fault)
    print(f"{len(packages)} packages, {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
