// Verifies the tokens of a file with jose, and writes what it signs, and forgeries of it, as lines for jws-verify. Each line
// also says what the verdict on it should be.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [, , folder, tokens] = process.argv;
const jose = await import(pathToFileURL(`${folder}/dist/webapi/index.js`));

const HMAC = ['HS256', 'HS384', 'HS512'];
// It knows Ed25519 by both names.
const ALL = [...HMAC, 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

const write = (tcId, jwk, jws, verdict) => console.log(JSON.stringify({ tcId, jwk, jws, verdict }));

// Our tokens, by our keys.
let accepted = 0;
for (const line of readFileSync(tokens, 'utf8').trim().split('\n')) {
    const { alg, issuer, audience, jwks, token } = JSON.parse(line);
    // Sets hold no shared secrets for it.
    const keys = HMAC.includes(alg) ? await jose.importJWK(jwks.keys[0], alg) : jose.createLocalJWKSet(jwks);
    const options = { issuer, audience, algorithms: [alg], typ: 'at+jwt', requiredClaims: ['exp', 'iat', 'jti', 'sub'] };
    const { payload } = await jose.jwtVerify(token, keys, options);
    if (payload.sub !== 'u-1') throw new Error(`${alg}: ${JSON.stringify(payload)}`);
    const thumbprint = HMAC.includes(alg) ? 'shared' : await jose.calculateJwkThumbprint(jwks.keys[0]);
    if (jwks.keys[0].kid !== thumbprint) throw new Error(`${alg}: the key is not called by its thumbprint`);
    accepted += 1;
}
if (accepted !== ALL.length) throw new Error(`${accepted} tokens, and there are ${ALL.length} algorithms`);
console.error(`jose accepts ${accepted} tokens`);

for (const alg of ALL) {
    const kid = `key.${alg}`;
    const options = { extractable: true, modulusLength: 2048 };
    const pair = HMAC.includes(alg) ? undefined : await jose.generateKeyPair(alg, options);
    const secret = pair?.privateKey ?? await jose.generateSecret(alg, options);
    const jwk = { ...await jose.exportJWK(pair?.publicKey ?? secret), alg, kid };
    const sign = (header, payload) => new jose.SignJWT(payload).setProtectedHeader({ alg, kid, ...header }).sign(secret);
    const good = await sign({}, { sub: 'u-1' });
    const [header, payload, signature] = good.split('.');
    write(`jose ${alg}`, jwk, good, 'valid');
    write(`jose ${alg} with a type`, jwk, await sign({ typ: 'JWT' }, { sub: 'u-1' }), 'valid');
    write(`jose ${alg}: flattened`, jwk, { payload, protected: header, signature }, 'invalid');
    write(`jose ${alg}: another token's signature`, jwk, `${(await sign({}, { sub: 'u-2' })).replace(/[^.]*$/, '')}${signature}`, 'invalid');
    write(`jose ${alg}: half a signature`, jwk, good.slice(0, -signature.length / 2), 'invalid');
    const detached = new jose.FlattenedSign(new TextEncoder().encode('{}'));
    const unencoded = await detached.setProtectedHeader({ alg, kid, b64: false, crit: ['b64'] }).sign(secret);
    write(`jose ${alg}: unencoded payload`, jwk, `${unencoded.protected}.e30.${unencoded.signature}`, 'invalid');
    write(`jose ${alg}: unsecured`, jwk, new jose.UnsecuredJWT({ sub: 'u-1' }).encode(), 'invalid');
}
