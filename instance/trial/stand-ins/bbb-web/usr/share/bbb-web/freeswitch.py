"""Binds to the address that its configuration names, as FreeSWITCH does, and cannot start on a machine that does not have
it.
"""

import re
import socket
import time
from pathlib import Path

text = Path("/opt/freeswitch/etc/freeswitch/sip_profiles/external.xml").read_text()
address = re.search(r'name="ws-binding" value="([^:"]*):5066"', text).group(1)
listener = socket.create_server((address, 5066))
time.sleep(10**9)
