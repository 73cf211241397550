"""Reads lines `kind TAB value` and fails if one of the values is no structured field of that kind."""

import sys

import http_sfv

KINDS = {"dictionary": http_sfv.Dictionary, "list": http_sfv.List, "item": http_sfv.Item}

read = 0
failed = 0
for line in sys.stdin:
    kind, value = line.rstrip("\n").split("\t", 1)
    field = KINDS[kind]()
    try:
        field.parse(value.encode())
        # A value that its own parser writes in another way has a duplicate key or is not in canonical form.
        if str(field) != value:
            raise ValueError(f"in canonical form it is {field}")
    except ValueError as error:
        print(f"{kind} {value!r}: {error}", file=sys.stderr)
        failed += 1
    read += 1
if read == 0:
    sys.exit("no field was given")
print(f"{read} fields, {failed} of them wrong")
sys.exit(failed > 0)
