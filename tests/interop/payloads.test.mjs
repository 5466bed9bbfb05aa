/* Every event of the catalogue says no to payloads that are not what the catalogue says, and names the field. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { unique, user } from "./lib/chat.mjs";
import { ask, closeAll } from "./lib/client.mjs";
import { partyline, run } from "./lib/server.mjs";

describe("payloads that are not what the catalogue says", () => {
    let server, document, events;
    before(async () => {
        server = await partyline();
        document = JSON.parse((await run(["events", "--asyncapi"])).out);
        events = Object.entries(document.components.messages)
            .filter(([key]) => key.startsWith("in_") && !key.endsWith("_ack"))
            .map(([, { name, payload }]) => ({ name, payload }));
    });
    after(() => server?.stop());
    afterEach(closeAll);

    const resolve = (schema) => schema.$ref ? document.components.schemas[schema.$ref.split("/").at(-1)] : schema;
    const typesOf = (schema) => [schema.type ?? []].flat();

    /* The least that fits a schema. */
    function least(reference) {
        const schema = resolve(reference);
        if (schema.oneOf)
            return least(schema.oneOf[0]);
        if (schema.enum)
            return schema.enum[0];
        switch (typesOf(schema)[0]) {
        case "string": return "x".repeat(schema.minLength || 1);
        case "integer": return schema.minimum;
        case "boolean": return true;
        case "array": return Array.from({ length: schema.minItems ?? 0 }, () => least(schema.items));
        case "object": return Object.fromEntries(schema.required.map((key) => [key, least(schema.properties[key])]));
        default: return 0;
        }
    }

    /* Values that do not fit, whatever else is right. */
    function wrong(reference) {
        const schema = resolve(reference);
        if (schema.oneOf)
            return wrong(schema.oneOf[0]);
        const values = [];
        switch (typesOf(schema)[0]) {
        case "string": values.push(17, { text: "x" }, ["x"]); break;
        case "integer": values.push("17", 1.5, schema.minimum - 1); break;
        case "boolean": values.push("true", 1); break;
        case "array": values.push("x", { 0: "x" }, Array(schema.maxItems + 1).fill(least(schema.items))); break;
        case "object": values.push("x", [], 17); break;
        }
        if (schema.enum)
            values.push(`${schema.enum[0]}?`, "");
        if (schema.pattern)
            values.push("a\u0000b", "");
        if (schema.maxLength && !schema.enum && schema.maxLength <= 2048)
            values.push("x".repeat(schema.maxLength + 1));
        return values;
    }

    /* [what is wrong, payload, field named in the message] */
    function* faults({ payload }) {
        const schema = resolve(payload);
        if (schema.type !== "object") {
            for (const value of wrong(schema))
                yield [`payload ${JSON.stringify(value).slice(0, 40)}`, value, ""];
            return;
        }
        for (const key of schema.required) {
            const rest = least(schema);
            delete rest[key];
            yield [`no ${key}`, rest, key];
            yield [`${key} null`, { ...rest, [key]: null }, key];
        }
        for (const [key, field] of Object.entries(schema.properties)) {
            for (const value of wrong(field))
                yield [`${key} ${JSON.stringify(value).slice(0, 40)}`, { ...least(schema), [key]: value }, key];
        }
        for (const value of wrong(schema))
            yield [`payload ${JSON.stringify(value)}`, value, "payload"];
    }

    test("are refused as bad_request", async () => {
        const alice = await user(server, unique("alice"));
        assert.ok(events.length > 0);
        for (const event of events) {
            for (const [what, payload, field] of faults(event)) {
                const answer = await ask(alice, event.name, payload);
                const label = `${event.name} with ${what}: ${JSON.stringify(answer)}`;
                assert.deepEqual([answer.ok, answer.error?.code], [false, "bad_request"], label);
                assert.ok(answer.error.message.includes(field), label);
                const { code, message } = await alice.inbox.next("error", (error) => error.event === event.name);
                assert.deepEqual({ code, message }, answer.error, label);
            }
        }
    });
});
