"""Writes foreign.json: hashes that other programs made, for `tests/it/passwords/foreign.rs`.

    python -m venv v && v/bin/pip install passlib==1.7.4 'bcrypt==4.0.1' argon2-cffi==25.1.0 scrypt==0.9.4 Django==5.2.*
    v/bin/python foreign.py > foreign.json
"""

import base64
import hashlib
import json
import os

import argon2
import bcrypt
from django.conf import settings
from passlib.hash import argon2 as passlib_argon2
from passlib.hash import bcrypt as passlib_bcrypt
from passlib.hash import pbkdf2_sha1, pbkdf2_sha256, pbkdf2_sha512
from passlib.hash import scrypt as passlib_scrypt

settings.configure()
from django.contrib.auth.hashers import PBKDF2PasswordHasher, PBKDF2SHA1PasswordHasher  # noqa: E402
from django.contrib.auth.hashers import ScryptPasswordHasher  # noqa: E402

ASCII = "correct battery horse"
WIDE = "grüße aus Århus 🦀"
made = []


def add(by, hashed, password=ASCII):
    made.append({"by": by, "password": password, "hash": hashed.decode() if isinstance(hashed, bytes) else hashed})


def unpadded(raw):
    return base64.b64encode(raw).decode().rstrip("=")


def phc_pbkdf2(name, rounds, password=ASCII):
    salt = os.urandom(16)
    key = hashlib.pbkdf2_hmac(name, password.encode(), salt, rounds, 32)
    return f"$pbkdf2-{name}$i={rounds},l=32${unpadded(salt)}${unpadded(key)}"


for kind in ("I", "D", "ID"):
    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=8192, parallelism=2, type=argon2.Type[kind])
    add(f"argon2-cffi {kind}", hasher.hash(ASCII))
add("passlib argon2", passlib_argon2.using(rounds=1, memory_cost=8192, parallelism=1).hash(WIDE), WIDE)
for ident in ("2a", "2b", "2y"):
    add(f"passlib bcrypt {ident}", passlib_bcrypt.using(rounds=4, ident=ident).hash(WIDE), WIDE)
add("bcrypt", bcrypt.hashpw(ASCII.encode(), bcrypt.gensalt(4)))
add("bcrypt 2a", bcrypt.hashpw(ASCII.encode(), bcrypt.gensalt(5, prefix=b"2a")))
add("bcrypt of 72 bytes", bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)), "x" * 72)
add("passlib pbkdf2", pbkdf2_sha1.using(rounds=1000).hash(ASCII))
add("passlib pbkdf2-sha256", pbkdf2_sha256.using(rounds=1000).hash(WIDE), WIDE)
add("passlib pbkdf2-sha512", pbkdf2_sha512.using(rounds=1000).hash(ASCII))
add("hashlib pbkdf2-sha256, PHC", phc_pbkdf2("sha256", 1000))
add("hashlib pbkdf2-sha512, PHC", phc_pbkdf2("sha512", 1000, WIDE), WIDE)
add("Django pbkdf2_sha256", PBKDF2PasswordHasher().encode(WIDE, "seasalt", 1000), WIDE)
add("Django pbkdf2_sha1", PBKDF2SHA1PasswordHasher().encode(ASCII, "seasalt", 1000))
add("passlib scrypt", passlib_scrypt.using(rounds=6, block_size=8, parallelism=1).hash(WIDE), WIDE)
add("passlib scrypt $7$", passlib_scrypt.using(ident="$7$", rounds=6, block_size=4, parallelism=2).hash(ASCII))
salt = os.urandom(16)
key = hashlib.scrypt(ASCII.encode(), salt=salt, n=64, r=8, p=2, dklen=32)
add("hashlib scrypt, PHC", f"$scrypt$ln=6,r=8,p=2${unpadded(salt)}${unpadded(key)}")
add("Django scrypt", ScryptPasswordHasher().encode(ASCII, "seasalt", n=64, r=8, p=1))
print(json.dumps(made, ensure_ascii=False, indent=1))
