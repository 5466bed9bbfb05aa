/* The catalogue of events says what really goes between clients and server: every event in it has been seen in the runs of
 * the other tests, acknowledged and refused with every code it names, and nothing was seen that it does not have.
 *
 * Not found by `node --test` alone, since it comes behind all others:
 *     rm -rf SEEN; PARTYLINE_SEEN=SEEN node --test; PARTYLINE_SEEN=SEEN node --test catalogue.check.mjs */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { run } from "./lib/server.mjs";

const dir = process.env.PARTYLINE_SEEN;
if (!dir)
    throw new Error("PARTYLINE_SEEN must name the directory in which the other tests left what they saw");

/* The files of all test processes as one: {accepted, got: event -> samples; acked: event -> code -> samples}. */
function merged() {
    const all = { accepted: {}, got: {}, acked: {} };
    const add = (table, key, samples) => (table[key] ??= []).push(...samples);
    for (const name of readdirSync(dir)) {
        const one = JSON.parse(readFileSync(path.join(dir, name)));
        for (const way of ["accepted", "got"])
            Object.entries(one[way]).forEach(([event, samples]) => add(all[way], event, samples));
        for (const [event, codes] of Object.entries(one.acked))
            Object.entries(codes).forEach(([code, samples]) => add(all.acked[event] ??= {}, code, samples));
    }
    return all;
}

/* Forbids members that a schema does not name. */
function close(schema) {
    if (Array.isArray(schema))
        return schema.map(close);
    if (schema === null || typeof schema !== "object")
        return schema;
    const closed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value)]));
    return schema.type === "object" && schema.properties ? { ...closed, additionalProperties: false } : closed;
}

describe("the catalogue of events", () => {
    let document, messages, seen, ajv;
    const operations = (action) => Object.values(document.operations).filter((o) => o.action === action);
    const key = (reference) => reference.$ref.split("/").at(-1);
    const name = (operation) => messages[key(operation.messages[0])].name;
    const everyCode = () => document["x-refusals"].filter((r) => r.every).map((r) => r.code);

    before(async () => {
        const printed = await run(["events", "--asyncapi"]);
        assert.equal(printed.code, 0, printed.err);
        document = JSON.parse(printed.out);
        messages = document.components.messages;
        seen = merged();
        ajv = new Ajv({ strict: false });
        addFormats(ajv);
        ajv.addSchema({ $id: "open", ...document });
        ajv.addSchema({ $id: "closed", ...close(document) });
    });

    /* Asserts that all samples are what the message says: closed, and nothing else. */
    function fits(message, samples, how = "closed") {
        const valid = ajv.compile({ $ref: `${how}#/components/messages/${message}/payload` });
        for (const sample of samples)
            assert.ok(valid(sample), `${message}: ${JSON.stringify(sample)}\n${ajv.errorsText(valid.errors)}`);
    }

    test("every event of clients was sent and acknowledged", () => {
        const missing = operations("receive").map(name).filter((event) => !seen.acked[event]?.ok);
        assert.deepEqual(missing, []);
    });

    test("every event of the server was received", () => {
        const missing = operations("send").map(name).filter((event) => !seen.got[event]);
        assert.deepEqual(missing, []);
    });

    test("every event was refused with every code it names, and as malformed when it can be", () => {
        const missing = operations("receive").flatMap((operation) => {
            const { payload } = messages[key(operation.messages[0])];
            const codes = [...operation["x-refusals"], ...(payload.type !== "object" || payload.required.length ? ["bad_request"] : [])];
            return codes.filter((code) => !seen.acked[name(operation)]?.[code]).map((code) => `${name(operation)}: ${code}`);
        });
        assert.deepEqual(missing, []);
    });

    test("no event was refused with a code it does not name", () => {
        const named = new Map(operations("receive").map((o) => [name(o), ["ok", ...o["x-refusals"], ...everyCode()]]));
        const strange = Object.entries(seen.acked).flatMap(([event, codes]) =>
            Object.keys(codes).filter((code) => !named.get(event)?.includes(code)).map((code) => `${event}: ${code}`));
        assert.deepEqual(strange, []);
    });

    /* service:* are those that tests emit in the place of other services. */
    test("the server sent nothing that is not in it", () => {
        const names = operations("send").map(name);
        assert.deepEqual(Object.keys(seen.got).filter((event) => !names.includes(event) && !event.startsWith("service:")), []);
    });

    test("acknowledgements and what the server sends are as described", () => {
        for (const operation of operations("receive"))
            fits(key(operation.reply.messages[0]), Object.values(seen.acked[name(operation)] ?? {}).flat());
        for (const operation of operations("send"))
            fits(key(operation.messages[0]), seen.got[name(operation)] ?? []);
    });

    test("what was acknowledged as good is as described", () => {
        for (const operation of operations("receive")) {
            const message = key(operation.messages[0]);
            const mayBeAbsent = messages[message].payload.required?.length === 0;
            fits(message, (seen.accepted[name(operation)] ?? []).map((sample) => sample ?? (mayBeAbsent ? {} : null)), "open");
        }
    });
});
