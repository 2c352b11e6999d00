"""Makes the name and the addresses on standard input ({"host", "public", "private"}) those of BigBlueButton.

identity.json says what stands in the files now; identity-pending.json what may stand there too, because this was stopped in the
middle.
"""

from __future__ import annotations

import json
import sys

from everywhere import STATE, load, note, replace, save, tell

wanted = json.load(sys.stdin)
known = load("identity.json")
if not known:
    sys.exit("failed: identity.json is missing: was the install stage run?")
pending = load("identity-pending.json")

# All that may stand in a file: what was there, and what any interrupted run was putting there.
old = {key: sorted({*known[key], *pending.get(key, [])}) for key in wanted}
pairs = {}
for key, new in wanted.items():
    for value in old[key]:
        # A private address that is now the public one, say, is told apart by what it was.
        pairs.setdefault(value, new)

if pending or any(known[key] != [new] for key, new in wanted.items()):
    save("identity-pending.json", {key: sorted({*old[key], new}) for key, new in wanted.items()})
    note("identity-changed")
    tell(replace(pairs), "name and addresses")
    save("identity.json", {key: [new] for key, new in wanted.items()})
    (STATE / "identity-pending.json").unlink()
else:
    print("name and addresses are what they were")
