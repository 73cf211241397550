// A certified OpenID provider issues tokens, rolls its keys over, publishes broken ones and goes away, while verify_oidc says
// what it thinks of its tokens.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [, , folder, program] = process.argv;
const { Provider } = await import(pathToFileURL(`${folder}/oidc-provider/lib/index.js`));
const jose = await import(pathToFileURL(`${folder}/jose/dist/webapi/index.js`));

const API = 'https://api.example';
const OTHER_API = 'https://other.example';
const REDIRECT = 'https://app.example/callback';
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];

let verdicts = 0;
const expect = (what, seen, wanted) => {
    if (!(wanted instanceof RegExp ? wanted.test(seen) : seen === wanted)) throw new Error(`${what}: ${seen}, expected ${wanted}`);
    verdicts += 1;
};

// The provider. Whatever it has issued and its users' sessions are kept by the process: with other keys it is the same one.

const server = createServer((request, response) => handle(request, response));
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
let asked = [];
let handle;

const generate = async (generation) => Promise.all(ALGORITHMS.map(async (alg) => {
    const { privateKey } = await jose.generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
    return { ...await jose.exportJWK(privateKey), alg, use: 'sig', kid: `${generation}-${alg}` };
}));

const provide = (keys, published = (jwks) => jwks) => {
    const provider = new Provider(issuer, {
        clients: [{
            client_id: 'app', client_secret: 'a-secret-of-the-judge', redirect_uris: [REDIRECT],
            grant_types: ['authorization_code', 'client_credentials'], response_types: ['code'],
        }],
        jwks: { keys },
        cookies: { keys: ['a-key-of-the-judge'] },
        scopes: ['openid'],
        findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
        loadExistingGrant: async (ctx) => {
            const grant = new ctx.oidc.provider.Grant({ clientId: 'app', accountId: ctx.oidc.session.accountId });
            grant.addOIDCScope('openid');
            grant.addResourceScope(API, 'read');
            await grant.save();
            return grant;
        },
        interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
        features: {
            devInteractions: { enabled: false },
            clientCredentials: { enabled: true },
            resourceIndicators: {
                enabled: true,
                useGrantedResource: () => true,
                // The algorithm is asked for as `https://api.example?ES256`, and the audience is what stands before.
                getResourceServerInfo: (_, resource) => {
                    const [audience, alg] = resource.split('?');
                    return { scope: 'read', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: alg ?? 'ES256' } } };
                },
            },
        },
        ttl: { Interaction: 600, Session: 600, Grant: 600, IdToken: 600 },
    });
    const callback = provider.callback();
    handle = async (request, response) => {
        const path = request.url.split('?')[0];
        asked.push(path);
        if (path === '/jwks') {
            const jwks = published({ keys: keys.map(({ d, p, q, dp, dq, qi, ...key }) => key) });
            response.writeHead(200, { 'content-type': 'application/jwk-set+json' }).end(JSON.stringify(jwks));
        } else if (path.startsWith('/interaction/')) {
            // Nobody is asked for a password.
            const { prompt } = await provider.interactionDetails(request, response);
            if (prompt.name !== 'login') throw new Error(JSON.stringify(prompt));
            await provider.interactionFinished(request, response, { login: { accountId: 'u-17' } });
        } else {
            callback(request, response);
        }
    };
};

const post = async (form) => {
    const authorization = `Basic ${Buffer.from('app:a-secret-of-the-judge').toString('base64')}`;
    const answer = await fetch(`${issuer}/token`, { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) });
    const body = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(body));
    return body;
};
const machine = async (alg, resource = API) =>
    (await post({ grant_type: 'client_credentials', scope: 'read', resource: `${resource}?${alg}` })).access_token;

// Signs in, as a browser does it, and returns the tokens.
const signIn = async () => {
    const verifier = randomBytes(32).toString('base64url');
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const query = new URLSearchParams({
        client_id: 'app', response_type: 'code', scope: 'openid read', redirect_uri: REDIRECT, resource: API,
        nonce: 'n-1', state: 's-1', code_challenge: challenge, code_challenge_method: 'S256',
    });
    const cookies = new Map();
    let location = `${issuer}/auth?${query}`;
    for (let steps = 0; location.startsWith(issuer); steps += 1) {
        if (steps > 10) throw new Error(`still at ${location}`);
        const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
        const answer = await fetch(location, { redirect: 'manual', headers: { cookie } });
        for (const line of answer.headers.getSetCookie()) {
            const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
            cookies.set(name, value);
        }
        const next = answer.headers.get('location');
        if (!next) throw new Error(`${location}: ${answer.status} ${await answer.text()}`);
        location = new URL(next, location).href;
    }
    const code = new URL(location).searchParams.get('code');
    if (!code) throw new Error(location);
    return post({ grant_type: 'authorization_code', code, redirect_uri: REDIRECT, code_verifier: verifier, resource: API });
};

// Our side.

