"""Shows the answers that functions give to the sample events: the place of CloudFormation's response URL, on 127.0.0.1:8010."""

import http.server
import json


class Answers(http.server.BaseHTTPRequestHandler):
    """Accepts every PUT and prints its body."""

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print(json.dumps(json.loads(body), indent=2), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """The answer itself is what is to be seen."""


if __name__ == "__main__":
    print("waiting for answers on http://127.0.0.1:8010, end with Ctrl-C", flush=True)
    try:
        http.server.HTTPServer(("127.0.0.1", 8010), Answers).serve_forever()
    except KeyboardInterrupt:
        pass
