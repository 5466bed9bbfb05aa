/* A certificate authority for one test process, and certificates of it, made by the openssl program. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { tempDir } from "./server.mjs";

const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

export class Authority {
    constructor(name = "tests") {
        this.dir = tempDir();
        this.file = this.path("ca.pem");
        this.openssl("req", "-x509", ...CURVE, "-keyout", this.path("ca.key"), "-out", this.file, "-subj", `/CN=${name}`, "-days", "2");
        this.ca = readFileSync(this.file);
    }

    path(file) {
        return path.join(this.dir, file);
    }

    openssl(...args) {
        execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
    }

    /* Files {cert, key} of a certificate; names as in "DNS:localhost,IP:127.0.0.1". days < 0: it has expired. */
    issue(file, names = "DNS:localhost,IP:127.0.0.1", days = 2) {
        const [cert, key, request] = ["pem", "key", "csr"].map((end) => this.path(`${file}.${end}`));
        this.openssl("req", ...CURVE, "-keyout", key, "-out", request, "-subj", `/CN=${file}`, "-addext", `subjectAltName=${names}`);
        this.openssl("x509", "-req", "-in", request, "-CA", this.file, "-CAkey", this.path("ca.key"), "-copy_extensions", "copy",
            "-days", String(days), "-out", cert);
        return { cert, key };
    }
}
