"""Verifies the tokens of a file with PyJWT and joserfc, and writes what both sign, and forgeries of it, as lines for jws-verify.

Each line also says what the verdict on it should be."""

import base64
import hmac
import json
import sys
import warnings

import joserfc.errors
import joserfc.jwk
import joserfc.jws
import joserfc.jwt
import jwt

# That `EdDSA` has a newer name is known.
warnings.simplefilter("ignore", joserfc.errors.SecurityWarning)

RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
EC = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
HMAC = {"HS256": 32, "HS384": 48, "HS512": 64}
# PyJWT knows no name of its own for Ed25519.
PYJWT = (*RSA, *EC, *HMAC, "EdDSA")
ALL = (*PYJWT, "Ed25519")
CLAIMS = {"iss": "https://id.example", "sub": "u-1", "n": [1, {"two": None}]}


def accept(line):
    """Our token, by our keys."""
    algorithm, token = line["alg"], line["token"]
    keys = joserfc.jwk.KeySet.import_key_set(line["jwks"])
    decoded = joserfc.jwt.decode(token, keys, algorithms=[algorithm])
    joserfc.jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": line["issuer"]},
        aud={"essential": True, "value": line["audience"]},
        exp={"essential": True},
    ).validate(decoded.claims)
    assert decoded.header["typ"] == "at+jwt"
    if algorithm in PYJWT:
        key = jwt.PyJWKSet.from_dict(line["jwks"])[decoded.header["kid"]]
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=line["issuer"],
            audience=line["audience"],
            options={"require": ["exp", "iat", "sub", "jti"]},
        )
        assert claims == decoded.claims, claims
    # It is the key that convinces them, not the token.
    header, payload, signature = token.split(".")
    forged = f"{header}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    try:
        joserfc.jwt.decode(forged, keys, algorithms=[algorithm])
    except joserfc.errors.JoseError:
        return
    raise AssertionError(f"a forged {algorithm} was accepted")


def base64url(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def encode(value):
    return base64url(json.dumps(value).encode())


def generate(algorithm):
    parameters = {"alg": algorithm, "use": "sig", "kid": f"key.{algorithm}"}
    if algorithm in RSA:
        return joserfc.jwk.RSAKey.generate_key(2048, parameters)
    if algorithm in EC:
        return joserfc.jwk.ECKey.generate_key(EC[algorithm], parameters)
    if algorithm in HMAC:
        return joserfc.jwk.OctKey.generate_key(HMAC[algorithm] * 8, parameters)
    return joserfc.jwk.OKPKey.generate_key("Ed25519", parameters)


def forgeries(token, jwk, other):
    """What nobody should accept."""
    header, payload, signature = token.split(".")
    yield "no signature", f"{header}.{payload}.", jwk
    yield "padding", f"{token}=", jwk
    yield "another payload", f"{header}.{payload[:-4]}AAAA.{signature}", jwk
    yield "another key", token, {**other, "kid": jwk.get("kid")}
    yield "a key for encryption", token, {**jwk, "use": "enc"}
    yield "a key that may not verify", token, {**jwk, "key_ops": ["encrypt"], "use": "sig"}
    yield "a key of another name", token, {**jwk, "kid": "x"}
    for name in ("none", "None", "HS256" if jwk["alg"] != "HS256" else "HS512"):
        changed = encode({"alg": name})
        yield f"alg {name}", f"{changed}.{payload}.{signature}", jwk
        yield f"alg {name}, no signature", f"{changed}.{payload}.", jwk


def write(name, algorithm, jwk, token, verdict):
    case = {"tcId": name, "alg": algorithm, "jwk": jwk, "jws": token, "verdict": verdict}
    print(json.dumps(case))


def produce(algorithm):
    key, other = generate(algorithm), generate(algorithm)
    private = algorithm in HMAC
    jwk, another = key.as_dict(private=private), other.as_dict(private=private)
    header = {"alg": algorithm, "kid": key.kid}
    signed = {"joserfc": joserfc.jwt.encode(header, CLAIMS, key, algorithms=[algorithm])}
    if algorithm in PYJWT:
        native = jwt.PyJWK.from_dict(key.as_dict(private=True)).key
        signed["PyJWT"] = jwt.encode(CLAIMS, native, algorithm, headers={"kid": key.kid})
    for library, token in signed.items():
        write(f"{library} {algorithm}", algorithm, jwk, token, "valid")
        write(f"{library} {algorithm} in a set", algorithm, {"keys": [another | {"kid": "x"}, jwk]}, token, "valid")
        for name, forged, key_of_forged in forgeries(token, jwk, another):
            write(f"{library} {algorithm}: {name}", None, key_of_forged, forged, "invalid")
    if not private:
        # The libraries refuse to sign with a public key as the secret.
        message = f"{encode({'alg': 'HS256', 'kid': key.kid})}.{encode(CLAIMS)}"
        signature = hmac.digest(key.as_pem(private=False), message.encode(), "sha256")
        write(f"{algorithm}: public key as secret", None, jwk, f"{message}.{base64url(signature)}", "invalid")


accepted = 0
with open(sys.argv[1], encoding="utf-8") as tokens:
    for text in tokens:
        accept(json.loads(text))
        accepted += 1
if accepted != len(ALL):
    sys.exit(f"{accepted} tokens, and there are {len(ALL)} algorithms")
print(f"PyJWT and joserfc accept {accepted} tokens", file=sys.stderr)
for algorithm in ALL:
    produce(algorithm)
