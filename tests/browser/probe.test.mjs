// Homes that do not answer the common way: each is looked at all the same, by a look that carries nothing of the user's.
import { describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { assertNothingOfTheUsers } from "./asserts.mjs";
import { attacker } from "./attacker.mjs";
import { KINDS, go, isAtGate, launch, until, where } from "./browser.mjs";

/** What a home does with a request for its headers alone. */
const ODD = {
    "never answers HEAD": { head: () => {} },
    "hangs up on HEAD": { head: (request) => request.socket.destroy() },
    "refuses HEAD": { head: (_, response) => response.writeHead(405).end() },
    "answers HEAD with 500, again and again": { head: (_, response) => response.writeHead(500).end(), visits: 6 },
    "is starting and answers everything with 503": { head: (_, response) => response.writeHead(503).end(), visits: 6 },
};

for (const kind of KINDS) {
    describe(`odd homes in ${kind}`, () => {
        for (const [what, { head, visits = 2 }] of Object.entries(ODD)) {
            test(`one that ${what} gets in`, async () => {
                const lab = await startLab();
                const host = `odd.${lab.host}`;
                const site = await attacker(lab, { hosts: [host] });
                const own = await launch(kind, lab, site.launchOptions(kind, { hosts: [host] }));
                try {
                    site.head = head;
                    site.on("/", () => `<!doctype html><title>Home</title><link rel=icon href="data:,"><h1>My home</h1>`);
                    const address = `${host}:${site.https.port}`;
                    await own.guard({ roots: site.authority, pins: undefined, address });
                    const accepted = await own.ask({ ask: "check-again", address });
                    const { sha256 } = accepted.report.certificate ?? {};
                    assert.ok(sha256, `${accepted.report.decided_by} ${JSON.stringify(accepted.report.evidence[0].detail)}`);
                    if (accepted.light !== "trusted") await own.ask({ ask: "accept", address, sha256 });
                    const page = await own.browser.newPage();
                    const url = site.https.url(host);
                    for (let n = 0; n < visits; n++) {
                        await own.expire();
                        await go(page, "about:blank");
                        await go(page, `${url}?visit=${n}`);
                        await until(async () => (await where(page)) === `${url}?visit=${n}`, { why: `visit ${n}` });
                    }
                    assert.ok(!(await isAtGate(page)));
                    // Our own looks are those with a number behind the path.
                    const looks = site.log.filter(({ url }) => /\?[0-9a-f]{32}$/.test(url));
                    assert.ok(looks.length >= visits);
                    assertNothingOfTheUsers(looks.map((look) => ({ ...look, server: "home", target: look.url, messages: [] })));
                    const others = site.log.filter((one) => !looks.includes(one) && !one.url.startsWith("/?visit="));
                    assert.deepEqual(others.map(({ method, url }) => `${method} ${url}`), []);
                } finally {
                    await own.close();
                    lab.stop();
                    site.stop();
                }
            });
        }
    });
}
