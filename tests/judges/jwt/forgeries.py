"""Writes signatures that are nearly right as lines for jws-verify: the classes that attacks on signatures and their encodings
are known by, each beside what it was made of. Keys are new each time.

Each line also says what the verdict on it should be."""

import base64
import hashlib
import hmac
import json
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PAYLOAD = b'{"sub":"u-1"}'
# DigestInfo of SHA-256, before the digest.
INFO = bytes.fromhex("3031300d060960864801650304020105000420")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def b64(value):
    return base64.urlsafe_b64encode(value.encode() if isinstance(value, str) else value).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "==")


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def digest(algorithm):
    return {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[algorithm[2:]]()


def message(header):
    header = header if isinstance(header, str) else json.dumps(header)
    return f"{b64(header)}.{b64(PAYLOAD)}"


def write(name, jwk, jws, verdict="invalid"):
    jwk = {key: value for key, value in jwk.items() if value is not None}
    print(json.dumps({"tcId": name.replace(" ", "-"), "jwk": jwk, "jws": jws, "verdict": verdict}))


def texts():
    """One value has one text, and one header one meaning."""
    secret = secrets.token_bytes(32)
    jwk = {"kty": "oct", "k": b64(secret), "alg": "HS256"}

    def sign(text):
        return f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}"

    good = sign(message({"alg": "HS256"}))
    header, payload, signature = good.split(".")
    write("text good", jwk, good, "valid")
    for name, text in {
        "empty": "",
        "dots": "..",
        "no signature": f"{header}.{payload}",
        "a dot at the end": f"{good}.",
        "a dot before": f".{good}",
        "five parts": f"{good}.AA.AA",
        "a line end": f"{good}\n",
        "a space before": f" {good}",
        "a tab": good.replace(signature, f"{signature[:9]}\t{signature[9:]}"),
        "a nul": f"{good}\0",
        "a byte order mark": f"\ufeff{good}",
        "wide dots": good.replace(".", "\uff0e"),
        "JSON": json.dumps({"payload": payload, "protected": header, "signature": signature}),
        "padding": f"{good}=",
    }.items():
        write(f"text {name}", jwk, text)
    for stray in range(1, 4):
        last = ALPHABET.index(good[-1])
        assert last % 4 == 0
        write(f"text stray bits {stray}", jwk, good[:-1] + ALPHABET[last + stray])
    for kept in range(0, 32):
        write(f"text {kept} bytes of the MAC", jwk, f"{header}.{payload}.{b64(unb64(signature)[:kept])}")
    # Signed as they stand.
    for name, text in {
        "header padding": f"{header}=.{payload}",
        "header white space": f"{header[:4]}\n{header[4:]}.{payload}",
        "payload padding": f"{header}.e30=",
        "payload stray bits": f"{header}.e31",
        "payload standard alphabet": f"{header}.+/8",
        "payload percent": f"{header}.e3%30",
    }.items():
        write(f"text {name}", jwk, sign(text))
    alg = '"alg":"HS256"'
    for name, text, verdict in (
        ("white space", f'  {{ {alg}\r\n\t, "x" : 1 }} ', "valid"),
        ("escapes", r'{"\u0061lg":"\u0048S256"}', "valid"),
        ("unknown members", f'{{{alg},"x":{{"y":[1,null,true,-0.5e3]}}}}', "valid"),
        *((name, f"{{{member}}}", "invalid") for name, member in {
            "no alg": "",
            "alg in lower case": '"alg":"hs256"',
            "alg with a space": '"alg":"HS256 "',
            "alg with a nul": r'"alg":"HS256\u0000"',
            "alg in a list": '"alg":["HS256"]',
            "alg null": '"alg":null',
            "Alg": '"Alg":"HS256"',
            "alg twice": f"{alg},{alg}",
            "alg twice, none first": f'"alg":"none",{alg}',
            "alg twice, none last": f'{alg},"alg":"none"',
            "alg twice, escaped": rf'{alg},"\u0061lg":"none"',
            "alg twice, escaped first": rf'"\u0061l\u0067":"none",{alg}',
            "a member twice, a surrogate pair": rf'{alg},"\ud83d\ude00":1,"😀":1',
            "a member twice, a slash": rf'{alg},"a\/b":1,"a/b":1',
            "a member twice, inside": f'{alg},"x":[[{{"a":1,"a":1}}]]',
            "crit": f'{alg},"crit":["x"],"x":1',
            "crit empty": f'{alg},"crit":[]',
            "crit null": f'{alg},"crit":null',
            "crit escaped": rf'{alg},"cr\u0069t":["x"]',
            "b64": f'{alg},"b64":false,"crit":["b64"]',
            "b64 without crit": f'{alg},"b64":false',
            "zip": f'{alg},"zip":"DEF"',
            "kid a number": f'{alg},"kid":1',
            "a comma too many": f"{alg},",
            "a comment": f"{alg}/* */",
            "a line end in a string": f'{alg},"x":"\n"',
            "NaN": f'{alg},"x":NaN',
            "a zero before": f'{alg},"x":01',
            "half a surrogate pair": rf'{alg},"x":"\ud800"',
            "a no-break space": f"{alg}\u00a0",
            "an end and more": f"{alg}}}{{",
        }.items()),
        ("a list", f"[{{{alg}}}]", "invalid"),
        ("a byte order mark", f"\ufeff{{{alg}}}", "invalid"),
    ):
        write(f"header {name}", jwk, sign(message(text)), verdict)
    for name, raw in {
        "no UTF-8": b'{"alg":"HS256","x":"\xff"}',
        "UTF-8 too long": b'{"alg":"HS256","x":"\xc0\x80"}',
        "UTF-8 of a surrogate": b'{"alg":"HS256","x":"\xed\xa0\x80"}',
        "UTF-16": '{"alg":"HS256"}'.encode("utf-16-le"),
    }.items():
        write(f"header {name}", jwk, sign(f"{b64(raw)}.{payload}"))


