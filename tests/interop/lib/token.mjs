/* Tokens as an identity provider makes them. */

import crypto from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";

const base64 = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function assemble(alg, claims, sign) {
    const now = Math.floor(Date.now() / 1000);
    const body = `${base64({ alg, typ: "JWT" })}.${base64({ iat: now, exp: now + 3600, ...claims })}`;
    return `${body}.${sign(Buffer.from(body)).toString("base64url")}`;
}

export function hs256(secret, claims) {
    return assemble("HS256", claims, (body) => crypto.createHmac("sha256", secret).update(body).digest());
}

export const userToken = (secret, id, extra = {}) => hs256(secret, { sub: id, username: id, ...extra });

/* An unsigned token: must never be let in. */
export const unsigned = (claims) => assemble("none", claims, () => Buffer.alloc(0));

const KINDS = {
    RS256: { make: ["rsa", { modulusLength: 2048 }], hash: "sha256" },
    ES256: { make: ["ec", { namedCurve: "P-256" }], hash: "sha256" },
    EdDSA: { make: ["ed25519", {}], hash: null },
};

/* A key pair; writes the public half as PEM into dir. */
export function keyPair(alg, dir) {
    const { make, hash } = KINDS[alg];
    const { publicKey, privateKey } = crypto.generateKeyPairSync(...make);
    const file = path.join(dir, `${alg}.pem`);
    const pem = publicKey.export({ type: "spki", format: "pem" });
    writeFileSync(file, pem);
    const sign = (claims) => assemble(alg, claims,
        (body) => crypto.sign(hash, body, { key: privateKey, dsaEncoding: "ieee-p1363" }));
    return { file, pem, sign };
}

/* A key of a key set: {jwk, sign(claims, header)}, the header as it should be unless the test wants another. */
export function webKey(alg, kid) {
    const { make, hash } = KINDS[alg];
    const { publicKey, privateKey } = crypto.generateKeyPairSync(...make);
    const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" };
    const sign = (claims, header = {}) => {
        const now = Math.floor(Date.now() / 1000);
        const body = `${base64({ alg, kid, typ: "JWT", ...header })}.${base64({ iat: now, exp: now + 3600, ...claims })}`;
        return `${body}.${crypto.sign(hash, Buffer.from(body), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
    };
    return { jwk, sign };
}
