"""python3 -m unittest"""
import json
import threading
import unittest
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from provider import decide, is_genuine, key_of, serve

# Made with `openssl dgst -sha256 -hmac`, so that not only our own code agrees with itself.
KEY = key_of("a secret of 16 bytes or more")
BODY = b'{"user": null}'
SENT = 1700000000
HEADERS = {
    "webhook-id": "msg_1",
    "webhook-timestamp": str(SENT),
    "webhook-signature": "v1,AAAA v1,ODcTYR/yIKiAlH0tuO0I3onTTCWJ/YbbgzEcT4YhC+4=",
}


class Decisions(unittest.TestCase):
    def permissions(self, *roles):
        return decide({"user": {"roles": list(roles)}})["permissions"]

    def test_a_member_reads(self):
        self.assertEqual(self.permissions("member"), {"__NAME__:read": True, "__NAME__:write": False})

    def test_an_admin_writes(self):
        self.assertTrue(self.permissions("member", "admin")["__NAME__:write"])

    def test_a_service_that_acts_for_itself_is_somebody_elses_business(self):
        self.assertEqual(decide({"machine": {"service": "wiki"}}), {"decision": "abstain"})


class Signatures(unittest.TestCase):
    def test_a_question_of_ours_is_genuine(self):
        self.assertTrue(is_genuine(KEY, HEADERS, BODY, SENT))
        self.assertTrue(is_genuine(KEY, HEADERS, BODY, SENT + 300))

    def test_any_other_is_not(self):
        self.assertFalse(is_genuine(KEY, HEADERS, BODY + b" ", SENT))
        self.assertFalse(is_genuine(KEY, HEADERS, BODY, SENT + 301))
        self.assertFalse(is_genuine(KEY, HEADERS, BODY, SENT - 301))
        self.assertFalse(is_genuine(key_of("another secret, long enough"), HEADERS, BODY, SENT))
        for name in HEADERS:
            self.assertFalse(is_genuine(KEY, {**HEADERS, name: ""}, BODY, SENT), name)

    def test_who_has_no_signature_gets_no_answer(self):
        server = serve("a secret of 16 bytes or more", 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with self.assertRaises(HTTPError) as refused:
            urlopen(Request(f"http://127.0.0.1:{server.server_port}/", json.dumps({}).encode(), method="POST"))
        self.assertEqual(refused.exception.code, 401)
        refused.exception.close()


if __name__ == "__main__":
    unittest.main()
