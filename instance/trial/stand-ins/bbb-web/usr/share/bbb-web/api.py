"""Answers getMeetings as bbb-web does: 200 always, SUCCESS only for the right checksum. Reads its secret once, at start."""

import hashlib
import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

SECRET = re.search(r"^securitySalt=(.*)$", Path("/etc/bigbluebutton/bbb-web.properties").read_text(), re.MULTILINE).group(1)


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        match = re.fullmatch(r"/bigbluebutton/api/getMeetings\?checksum=(\w+)", self.path)
        good = match and match.group(1) == hashlib.sha256(("getMeetings" + SECRET).encode()).hexdigest()
        text = "SUCCESS</returncode><meetings/>" if good else "FAILED</returncode><messageKey>checksumError</messageKey>"
        body = f"<response><returncode>{text}</response>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", 8090), Api).serve_forever()