def rsa_jwk(key, **members):
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)} | members


def rsa_sign(algorithm, key, header=None, mgf=None, salt=None):
    text, algorithm_digest = message(header or {"alg": algorithm}), digest(algorithm)
    if algorithm.startswith("RS"):
        pad = padding.PKCS1v15()
    else:
        pad = padding.PSS(padding.MGF1(mgf or algorithm_digest), algorithm_digest.digest_size if salt is None else salt)
    return f"{text}.{b64(key.sign(text.encode(), pad, algorithm_digest))}"


def rsa_signatures():
    key, cube, small = (rsa.generate_private_key(e, bits) for e, bits in ((65537, 2048), (3, 2048), (65537, 1024)))
    algorithms = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    for algorithm in algorithms:
        good = rsa_sign(algorithm, key)
        text, signature = good.rsplit(".", 1)
        jwk, n = rsa_jwk(key), key.public_key().public_numbers().n
        value = int.from_bytes(unb64(signature), "big")
        write(f"{algorithm} good", jwk, good, "valid")
        for name, changed in {
            "and n": number(value + n),
            "a zero before": number(value, 257),
            "a byte less": b64(unb64(signature)[:-1]),
            "0": number(0, 256),
            "1": number(1, 256),
            "n - 1": number(n - 1, 256),
            "negated": number(n - value, 256),
        }.items():
            write(f"{algorithm} {name}", jwk, f"{text}.{changed}")
        for other in algorithms:
            if other != algorithm:
                write(f"{algorithm} key of {other}", rsa_jwk(key, alg=other), good)
                write(f"{algorithm} signed as {other}", jwk, rsa_sign(other, key, {"alg": algorithm}))
        write(f"{algorithm} 1024 bits", rsa_jwk(small), rsa_sign(algorithm, small, salt=20))
        if algorithm.startswith("PS"):
            size = digest(algorithm).digest_size
            for salt in (0, 1, 20, size - 1, size + 1, 100):
                write(f"{algorithm} salt of {salt}", jwk, rsa_sign(algorithm, key, salt=salt))
            for mgf in (hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
                if mgf.name != digest(algorithm).name:
                    write(f"{algorithm} mask of {mgf.name}", jwk, rsa_sign(algorithm, key, mgf=mgf))
    for name, paddings in (("e 65537", key), ("e 3", cube)):
        write(f"PKCS1 {name} good", rsa_jwk(paddings), pkcs1(paddings, b"\1", INFO), "valid")
        for fault, encoded in {
            "no NULL": (b"\1", bytes.fromhex("302f300b06096086480165030402010420")),
            "no DigestInfo": (b"\1", b""),
            "a long length": (b"\1", bytes.fromhex("308131300d060960864801650304020105000420")),
            "the name of SHA-1": (b"\1", bytes.fromhex("3021300906052b0e03021a05000414")),
            "block type 2": (b"\2", INFO),
            "block type 0": (b"\0", INFO),
        }.items():
            write(f"PKCS1 {name} {fault}", rsa_jwk(paddings), pkcs1(paddings, *encoded))
        write(f"PKCS1 {name} rubbish behind", rsa_jwk(paddings), pkcs1(paddings, b"\1", INFO, filling=8))
    good, jwk, n = rsa_sign("RS256", key), rsa_jwk(key), key.public_key().public_numbers().n
    one = pkcs1(key, b"\1", INFO, exponent=1)
    for name, members, jws in (
        ("e 1", {"e": number(1)}, one),
        ("e even", {"e": number(65536)}, good),
        ("e 0", {"e": "AA"}, good),
        ("e empty", {"e": ""}, good),
        ("e with a zero", {"e": b64(b"\0\1\0\1")}, good),
        ("n with a zero", {"n": b64(b"\0" + n.to_bytes(256))}, good),
        ("n even", {"n": number(n + 1)}, good),
        ("n with padding", {"n": jwk["n"] + "=="}, good),
        ("kty in lower case", {"kty": "rsa"}, good),
        ("for encryption", {"use": "enc"}, good),
        ("for wrapping", {"key_ops": ["wrapKey"]}, good),
        ("alg for encryption", {"alg": "RSA-OAEP"}, good),
    ):
        write(f"RSA key {name}", jwk | members, jws)
    public = key.public_key()
    texts_of_it = [public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo) for encoding in (Encoding.PEM, Encoding.DER)]
    for secret in (*texts_of_it, json.dumps(jwk).encode(), n.to_bytes(256), b""):
        text = message({"alg": "HS256"})
        write("RSA key as a secret", jwk, f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}")


