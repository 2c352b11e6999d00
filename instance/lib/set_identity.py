"""Makes the name and the addresses on standard input ({"host", "public", "private"}) those of BigBlueButton.

identity.json says what stands in the files now; identity-pending.json what was being put there when this was last stopped in the middle.
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

pairs = {}
for key, new in wanted.items():
    olds = [*known[key], *([pending[key]] if pending else [])]
    for old in olds:
        # A private address that is now the public one, say, is told apart by what it was.
        pairs.setdefault(old, new)

if pending or any(known[key] != [new] for key, new in wanted.items()):
    save("identity-pending.json", wanted)
    note("identity-changed")
    tell(replace(pairs), "name and addresses")
    save("identity.json", {key: [new] for key, new in wanted.items()})
    (STATE / "identity-pending.json").unlink()
else:
    print("name and addresses are what they were")
