"""Makes up policies and questions, and fails if casbin answers one of them in another way than the program that is given."""

import json
import logging
import random
import subprocess
import sys
import tempfile

import casbin

# Roles are had in a domain, as ours in a tenant; roles that include roles do so in every domain.
MODEL = """
[request_definition]
r = sub, dom, res, act
[policy_definition]
p = sub, res, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && (p.res == "*" || p.res == r.res) && (p.act == "*" || p.act == r.act)
"""

TENANTS = ["acme", "globex", "initech"]
SUBJECTS = ["ann", "bob", "eve"]


def make_up(chance):
    """A policy with 60 questions. Roles include only roles of a lower number, and so none includes itself."""
    resources = chance.sample(["orders", "order", "orders-archive", "users", "keys"], 3)
    actions = chance.sample(["read", "reads", "write", "delete"], 3)
    known = [f"{resource}:{action}" for resource in resources for action in actions]
    known = chance.sample(known, chance.randint(2, len(known)))

    def pattern():
        resource, action = chance.choice(known).split(":")
        return chance.choice([f"{resource}:{action}"] * 3 + [f"{resource}:*", f"*:{action}", "*:*"])

    roles = {}
    for number in range(chance.randint(1, 8)):
        below = [f"r{lower}" for lower in range(number)]
        roles[f"r{number}"] = {
            "allows": [pattern() for _ in range(chance.choice([0, 1, 2, 3]))],
            "includes": chance.sample(below, min(len(below), chance.choice([0, 0, 1, 2]))),
        }
    grants = [
        # Also roles that are no longer there.
        [chance.choice(SUBJECTS), f"r{chance.randint(0, len(roles))}", chance.choice(TENANTS + [None])]
        for _ in range(chance.randint(0, 12))
    ]

    def scopes():
        if chance.random() < 0.5:
            return None
        return " ".join(chance.choice([pattern(), pattern(), "openid", "orders"]) for _ in range(chance.randint(0, 3)))

    asks = [
        # Also permissions that are not in the catalogue.
        [chance.choice(SUBJECTS), chance.choice(TENANTS), scopes(), chance.choice(known * 3 + ["nothing:read"])]
        for _ in range(60)
    ]
    return {"permissions": known, "roles": roles, "grants": grants, "asks": asks}


def enforcer(model, policies, grants):
    found = casbin.Enforcer(model)
    for policy in policies:
        found.add_policy(*policy)
    for grant in grants:
        found.add_grouping_policy(*grant)
    return found


def answers(model, policy):
    """What casbin says: yes by the roles, and yes by the scopes, if there are any."""
    # What is not in our catalogue nobody can do. A catalogue is ours alone, so casbin is not asked about the rest.
    known = set(policy["permissions"])
    by_role = enforcer(
        model,
        [(name, *allowed.split(":")) for name, role in policy["roles"].items() for allowed in role["allows"]],
        [(name, included, tenant) for name, role in policy["roles"].items() for included in role["includes"] for tenant in TENANTS]
        + [(subject, role, tenant) for subject, role, only in policy["grants"] for tenant in TENANTS if only in (None, tenant)],
    )
    by_scopes = {}
    for subject, tenant, scopes, permission in policy["asks"]:
        if permission not in known:
            yield False
            continue
        resource, action = permission.split(":")
        yes = by_role.enforce(subject, tenant, resource, action)
        if scopes is not None:
            if scopes not in by_scopes:
                patterns = [scope.split(":") for scope in scopes.split() if ":" in scope]
                by_scopes[scopes] = enforcer(model, [("token", *each) for each in patterns], [])
            yes = by_scopes[scopes].enforce("token", tenant, resource, action) and yes
        yield yes


def main():
    program, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    logging.disable(logging.CRITICAL)
    chance = random.Random(seed)
    policies = [make_up(chance) for _ in range(count)]
    lines = "".join(json.dumps(policy) + "\n" for policy in policies)
    ours = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    ours = [json.loads(line) for line in ours.stdout.splitlines()]
    if len(ours) != count:
        sys.exit(f"{len(ours)} answers for {count} policies")
    asked = allowed = different = 0
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as model:
        model.write(MODEL)
        model.flush()
        for policy, mine in zip(policies, ours):
            theirs = list(answers(model.name, policy))
            if len(mine) != len(theirs):
                sys.exit(f"{len(mine)} answers for {len(theirs)} questions")
            for ask, our, their in zip(policy["asks"], mine, theirs):
                asked += 1
                allowed += their
                if our != their:
                    different += 1
                    print(f"{ask}: ours {our}, casbin {their}, in {json.dumps(policy)}", file=sys.stderr)
    # A judge that only ever says no would be content with anything that does so too.
    if not 0.1 < allowed / asked < 0.9:
        sys.exit(f"{allowed} of {asked} are allowed: the policies are too simple")
    print(f"{count} policies (seed {seed}), {asked} questions, {allowed} allowed, {different} answered differently")
    sys.exit(different > 0)


main()
