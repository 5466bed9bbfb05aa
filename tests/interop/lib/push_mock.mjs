/* Web Push, FCM with Google's tokens, APNs and Expo on this machine: they check what they are sent as the services do (signatures,
 * claims, headers, sizes, encryption; all with Node's own crypto), keep what was right, and answer as a test wants. What was wrong
 * is in `faults`, and a test that ends with one has failed. */

import assert from "node:assert/strict";
import crypto from "node:crypto";
import { writeFileSync, readFileSync } from "node:fs";
import http2 from "node:http2";
import { Authority } from "./certs.mjs";
import { once } from "./wait.mjs";

const MAX_BODY = 4096;
const now = () => Math.floor(Date.now() / 1000);
const unbase64 = (text) => Buffer.from(text, "base64url");

/* The claims of a JSON Web Token that `key` signed; throws when anything about it is wrong. */
function readJwt(token, alg, key) {
    assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/, "a JWT of three parts in base64url");
    const [head, body, signature] = token.split(".");
    const header = JSON.parse(unbase64(head));
    assert.equal(header.alg, alg);
    if (alg === "ES256")
        assert.equal(unbase64(signature).length, 64, "r and s side by side");
    assert.ok(crypto.verify("sha256", Buffer.from(`${head}.${body}`), { key, dsaEncoding: "ieee-p1363" }, unbase64(signature)),
        "the signature");
    return { header, claims: JSON.parse(unbase64(body)) };
}

const ecKey = (point) => crypto.createPublicKey({ format: "jwk", key: { kty: "EC", crv: "P-256",
    x: point.subarray(1, 33).toString("base64url"), y: point.subarray(33).toString("base64url") } });

/* RFC 8291 and 8188, the receiver's side. */
export function decrypt(body, ecdh, auth) {
    const [salt, size, idLength] = [body.subarray(0, 16), body.readUInt32BE(16), body[20]];
    assert.equal(idLength, 65);
    const sender = body.subarray(21, 86);
    const record = body.subarray(86);
    assert.ok(record.length <= size, "one record");
    const hkdf = (key, salty, info, n) => Buffer.from(crypto.hkdfSync("sha256", key, salty, info, n));
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), ecdh.getPublicKey(), sender]);
    const input = hkdf(ecdh.computeSecret(sender), auth, info, 32);
    const key = hkdf(input, salt, "Content-Encoding: aes128gcm\0", 16);
    const cipher = crypto.createDecipheriv("aes-128-gcm", key, hkdf(input, salt, "Content-Encoding: nonce\0", 12));
    cipher.setAuthTag(record.subarray(-16));
    const padded = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
    const end = padded.findLastIndex((byte) => byte !== 0);
    assert.equal(padded[end], 2, "the delimiter of the last record");
    return { text: padded.subarray(0, end), salt, sender };
}

/* One HTTPS server, HTTP/2 and 1.1. check(request) throws at what is wrong and returns what is to be kept. */
class Service {
    constructor(tls, allowHTTP1, settings) {
        Object.assign(this, { got: [], faults: [], answers: new Map(), hanging: [], sessions: [], active: 0, most: 0 });
        this.server = http2.createSecureServer({ ...tls, allowHTTP1, settings });
        this.server.on("request", (req, res) => this.take(req, res));
        this.server.on("session", (session) => this.sessions.push(session));
        this.server.on("sessionError", () => {});
    }

    async listen() {
        this.server.listen(0, "127.0.0.1");
        await once(this.server, "listening");
        this.port = this.server.address().port;
        this.url = `https://localhost:${this.port}`;
    }

    /* The answers to the next requests for a token: {status, headers, body}, "drop" (the connection), "hang" (none at all). */
    will(token, ...answers) {
        this.answers.set(token, [...this.answers.get(token) ?? [], ...answers]);
    }

    next(token) {
        return this.answers.get(token)?.shift();
    }