def pkcs1(key, block_type, info, filling=None, exponent=None):
    """EMSA-PKCS1-v1_5 with a fault; if the filling is short, what is left comes behind."""
    numbers, text = key.private_numbers(), message({"alg": "RS256"})
    inner = b"\0" + info + hashlib.sha256(text.encode()).digest()
    fill = b"\0" if block_type == b"\0" else b"\xff"
    block = b"\0" + block_type + fill * (254 - len(inner) if filling is None else filling) + inner
    value = int.from_bytes(block.ljust(256, b"\0"), "big")
    return f"{text}.{number(pow(value, exponent or numbers.d, numbers.public_numbers.n), 256)}"


CURVES = (
    ("ES256", "P-256", ec.SECP256R1(), 32, 2**256 - 2**224 + 2**192 + 2**96 - 1),
    ("ES384", "P-384", ec.SECP384R1(), 48, 2**384 - 2**128 - 2**96 + 2**32 - 1),
    ("ES512", "P-521", ec.SECP521R1(), 66, 2**521 - 1),
)


def ecdsa_signatures():
    for algorithm, name, curve, size, prime in CURVES:
        order = curve.group_order
        key = ec.generate_private_key(curve)
        point = key.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": name, "x": number(point.x, size), "y": number(point.y, size)}
        text = message({"alg": algorithm})
        der = key.sign(text.encode(), ec.ECDSA(digest(algorithm)))
        r, s = utils.decode_dss_signature(der)

        def case(what, first, second, length=size, key=jwk, verdict="invalid"):
            if max(first, second).bit_length() <= 8 * length:
                both = first.to_bytes(length, "big") + second.to_bytes(length, "big")
                write(f"{algorithm} {what}", key, f"{text}.{b64(both)}", verdict)

        case("good", r, s, verdict="valid")
        for what, first, second in (
            ("both 0", 0, 0), ("r 0", 0, s), ("s 0", r, 0), ("both 1", 1, 1), ("r 1, s 0", 1, 0), ("r 0, s 1", 0, 1),
            ("r the order", order, s), ("s the order", r, order), ("both the order", order, order), ("r the prime", prime, 1),
            ("r and the order", r + order, s), ("s and the order", r, s + order), ("swapped", s, r),
            ("r less the order", prime - order, 1),
        ):
            case(what, first, second)
        case("wider", r, s, size + 1)
        write(f"{algorithm} DER", jwk, f"{text}.{b64(der)}")
        write(f"{algorithm} r alone", jwk, f"{text}.{number(r, size)}")
        for what, members in {
            "off the curve": {"y": number(7, size)},
            "at infinity": {"x": number(0, size), "y": number(0, size)},
            "negated": {"y": number(prime - point.y, size)},
            "swapped": {"x": jwk["y"], "y": jwk["x"]},
            "x with a zero": {"x": number(point.x, size + 1)},
            "x with padding": {"x": jwk["x"] + "="},
            "no y": {"y": None},
            "no curve": {"crv": None},
            "another curve": {"crv": "P-384" if name == "P-256" else "P-256"},
            "the name of X9.62": {"crv": "secp256r1"},
            "of type OKP": {"kty": "OKP"},
            "for signing only": {"key_ops": ["sign"]},
            "operations twice": {"key_ops": ["verify", "verify"]},
            "alg for agreement": {"alg": "ECDH-ES"},
        }.items():
            case(f"key {what}", r, s, key=jwk | members)


