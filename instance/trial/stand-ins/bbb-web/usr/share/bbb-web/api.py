"""Answers getMeetings and getRecordings as a bbb-web does that has none: 200 always, SUCCESS only for the right checksum. Reads
its secret once, at start.
"""

import hashlib
import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

SECRET = re.search(r"^securitySalt=(.*)$", Path("/etc/bigbluebutton/bbb-web.properties").read_text(), re.MULTILINE).group(1)
NONE = {
    "getMeetings": "<meetings/><messageKey>noMeetings</messageKey>",
    "getRecordings": "<recordings/><messageKey>noRecordings</messageKey>",
}


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        match = re.fullmatch(r"/bigbluebutton/api/(\w+)\?(?:(.*)&)?checksum=(\w+)", self.path)
        call, query, checksum = match.groups("") if match else ("", "", "")
        good = call in NONE and checksum == hashlib.sha256((call + query + SECRET).encode()).hexdigest()
        text = f"SUCCESS</returncode>{NONE[call]}" if good else "FAILED</returncode><messageKey>checksumError</messageKey>"
        body = f"<response><returncode>{text}</response>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", 8090), Api).serve_forever()