    async take(req, res) {
        const chunks = [];
        this.most = Math.max(this.most, ++this.active);
        res.once("close", () => { this.active--; });
        req.on("error", () => {});
        try {
            for await (const chunk of req)
                chunks.push(chunk);
        } catch {
            return;
        }
        const request = { method: req.method, path: req.url, headers: req.headers, body: Buffer.concat(chunks), version: req.httpVersion, req };
        let answer;
        try {
            answer = this.handle(request);
        } catch (error) {
            this.faults.push(`${req.method} ${req.url}: ${error.message}`);
            answer = { status: 400, body: "{}" };
        }
        this.reply(req, res, answer);
    }

    reply(req, res, answer) {
        if (answer === "hang")
            return void this.hanging.push(res);
        if (answer === "drop")
            return void (req.stream?.session ?? req.socket).destroy();
        const { status = 200, headers = {}, body = "" } = answer;
        res.writeHead(status, headers);
        res.end(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
    }

    stop() {
        for (const session of this.sessions)
            session.destroy();
        this.server.closeAllConnections?.();
        this.server.close();
    }
}

/* ---- Web Push ------------------------------------------------------------------------------------------ */

export class WebPush extends Service {
    constructor(tls) {
        super(tls, true);
        this.devices = new Map();
    }

    /* What a browser would hand out: the token is its JSON. */
    subscribe(id, base = this.url) {
        const ecdh = crypto.createECDH("prime256v1");
        const p256dh = ecdh.generateKeys("base64url");
        const auth = crypto.randomBytes(16);
        this.devices.set(id, { ecdh, auth });
        return JSON.stringify({ endpoint: `${base}/wp/${id}`, expirationTime: null, keys: { p256dh, auth: auth.toString("base64url") } });
    }

    handle({ method, path, headers, body, version }) {
        const id = path.split("/").at(-1);
        const device = this.devices.get(id);
        assert.ok(device, "a subscription of ours");
        assert.equal(method, "POST");
        assert.match(headers.ttl, /^\d+$/);
        assert.equal(headers["content-encoding"], "aes128gcm");
        assert.equal(headers["content-type"], "application/octet-stream");
        assert.equal(Number(headers["content-length"]), body.length);
        assert.ok(body.length <= MAX_BODY, `${body.length} bytes`);
        assert.match(headers.urgency, /^(very-low|low|normal|high)$/);
        if (headers.topic !== undefined)
            assert.match(headers.topic, /^[\w-]{1,32}$/);
        const [, jwt, key] = headers.authorization.match(/^vapid t=([^,]+), k=([\w-]+)$/);
        assert.equal(key, this.key, "the server's key");
        const { header, claims } = readJwt(jwt, "ES256", ecKey(unbase64(key)));
        assert.equal(header.typ, "JWT");
        assert.equal(claims.aud, this.url);
        assert.ok(claims.exp > now() && claims.exp <= now() + 86400, "exp within a day");
        assert.match(claims.sub, /^(mailto:|https:)/);
        const { text, salt, sender } = decrypt(body, device.ecdh, device.auth);
        this.got.push({ id, headers, jwt, version, salt: salt.toString("hex"), sender: sender.toString("hex"), size: body.length,
            message: JSON.parse(text) });
        return this.next(id) ?? { status: 201, headers: { location: "/m/1" } };
    }
}

/* ---- FCM ----------------------------------------------------------------------------------------------- */

export class Fcm extends Service {
    constructor(tls) {
        super(tls, true);
        const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
        Object.assign(this, { publicKey, privateKey, tokens: new Set(), fetches: 0, life: 3599 });
    }

    account() {
        return { type: "service_account", project_id: "party-1", private_key_id: "kid-1", client_email: "push@party-1.example",
            private_key: this.privateKey.export({ type: "pkcs8", format: "pem" }), token_uri: `${this.url}/token` };
    }

    handle(request) {
        assert.equal(request.method, "POST");
        return request.path === "/token" ? this.token(request) : this.message(request);
    }

