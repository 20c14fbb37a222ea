// What happens in the life of a guarded address: first sight, renewals, the way past the gate, a worker that is killed, a storage that fails.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { startLab } from "./lab.mjs";
import { assertOnlyProbes } from "./asserts.mjs";
import { KINDS, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";

for (const kind of KINDS) {
    describe(`the life of an address in ${kind}`, () => {
        let lab, own;
        before(async () => {
            lab = await startLab();
            own = await launch(kind, lab);
        });
        after(async () => {
            await own?.close();
            lab?.stop();
        });
        const again = () => own.ask({ ask: "check-again", address: lab.address });

        test("first sight asks, a wrong fingerprint is Danger, the right one confirms", async () => {
            const first = await own.guard({ pins: null });
            assert.equal(first.light, "attention");
            assert.deepEqual(first.report.decided_by, ["pin-first-sight"]);
            const page = await own.browser.newPage();
            await lab.clear();
            await go(page, `${lab.home}/echo?secret`);
            await until(() => isAtGate(page));
            assertOnlyProbes(await lab.requests());
            const wrong = await own.ask({ ask: "enter-fingerprint", address: lab.address, text: "00".repeat(20) });
            assert.equal(wrong.light, "danger");
            const right = await own.ask({ ask: "enter-fingerprint", address: lab.address, text: lab.sha1("good") });
            assert.equal(right.light, "trusted");
            assert.equal(right.record.pins[0].origin, "entered");
            await page.close();
        });

        test("what is no fingerprint is refused with a code and changes nothing", async () => {
            const before = await own.ask({ ask: "export-pins" });
            const answer = await own.ask({ ask: "enter-fingerprint", address: lab.address, text: "hello" });
            assert.equal(answer.trouble.code, "fingerprint");
            assert.deepEqual(await own.ask({ ask: "export-pins" }), before);
        });

        test("renewals with the same key are silent, by whatever authority", async () => {
            for (const name of ["renewed", "renewed-other-ca", "good-second"]) {
                await lab.present(name);
                assert.equal((await again()).light, "trusted", name);
            }
            const { record } = await again();
            assert.ok(record.history.some(({ what }) => what === "renewed"));
        });

        test("a new key on a home that keeps its own is Danger", async () => {
            // The habit of Home Assistant Cloud comes with the pins.
            await own.ask({ ask: "import-pins", json: lab.pins });
            await lab.present("A5");
            assert.deepEqual((await again()).report.decided_by, ["pin-new-key"]);
        });

        test("the way past the gate: typed, of its own colour, for one certificate, in the journal", async () => {
            await lab.present("A5");
            await again();
            const sha256 = lab.sha256("A5");
            const refused = await own.ask({ ask: "except", address: lab.address, typed: "yes", sha256 });
            assert.equal(refused.trouble.code, "not-typed");
            assert.equal(refused.light, "danger");
            const other = await own.ask({ ask: "except", address: lab.address, typed: lab.host, sha256: lab.sha256("A4") });
            assert.equal(other.trouble.code, "other-certificate", "not the one that was looked at");
            const past = await own.ask({ ask: "except", address: lab.address, typed: ` ${lab.host.toUpperCase()} `, sha256 });
            assert.equal(past.light, "exception");
            const page = await own.browser.newPage();
            await go(page, `${lab.home}/frame`);
            await until(async () => (await where(page)) === `${lab.home}/frame`);
            await until(async () => (await own.action(lab.home))[0]?.badge === "↷");
            assert.equal((await again()).light, "exception", "the same certificate");
            await lab.present("A4");
            assert.equal((await again()).light, "danger", "another one");
            await until(() => isAtGate(page));
            const { journal } = await own.ask({ ask: "overview" });
            assert.ok(journal.some(({ what, detail }) => what === "exception" && detail === "pin-new-key"));
            await lab.present("good");
            assert.equal((await again()).light, "trusted");
            const green = await own.ask({ ask: "except", address: lab.address, typed: lab.host, sha256: lab.sha256("good") });
            assert.equal(green.trouble.code, "not-checked-yet", "nothing to go past");
            await page.close();
        });

        test("evidence is exported with the certificates and holds no address of the user's pages", async () => {
            await lab.present("A5");
            await again();
            const { content, name } = await own.ask({ ask: "export-evidence", address: lab.address });
            const file = JSON.parse(content);
            assert.match(name, /^doorlight-.*\.json$/);
            assert.equal(file.verdict, "danger");
            assert.match(file.pem, /BEGIN CERTIFICATE/);
            assert.ok(!content.includes("secret"));
        });

        test("only the extension's own pages may ask for more than passage", async () => {
            const answers = await own.asker.evaluate(() =>
                Promise.all(["", "nonsense", { ask: "nothing" }, { ask: "guard" }, null].map((m) => chrome.runtime.sendMessage(m))),
            );
            assert.ok(answers.every((answer) => answer === null));
        });

        test("taking an address away takes everything back", async () => {
            await lab.present("good");
            const { sites } = await own.ask({ ask: "unguard", address: lab.address });
            assert.deepEqual(sites, []);
            if (kind === "chromium") {
                assert.deepEqual(await own.asker.evaluate(() => chrome.declarativeNetRequest.getDynamicRules()), []);
                assert.deepEqual(await own.asker.evaluate(() => chrome.declarativeNetRequest.getSessionRules()), []);
            }
            assert.deepEqual(await own.asker.evaluate(() => chrome.scripting.getRegisteredContentScripts()), []);
        });
    });

    test(`a home that rotates its keys, in ${kind}`, async () => {
        const lab = await startLab();
        await lab.present("rotating-old");
        const own = await launch(kind, lab);
        try {
            const again = () => own.ask({ ask: "check-again", address: lab.address });
            const record = { address: lab.address, key_habit: "rotates", pins: [] };
            const pins = JSON.stringify({ schema: 1, kind: "doorlight-pins", sites: [record] });
            const first = await own.guard({ pins });
            assert.equal(first.light, "attention");
            const accept = (status) =>
                own.ask({ ask: "accept", address: lab.address, sha256: status.report.certificate.sha256 });
            assert.equal((await accept(await again())).light, "trusted");
            await lab.present("rotating-new-other-ca");
            assert.deepEqual((await again()).report.decided_by, ["pin-new-key-unexplained"]);
            const refused = await accept(await again());
            assert.equal(refused.trouble.code, "not-acceptable", "Danger is not accepted by a click");
            await lab.present("rotating-new");
            const due = await again();
            assert.equal(due.light, "attention");
            assert.deepEqual(due.report.decided_by, ["pin-renewal-due"]);
            const slipped = await own.ask({ ask: "accept", address: lab.address, sha256: "00".repeat(32) });
            assert.equal(slipped.trouble.code, "not-acceptable", "not the certificate that was looked at");
            assert.equal((await accept(due)).light, "trusted");
            await lab.present("rotating-early");
            assert.equal((await again()).light, "danger", "nothing is due any more");
        } finally {
            await own.close();
            lab.stop();
        }
    });

    // The background reads its storage when it starts, and Firefox's driver cannot end it. The reader is the same in both (extension/src/store.rs).
    const skip = kind === "firefox" && "the driver cannot restart Firefox's background";
    test(`what cannot be read is never taken for nothing, in ${kind}`, { skip }, async () => {
        const lab = await startLab();
        const own = await launch(kind, lab);
        try {
            await own.guard();
            await own.asker.evaluate(() => chrome.storage.local.set({ pins: "{\"schema\":1,\"sites\":[{" }));
            await own.killWorker();
            const damaged = await own.status();
            assert.equal(damaged.trouble.code, "pins-unreadable");
            assert.equal(damaged.is_guarded, true);
            await own.expire();
            const page = await own.browser.newPage();
            await lab.clear();
            await go(page, `${lab.home}/echo?secret`);
            await until(() => isAtGate(page));
            assertOnlyProbes(await lab.requests());
            await until(async () => (await own.status()).report?.decided_by.includes("pin-record-unreadable"));
            assert.equal((await own.status()).light, "unchecked");
            const overview = await own.ask({ ask: "start-afresh" });
            assert.equal(overview.kept_aside, 1);
            const { kept_aside } = await own.asker.evaluate(() => chrome.storage.local.get("kept_aside"));
            assert.match(kept_aside[0].value, /schema/);
            await own.guard();
            assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "trusted");
        } finally {
            await own.close();
            lab.stop();
        }
    });

    if (kind !== "chromium") continue;

    test("the worker killed at ten points of a visit: good pages arrive, bad ones get nothing", async () => {
        const lab = await startLab();
        const own = await launch(kind, lab);
        try {
            await own.guard();
            for (const delay of [0, 5, 10, 20, 35, 50, 75, 110, 160, 250]) {
                for (const name of ["good", "A5"]) {
                    await lab.present("good");
                    for (const page of await own.browser.pages()) if ((await where(page)).startsWith(lab.home)) await page.close();
                    await own.expire();
                    await lab.present(name);
                    await lab.clear();
                    const page = await own.browser.newPage();
                    const url = `${lab.home}/echo?secret=${delay}`;
                    const visit = go(page, url);
                    await sleep(delay);
                    await own.killWorker();
                    await visit;
                    if (name === "good") {
                        await until(async () => (await where(page)) === url, { why: `arriving, killed after ${delay} ms` }).catch(async (error) => {
                            const shown = await page.evaluate(() => document.body.innerText.slice(0, 500) + document.body.dataset.answer);
                            throw new Error(`${error.message}: ${await where(page)}: ${shown}`);
                        });
                        // Killed after the page arrived and before its light, it is woken by the alarm of the minute.
                        const isGreen = async () => (await own.action(lab.home)).some(({ badge }) => badge === "✓");
                        await until(isGreen, { within: 90_000, why: `green, ${delay} ms` });
                    } else {
                        await until(() => isAtGate(page), { why: `the gate, killed after ${delay} ms` });
                        await sleep(400);
                        assertOnlyProbes(await lab.requests());
                        assert.ok((await own.action(own.base)).every(({ badge }) => badge !== "✓"));
                    }
                    await page.close();
                }
            }
        } finally {
            await own.close();
            lab.stop();
        }
    });

    test("the check is forgotten by no sleep: a killed worker knows that the gate is open, and until when", async () => {
        const lab = await startLab();
        const own = await launch(kind, lab);
        try {
            await own.guard();
            await own.ask({ ask: "check-again", address: lab.address });
            const before = await own.status();
            await own.killWorker();
            await lab.clear();
            const page = await own.browser.newPage();
            await go(page, `${lab.home}/frame`);
            await until(async () => (await where(page)) === `${lab.home}/frame`);
            await until(async () => (await own.action(lab.home)).some(({ badge }) => badge === "✓"));
            assert.deepEqual((await lab.requests()).filter(({ method }) => method === "HEAD"), [], "no new probe");
            assert.equal((await own.status()).open_until, before.open_until);
            // The rules that open it are gone, as after an alarm that nobody answered: the gate page sets them again before it goes on.
            await own.asker.evaluate(async () => {
                const rules = await chrome.declarativeNetRequest.getSessionRules();
                await chrome.declarativeNetRequest.updateSessionRules({ removeRuleIds: rules.map(({ id }) => id) });
            });
            await go(page, `${lab.home}/frame?again`);
            await until(async () => (await where(page)) === `${lab.home}/frame?again`, { why: "passing a gate that was shut by the way" });
            assert.equal((await own.status()).open_until, before.open_until, "without another check");
        } finally {
            await own.close();
            lab.stop();
        }
    });

    test("a small module wakes for a page, and the whole one takes over for good, losing no answer", async () => {
        const lab = await startLab();
        const own = await launch(kind, lab);
        /** A background that has just begun, and cannot have one of its modules. */
        const without = async (name, then) => {
            const module = join(own.folder, `extension/doorlight_${name}_bg.wasm`);
            renameSync(module, `${module}.away`);
            await own.killWorker();
            await then();
            renameSync(`${module}.away`, module);
        };
        try {
            await own.guard();
            await own.ask({ ask: "check-again", address: lab.address });
            const page = await own.browser.newPage();
            const visit = async (what) => {
                const url = `${lab.home}/auth/plain?${what}`;
                await go(page, url);
                await until(async () => (await where(page)) === url, { why: what });
                await until(() => page.evaluate(() => !document.querySelector("doorlight-veil")), { why: `${what} takes keys` });
            };
            await without("background", () => visit("fresh"));
            // It judges by itself, too: a check that counts no longer is made again at the gate (a page that is open would have it made at once).
            await go(page, "about:blank");
            await own.expire();
            await lab.clear();
            await without("background", async () => {
                await visit("checked");
                await until(async () => (await own.action(lab.home)).some(({ badge }) => badge === "✓"), { why: "green" });
            });
            assert.ok((await lab.requests()).some(({ method }) => method === "HEAD"), "a look");
            // Pages that ask while it ends get their answers, of the one or of the other.
            await go(page, "about:blank");
            await own.expire();
            await own.killWorker();
            const pages = await Promise.all([1, 2, 3].map(() => own.browser.newPage()));
            const arrived = pages.map((page, number) => go(page, `${lab.home}/frame?${number}`));
            await sleep(100);
            const asked = own.status();
            await Promise.all(arrived);
            for (const [number, page] of pages.entries()) await until(async () => (await where(page)) === `${lab.home}/frame?${number}`, { why: `page ${number}` });
            await asked;
            assert.equal((await own.status()).light, "trusted");
            await visit("after");
            // A page of ours asks the whole one at once.
            await without("waking", async () => assert.equal((await own.status()).light, "trusted"));
        } finally {
            await own.close();
            lab.stop();
        }
    });

    test("while the core does not answer, a page whose check counts is seen and takes no key; every other is covered", async () => {
        const lab = await startLab();
        const own = await launch("chromium", lab);
        const modules = ["waking", "background"].map((name) => join(own.folder, `extension/doorlight_${name}_bg.wasm`));
        try {
            await own.guard();
            const page = await own.browser.newPage();
            const cover = () => page.evaluate(() => document.querySelector("doorlight-veil") && getComputedStyle(document.querySelector("doorlight-veil")).display);
            const value = () => page.evaluate(() => document.querySelector("input[name=password]")?.value);
            const isFree = async () => (await value()) === "" && !(await cover());
            const passes = () => own.asker.evaluate(async () => (await chrome.storage.session.get("passes")).passes);
            const withoutCore = async (then, kept) => {
                // While the core is there: to store something wakes the background, and one without a core shuts every gate.
                if (kept) await own.asker.evaluate((passes) => chrome.storage.session.set({ passes }), kept);
                for (const module of modules) renameSync(module, `${module}.away`);
                await own.killWorker();
                await then();
                for (const module of modules) renameSync(`${module}.away`, module);
                await own.killWorker();
                await own.ask({ ask: "check-again", address: lab.address });
            };
            const visit = async (what) => {
                const url = `${lab.home}/auth/plain?${what}`;
                await go(page, url);
                await until(async () => (await where(page)) === url && (await value()) === "", { why: url });
            };
            const takesNoKey = async () => {
                await page.bringToFront();
                await page.focus("input[name=password]").catch(() => {});
                await page.keyboard.type("secret");
                assert.equal(await value(), "");
            };
            await visit("free");
            await until(isFree, { why: "the page" });
            assert.deepEqual(Object.keys(await passes()), [lab.home]);
            await withoutCore(async () => {
                await visit("seen");
                await until(async () => (await cover()) === "none", { why: "seen" });
                await sleep(1000);
                assert.equal(await cover(), "none");
                await takesNoKey();
            });
            for (const [what, kept] of [
                ["nothing", {}],
                ["over", { [lab.home]: [0, Date.now() - 1] }],
                ["later", { [lab.home]: [Date.now() + 600_000, Date.now() + 900_000] }],
                ["another", { "https://other.test": [0, Date.now() + 900_000] }],
            ]) {
                await withoutCore(async () => {
                    await visit(what);
                    await sleep(500);
                    assert.equal(await cover(), "grid", what);
                    await takesNoKey();
                }, kept);
            }
            await visit("again");
            await until(isFree, { why: "the page, with the core" });
        } finally {
            await own.close();
            lab.stop();
        }
    });
}
