"""Says what people may do, when Countersign asks: `decide` is the part to change.

    export __SECRET__=...       # the same as the server's, 16 bytes or more
    python3 provider.py         # listens on 127.0.0.1:9000, or on $PORT
"""
import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST = 1024 * 1024  # of a question, in bytes
TOLERANCE = 5 * 60  # how old a question may be, in seconds


def decide(question):
    """The answer to one question of the contract."""
    user = question.get("user")
    if user is None:  # a service acts for itself
        return {"decision": "abstain"}
    may_write = "admin" in user["roles"]
    return {"permissions": {"__NAME__:read": True, "__NAME__:write": may_write}, "cache_ttl": 60}


def key_of(secret):
    """The bytes that sign: `whsec_` and base64, or any other text as it stands."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return secret.encode()


def is_genuine(key, headers, body, now):
    """Whether somebody with the key asked this, and just now (Standard Webhooks)."""
    ident, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (sent.isascii() and sent.isdigit() and len(sent) < 12) or abs(now - int(sent)) > TOLERANCE:
        return False
    signed = f"{ident}.{sent}.".encode("latin-1") + body
    wanted = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    given = headers.get("webhook-signature", "").encode("latin-1").split(b" ")
    return any([hmac.compare_digest(wanted, each) for each in given])


class Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= LONGEST):
            return self.answer(413)
        body = self.rfile.read(int(length))
        if not is_genuine(self.server.key, self.headers, body, time.time()):
            return self.answer(401)
        self.answer(200, json.dumps(decide(json.loads(body))).encode())

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(secret, port):
    """A server that is ready to be asked."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.key = key_of(secret)
    return server


if __name__ == "__main__":
    SECRET = os.environ.get("__SECRET__", "")
    if len(SECRET) < 16:
        sys.exit("set __SECRET__ to the secret of the section, 16 bytes or more")
    SERVER = serve(SECRET, int(os.environ.get("PORT", "9000")))
    print(f"listening on http://127.0.0.1:{SERVER.server_port}/", flush=True)
    SERVER.serve_forever()