    token({ headers, body }) {
        this.fetches++;
        assert.equal(headers["content-type"], "application/x-www-form-urlencoded");
        const form = new URLSearchParams(body.toString());
        assert.equal(form.get("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
        const { header, claims } = readJwt(form.get("assertion"), "RS256", this.publicKey);
        assert.equal(header.kid, "kid-1");
        assert.equal(claims.iss, "push@party-1.example");
        assert.equal(claims.scope, "https://www.googleapis.com/auth/firebase.messaging");
        assert.equal(claims.aud, `${this.url}/token`);
        assert.ok(Math.abs(claims.iat - now()) < 60);
        assert.equal(claims.exp, claims.iat + 3600);
        const access_token = `ya29.${crypto.randomBytes(20).toString("base64url")}`;
        this.tokens.add(access_token);
        return this.next("oauth") ?? { headers: { "content-type": "application/json" }, body: { access_token, expires_in: this.life, token_type: "Bearer" } };
    }

    message({ path, headers, body, version }) {
        assert.equal(path, "/v1/projects/party-1/messages:send");
        assert.equal(headers["content-type"], "application/json");
        assert.ok(body.length <= MAX_BODY, `${body.length} bytes`);
        const { message } = JSON.parse(body);
        assert.match(message.token, /^[\w:.-]+$/);
        for (const value of Object.values(message.data ?? {}))
            assert.equal(typeof value, "string", "values of data are texts");
        assert.match(message.android.ttl, /^\d+s$/);
        assert.match(message.android.priority, /^(NORMAL|HIGH)$/);
        const bearer = headers.authorization.match(/^Bearer (\S+)$/)[1];
        this.got.push({ token: message.token, message, bearer, version, size: body.length });
        if (!this.tokens.has(bearer))
            return fcmError(401, "UNAUTHENTICATED");
        return this.next(message.token) ?? this.always ?? { body: { name: `projects/party-1/messages/${this.got.length}` } };
    }
}

export const fcmError = (status, word, { code, message = "", details = [], headers } = {}) => ({ status, headers, body: { error: {
    code: status, message, status: word,
    details: [...details, ...(code ? [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode: code }] : [])] } } });

/* ---- APNs ---------------------------------------------------------------------------------------------- */

export class Apns extends Service {
    constructor(tls) {
        super(tls, false, { maxConcurrentStreams: 1 });
        const { publicKey, privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
        Object.assign(this, { publicKey, privateKey, jwts: new Set(), early: 0, warm: new WeakSet() });
    }

    key() {
        return this.privateKey.export({ type: "pkcs8", format: "pem" });
    }

    handle({ method, path, headers, body, version, req }) {
        const { session } = req.stream;
        const token = path.match(/^\/3\/device\/([0-9a-fA-F]{64,200})$/)[1];
        assert.equal(method, "POST");
        assert.equal(version, "2.0");
        assert.equal(headers["apns-topic"], "app.party");
        assert.equal(headers["apns-push-type"], "alert");
        assert.match(headers["apns-priority"], /^(10|5|1)$/);
        assert.match(headers["apns-expiration"], /^\d+$/);
        assert.match(headers["apns-id"], /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i);
        assert.ok((headers["apns-collapse-id"] ?? "").length <= 64);
        assert.ok(body.length <= MAX_BODY, `${body.length} bytes`);
        const message = JSON.parse(body);
        assert.equal(typeof message.aps, "object");
        const jwt = headers.authorization.match(/^bearer (\S+)$/)[1];
        const { header, claims } = readJwt(jwt, "ES256", this.publicKey);
        assert.equal(header.kid, "KEY1234567");
        assert.equal(claims.iss, "TEAM123456");
        assert.ok(claims.iat <= now() + 60 && claims.iat > now() - 3600);
        this.jwts.add(jwt);
        this.got.push({ token, headers, message, jwt, size: body.length, session });
        const answer = this.next(token) ?? { status: 200 };
        if (answer.status === 200 && !this.warm.has(session)) {
            this.warm.add(session);
            session.settings({ maxConcurrentStreams: 1000 });
        }
        return answer;
    }
}

export const apnsError = (status, reason, more = {}) => ({ status, body: { reason, ...more } });

/* ---- Expo ---------------------------------------------------------------------------------------------- */

export class Expo extends Service {
    constructor(tls) {
        super(tls, true);
        Object.assign(this, { batches: [], asked: [], receipts: new Map(), tickets: 0 });
    }