const children = [];
const start = (name, audience) => {
    const child = spawn(program, [name, audience], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return async (token) => {
        child.stdin.write(`${token}\n`);
        return (await lines.next()).value;
    };
};
const forged = async (header, payload = {}) => {
    const { privateKey } = await jose.generateKeyPair('ES256');
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, aud: API, sub: 'u-17', client_id: 'app', jti: 'j', iat: now, exp: now + 600, ...payload };
    return new jose.SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header }).sign(privateKey);
};

try {
    const first = await generate('first');
    // What other issuers publish beside their keys must not matter.
    const litter = [{ kty: 'oct', k: 'c2VjcmV0' }, { kty: 'RSA', use: 'enc', n: first[0].n, e: 'AQAB' }, { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA' }, 7];
    provide(first, ({ keys }) => ({ keys: [...litter, ...keys] }));

    const verify = start(issuer, API);
    const tokens = new Map();
    for (const alg of ALGORITHMS) {
        const token = await machine(alg);
        const header = jose.decodeProtectedHeader(token);
        if (header.alg !== alg || header.typ !== 'at+jwt') throw new Error(JSON.stringify(header));
        tokens.set(alg, token);
        expect(alg, await verify(token), 'valid app');
    }
    const user = await signIn();
    expect('a user', await verify(user.access_token), 'valid u-17');
    const reads = () => asked.filter((path) => path === '/jwks').length;
    expect('reads of the keys', reads(), 1);
    expect('reads of the place', asked.filter((path) => path === '/.well-known/openid-configuration').length, 1);

    // Tokens that are good, but not for us, and tokens that are not good.
    expect('an ID token', await verify(user.id_token), 'invalid type');
    expect('an ID token, where it is meant for', await start(issuer, 'app')(user.id_token), 'invalid type');
    expect('another audience', await verify(await machine('ES256', OTHER_API)), 'invalid audience');
    expect('another audience, there', await start(issuer, OTHER_API)(await machine('ES256', OTHER_API)), 'valid app');
    expect('another issuer', await verify(await forged({ kid: 'first-ES256' }, { iss: `${issuer}/` })), 'invalid issuer');
    expect('another key', await verify(await forged({ kid: 'first-ES256' })), 'invalid signature');
    const [head, , signature] = tokens.get('ES256').split('.');
    const payload = jose.base64url.encode(JSON.stringify({ ...jose.decodeJwt(tokens.get('ES256')), sub: 'admin' }));
    expect('another payload', await verify(`${head}.${payload}.${signature}`), 'invalid signature');
    const mixed = jose.base64url.encode(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: 'first-ES256' }));
    expect('another algorithm', await verify(`${mixed}.${tokens.get('ES256').split('.').slice(1).join('.')}`), 'invalid unknown_key');

    // The keys roll over: the new ones work at once, and so do the old ones while they are published.
    await new Promise((over) => setTimeout(over, 1100));
    asked = [];
    const second = await generate('second');
    provide([...second, ...first]);
    for (const alg of ALGORITHMS) {
        const token = await machine(alg);
        expect('the new key', jose.decodeProtectedHeader(token).kid, `second-${alg}`);
        expect(`the new ${alg}`, await verify(token), 'valid app');
        expect(`the old ${alg}`, await verify(tokens.get(alg)), 'valid app');
    }
    expect('reads after the rollover', reads(), 1);

    // Strangers make keys up: we do not ask for each.
    for (let i = 0; i < 300; i += 1) {
        expect('a made-up key', await verify(await forged({ kid: `made-up-${i}`, jku: `${issuer}/stranger`, x5u: `${issuer}/stranger` })), 'invalid unknown_key');
    }
    const reading = reads();
    if (reading > 6) throw new Error(`${reading} reads of the keys for strangers`);
    expect('reads for a stranger', asked.includes('/stranger'), false);

    // An old key is taken away: it ends with the next reading, which somebody else's key causes here.
    provide(second);
    const deadline = Date.now() + 15000;
    for (let i = 0; await verify(tokens.get('ES256')) !== 'invalid unknown_key'; i += 1) {
        if (Date.now() > deadline) throw new Error('a key that is gone still verifies');
        await verify(await forged({ kid: `cause-${i}` }));
        await new Promise((over) => setTimeout(over, 100));
    }
    const current = await machine('EdDSA');
    expect('a key that stays', await verify(current), 'valid app');

    // The name of the issuer counts byte by byte, also in its own document.
    expect('a slash too many', await start(`${issuer}/`, API)(await forged({}, { iss: `${issuer}/` })), /^unavailable [0-9]+$/);

    // It goes away: what is known stays, and of what is not known nothing is said.
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    expect('a known key without the issuer', await verify(current), 'valid app');
    expect('an unknown key without the issuer', await verify(await forged({ kid: 'nobody' })), 'invalid unknown_key');
    expect('a cold start without the issuer', await start(issuer, API)(current), /^unavailable [0-9]+$/);
    console.log(`${verdicts} verdicts, all as they should be`);
} finally {
    for (const child of children) child.kill();
    server.closeAllConnections();
    server.close();
}
