/* The documents made from the table of events are good: TypeScript believes the one, AsyncAPI's own schema the other. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import specs from "@asyncapi/specs";

const here = fileURLToPath(new URL(".", import.meta.url));
const top = fileURLToPath(new URL("../../", import.meta.url));

/* The errors of the compiler, one a line. */
async function tsc(...args) {
    try {
        await promisify(execFile)(process.execPath, [`${here}node_modules/typescript/bin/tsc`, ...args], { cwd: here });
        return "";
    } catch (error) {
        return error.stdout || String(error);
    }
}

describe("documents of the events", () => {
    test("a typed client compiles, and wrong payloads do not", async () => {
        assert.equal(await tsc("--project", "typed"), "");
    });

    test("the declarations stand by themselves", async () => {
        assert.equal(await tsc("--strict", "--noEmit", "--lib", "ES2022", `${top}packages/partyline-types/index.d.ts`), "");
    });

    test("the package has the program's version", async () => {
        const meson = await readFile(`${top}meson.build`, "utf8");
        const { version } = JSON.parse(await readFile(`${top}packages/partyline-types/package.json`));
        assert.equal(version, /^  version: '(.*)',$/m.exec(meson)[1]);
    });

    test("docs/asyncapi.json is AsyncAPI 3.0, and all its references lead somewhere", async () => {
        const document = JSON.parse(await readFile(`${top}docs/asyncapi.json`));
        const ajv = new Ajv({ strict: false, allErrors: true });
        addFormats(ajv);
        ajv.validate(specs.schemasWithoutId["3.0.0"], document);
        assert.deepEqual(ajv.errors ?? [], []);
        const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]*)"/g)].map(([, path]) => path);
        assert.ok(references.length > 0);
        for (const path of references)
            assert.ok(path.split("/").reduce((at, key) => at?.[key], document), path);
    });
});