    handle({ method, path, headers, body }) {
        assert.equal(method, "POST");
        assert.equal(headers["content-type"], "application/json");
        assert.equal(headers.accept, "application/json");
        assert.equal(headers.authorization, "Bearer expo-secret");
        if (path === "/--/api/v2/push/getReceipts")
            return this.getReceipts(JSON.parse(body));
        assert.equal(path, "/--/api/v2/push/send");
        const list = JSON.parse(body);
        assert.ok(Array.isArray(list) && list.length >= 1 && list.length <= 100, `${list.length} messages`);
        this.batches.push(list.length);
        const whole = this.next("request");
        if (whole)
            return whole;
        return this.bad && list.length > 1 && list.some((m) => m.to === this.bad)
            ? { status: 400, body: { errors: [{ code: "PUSH_TOO_MANY_EXPERIENCE_IDS", message: "x" }] } }
            : { body: { data: list.map((m) => this.ticket(m)) } };
    }

    ticket(m) {
        assert.match(m.to, /^Expo(nent)?PushToken\[[\w-]+\]$/);
        assert.match(m.priority, /^(default|normal|high)$/);
        assert.ok(Buffer.byteLength(JSON.stringify(m)) <= MAX_BODY);
        this.got.push(m);
        const id = `ticket-${++this.tickets}`;
        const error = this.next(m.to);
        return error ? { status: "error", message: `"${m.to}" is bad`, details: { error, expoPushToken: m.to } } : { status: "ok", id };
    }

    getReceipts({ ids }) {
        assert.ok(ids.length >= 1 && ids.length <= 300);
        this.asked.push(...ids);
        return { body: { data: Object.fromEntries(ids.filter((id) => this.receipts.has(id)).map((id) => [id, this.receipts.get(id)])) } };
    }
}

/* ---- all of them --------------------------------------------------------------------------------------- */

/* {web, fcm, apns, expo, env, faults(), stop()}: env is what a program needs to send to them. */
export async function pushServices() {
    const authority = new Authority();
    const files = authority.issue("services", "DNS:localhost,DNS:push.localhost,IP:127.0.0.1");
    const tls = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
    const services = { web: new WebPush(tls), fcm: new Fcm(tls), apns: new Apns(tls), expo: new Expo(tls) };
    const all = Object.values(services);
    await Promise.all(all.map((s) => s.listen()));
    const vapid = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { x, y } = vapid.publicKey.export({ format: "jwk" });
    services.web.key = Buffer.concat([Buffer.from([4]), unbase64(x), unbase64(y)]).toString("base64url");
    const write = (name, text) => {
        writeFileSync(authority.path(name), text);
        return authority.path(name);
    };
    const env = {
        PUSH_VAPID_KEY_FILE: write("vapid.pem", vapid.privateKey.export({ type: "pkcs8", format: "pem" })),
        PUSH_VAPID_SUBJECT: "mailto:ops@party.example", PUSH_ALLOW_PRIVATE: "true", PUSH_CA_FILE: authority.file,
        PUSH_FCM_ACCOUNT_FILE: write("account.json", JSON.stringify(services.fcm.account())), PUSH_FCM_URL: services.fcm.url,
        PUSH_APNS_KEY_FILE: write("apns.p8", services.apns.key()), PUSH_APNS_KEY_ID: "KEY1234567", PUSH_APNS_TEAM_ID: "TEAM123456",
        PUSH_APNS_TOPIC: "app.party", PUSH_APNS_URL: services.apns.url,
        PUSH_EXPO_TOKEN: "expo-secret", PUSH_EXPO_URL: services.expo.url,
    };
    return { ...services, env, tls, authority, faults: () => all.flatMap((s) => s.faults), stop: () => all.forEach((s) => s.stop()) };
}
