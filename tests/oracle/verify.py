"""Verifies one token with PyJWT. Reads a JSON question on standard input, writes the claims or the name of the refusal.

`classic` calls the verifier of the ancestor's descendant as its package `dgp-oauth2` ships it, by the key's address and by the
key; it asks for no audience, so its library refuses a token that names one.
"""

import importlib.util
import json
import sys
from importlib.metadata import distribution

import jwt


def shipped_verifier():
    """The package's verifier without the package, whose own start needs a web framework."""
    path = distribution("dgp-oauth2").locate_file("dgp_oauth2/lib.py")
    spec = importlib.util.spec_from_file_location("shipped_verifier", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Verifyer


def verify(question):
    token, how = question["token"], question["how"]
    if how == "classic":
        return jwt.decode(token, question["pem"], algorithms=["RS256"])
    if how == "shipped-by-address":
        return shipped_verifier()(auth_endpoint=question["auth_endpoint"]).extract_permissions(token)
    if how == "shipped-by-key":
        return shipped_verifier()(public_key=question["pem"]).extract_permissions(token)
    key = jwt.PyJWKClient(question["jwks_url"]).get_signing_key_from_jwt(token) if how == "jwks" else question["pem"]
    return jwt.decode(
        token,
        key,
        algorithms=[question["alg"]],
        audience=question["audience"],
        issuer=question["issuer"],
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"], "strict_aud": True},
    )


def main():
    try:
        answer = {"claims": verify(json.load(sys.stdin))}
    except jwt.PyJWTError as refusal:
        answer = {"refused": type(refusal).__name__}
    json.dump(answer, sys.stdout)


main()