def eddsa_signatures():
    order = 2**252 + 27742317777372353535851937790883648493
    prime = 2**255 - 19
    key = ed25519.Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}
    # The points of orders 4, 1, 2, 8 and 8, and the second texts of the first two.
    eighth = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
    numbers = (0, 1, prime - 1, eighth, prime - eighth, prime, prime + 1)
    small = [(y | sign << 255).to_bytes(32, "little") for y in numbers for sign in (0, 1)]
    for algorithm in ("EdDSA", "Ed25519"):
        text = message({"alg": algorithm})
        signature = key.sign(text.encode())
        s = int.from_bytes(signature[32:], "little")
        write(f"{algorithm} good", jwk, f"{text}.{b64(signature)}", "valid")
        for times in range(1, 15):
            twin = signature[:32] + (s + times * order).to_bytes(32, "little")
            write(f"{algorithm} s and {times} orders", jwk, f"{text}.{b64(twin)}")
        for changed in (b"", bytes(64), signature[:63], signature + b"\0"):
            write(f"{algorithm} of {len(changed)} bytes", jwk, f"{text}.{b64(changed)}")
        for members in ({"crv": "X25519"}, {"crv": "Ed448"}, {"crv": None}, {"kty": "EC"}, {"x": jwk["x"][:-1]}):
            write(f"{algorithm} key {members}", jwk | members, f"{text}.{b64(signature)}")
        for point in small:
            for first in small:
                forged = f"{text}.{b64(first + bytes(32))}"
                write(f"{algorithm} small order", jwk | {"x": b64(point)}, forged)


texts()
rsa_signatures()
ecdsa_signatures()
eddsa_signatures()
