"""Prints BigBlueButton's list of TURN servers: the one named, with the secret on standard input, then this server's own.

`turn_servers.py TURN-HOST HOST`, as /etc/bigbluebutton/turn-stun-servers.xml, which bbb-web prefers to its own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

BEANS = "http://www.springframework.org/schema/beans"
SERVER = "org.bigbluebutton.web.services.turn.TurnServer"
SERVICE = "org.bigbluebutton.web.services.turn.StunTurnService"
# How long a browser's credentials for it are valid, in seconds: a day, as BigBlueButton has it for its own.
VALID = 86400


def bean(number: int, secret: str, url: str) -> str:
    values = [secret, url, str(VALID)]
    arguments = "".join(f'<constructor-arg index="{index}" value={quoteattr(value)}/>' for index, value in enumerate(values))
    return f'<bean id="turn{number}" class="{SERVER}">{arguments}</bean>'


shared, local, own = sys.argv[1], sys.argv[2], sys.stdin.read().strip()
if not re.fullmatch(r"[A-Za-z0-9]{16,128}", own):
    sys.exit("failed: the TURN secret is not 16 to 128 letters and digits")
local_secret = re.search(r"^static-auth-secret=(\S+)$", Path("/etc/turnserver.conf").read_text(), re.MULTILINE)
servers = [(own, f"turn:{shared}:3478"), (own, f"turns:{shared}:443?transport=tcp")]
if local_secret:
    servers += [(local_secret.group(1), f"turn:{local}:3478"), (local_secret.group(1), f"turns:{local}:443?transport=tcp")]
beans = "".join(f"  {bean(number, *server)}\n" for number, server in enumerate(servers))
references = "".join(f'<ref bean="turn{number}"/>' for number in range(len(servers)))
print(f"""<?xml version="1.0" encoding="UTF-8"?>
<beans xmlns="{BEANS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
       xsi:schemaLocation="{BEANS} {BEANS}/spring-beans-2.5.xsd">
{beans}  <bean id="stunTurnService" class="{SERVICE}">
    <property name="stunServers"><set/></property>
    <property name="turnServers"><set>{references}</set></property>
  </bean>
</beans>""")
