// Shut and open mean exactly one host, and open exactly one port of it: subdomains, other ports, other ways of writing a name, and a
// permission that was withdrawn.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { startLab } from "./lab.mjs";
import { assertOnlyProbes } from "./asserts.mjs";
import { WAYS, askEveryWay, attacker, waysIn } from "./attacker.mjs";
import { KINDS, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";

const CREDENTIALS = "user:secret-password";

for (const kind of KINDS) {
    describe(`hosts in ${kind}`, () => {
        let lab, own, sites, sub, neighbour, long;
        const LOCAL = "127.0.0.1";
        /** All of these names are answered by one server, so what arrives for one of them shows that the way of asking works. */
        const at = (host) => sites.https.url(host, "");
        const address = (host) => `${host}:${sites.https.port}`;
        const homeRequests = async () => (await lab.requests()).filter(({ server }) => server === "home");
        /** What one of the names got, but for our own probes. */
        const arrived = (host) => sites.log.filter((one) => one.scheme === "https" && one.host === address(host) && one.method !== "HEAD");
        const forget = async () => {
            await lab.clear();
            sites.log.length = 0;
        };
        const open = async (url) => {
            const page = await own.browser.newPage();
            await go(page, url);
            await until(async () => (await where(page)) === url, { why: `arriving at ${url}` });
            return page;
        };
        const lightOf = async (host) => (await own.status(at(host))).light;
        /** Guards one of the names without a pin; no known authority certified it. */
        const guard = async (host) => {
            const { light } = await own.ask({ ask: "guard", address: address(host) });
            assert.ok(["danger", "attention"].includes(light), `${host}: ${light}`);
        };
        /** The user's way past the gate for one of the names. */
        const except = async (host) => {
            const sha256 = createHash("sha256").update(new X509Certificate(readFileSync(sites.certificate)).raw).digest("hex");
            const { light, trouble } = await own.ask({ ask: "except", address: address(host), typed: host, sha256 });
            assert.equal(light, "exception", JSON.stringify(trouble));
        };
        const unguard = (host) => own.ask({ ask: "unguard", address: address(host) });
        const good = async () => {
            await lab.present("good");
            assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "trusted");
        };
        const danger = async () => {
            await lab.present("A5");
            assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "danger");
        };
        /**
         * Withdraws the permission for the home while the browser runs, as its user does. Firefox: a page of the extension may remove what
         * the manifest asks for. Chromium: chrome://extensions alone can; there the user chooses that the extension runs on click.
         */
        const withdraw = () => (kind === "firefox" ? setInFirefox("remove") : setInChromium("ON_CLICK"));
        const giveBack = () => (kind === "firefox" ? setInFirefox("request") : setInChromium("ON_ALL_SITES"));
        const setInFirefox = async (how) => {
            const page = await own.page("options.html");
            // It is given at a click alone; the prompt is switched off.
            await page.evaluate((how, origins) => {
                const act = () => chrome.permissions[how]({ origins }).then((done) => (document.title = `${how} ${done}`));
                addEventListener("click", act, { capture: true, once: true });
            }, how, [`*://${lab.host}/*`]);
            await page.bringToFront();
            await page.mouse.click(2, 2);
            await until(() => page.evaluate((how) => document.title === `${how} true`, how), { why: how });
            await page.close();
        };
        const setInChromium = async (hostAccess) => {
            const page = await own.browser.newPage();
            await page.goto("chrome://extensions");
            const update = { extensionId: new URL(own.base).host, hostAccess };
            await page.evaluate((update) => chrome.developerPrivate.updateExtensionConfiguration(update), update);
            await page.close();
        };
        let round = 0;
        /** Asks a site in each way, from a page of another site: the ways that arrived. `from`: another asking page. */
        const ask = async (to, got, from = `${sites.http.url(lab.other_host)}`) => {
            const mark = `m${round++}`;
            const page = await open(from);
            await page.evaluate(askEveryWay, to, mark);
            const ways = async () => [...new Set(waysIn(await got(), mark))].sort();
            return {
                /** All of them, as soon as they are there. */
                all: async () => {
                    await until(async () => (await ways()).length === WAYS.length).catch(() => {});
                    await page.close();
                    assert.deepEqual(await ways(), [...WAYS].sort(), to);
                },
                none: async () => {
                    await sleep(1000);
                    await page.close();
                    assert.deepEqual(await ways(), [], to);
                },
            };
        };
        const askHome = (from) => ask(lab.home, async () => (await homeRequests()).map(({ target }) => target), from);
        const askAt = (host, from) => ask(at(host), async () => arrived(host).map(({ url }) => url), from);
        /** For a name that the browser does not write as it was given: whatever arrived at the port. */
        const targetsAtPort = () => sites.log.filter(({ scheme }) => scheme === "https").map(({ url }) => url);

        before(async () => {
            lab = await startLab();
            sub = `sub.${lab.host}`;
            neighbour = `nas.${lab.host}`;
            const label = "abcdefghijklmnopqrstuvwxyz".repeat(3).slice(0, 60);
            long = `${label}.${label}.${label}.ng.test`;
            assert.equal(long.length, 190);
            const hosts = [lab.host, sub, neighbour, LOCAL, long];
            sites = await attacker(lab, { hosts, names: [`${lab.host}.`, `${neighbour}.`] });
            const prefs = { "extensions.webextOptionalPermissionPrompts": false };
            own = await launch(kind, lab, sites.launchOptions(kind, { hosts: [sub, LOCAL, long], prefs }));
            const html = `<!doctype html><title>Page</title><link rel="icon" href="data:,"><body>page`;
            for (const path of ["/", "/echo"]) sites.on(path, () => html);
            const wanted = { status: 401, headers: { "www-authenticate": "Basic realm=home" }, body: "log in" };
            sites.on("/private", ({ headers }) => (headers.authorization ? html : wanted));
            await own.guard();
            await lab.command({ do: "upstream", address: `127.0.0.1:${sites.http.port}` });
        });
        after(async () => {
            await own?.close();
            sites?.stop();
            lab?.stop();
        });

        test("a guarded subdomain is shut while the home is open, and open while the home is shut", async () => {
            await good();
            await (await askAt(sub)).all();
            await guard(sub);
            await forget();
            await (await askAt(sub)).none();
            await (await askAt(sub, lab.home + "/")).none();
            await (await askHome()).all();
            const page = await own.browser.newPage();
            await go(page, `${at(sub)}/`);
            await until(() => isAtGate(page), { why: "the gate" });
            await page.close();
            assert.deepEqual(arrived(sub), []);

            await except(sub);
            await danger();
            await forget();
            await (await askAt(sub)).all();
            await (await askHome()).none();
            await (await askHome(`${at(sub)}/`)).none();
            assertOnlyProbes(await lab.requests());
            assert.equal(await lightOf(sub), "exception");
        });

        test("a subdomain that nobody guards is left alone while the home is shut", async () => {
            await danger();
            await forget();
            await (await askAt(neighbour)).all();
            await (await open(`${at(neighbour)}/`)).close();
            await (await askHome(`${at(neighbour)}/`)).none();
            assertOnlyProbes(await lab.requests());
            for (const { badge } of await own.action(at(neighbour))) assert.equal(badge, "");
        });

        test("another port of an open home is shut", async () => {
            await good();
            await forget();
            await (await askAt(neighbour)).all();
            await (await askAt(lab.host)).none();
            await (await askAt(lab.host, `${lab.home}/`)).none();
            const page = await own.browser.newPage();
            await go(page, `${at(lab.host)}/`);
            await until(() => isAtGate(page), { why: "the gate" });
            await page.close();
            assert.deepEqual(arrived(lab.host), []);
            await (await askHome()).all();
            assert.equal((await own.status()).light, "trusted");
        });

        test("the name with a trailing dot is shut, and never green", async () => {
            const dotted = `https://${lab.host}.:${lab.port}`;
            const targets = async () => (await homeRequests()).map(({ target }) => target);
            for (const present of [good, danger]) {
                await present();
                await forget();
                // The way of asking works for a neighbour.
                await (await ask(at(`${neighbour}.`), async () => targetsAtPort())).all();
                await (await open(`${at(`${neighbour}.`)}/`)).close();
                await (await ask(dotted, targets)).none();
                const page = await own.browser.newPage();
                await go(page, `${dotted}/?secret`, { within: 3000 });
                await sleep(1000);
                assertOnlyProbes(await lab.requests());
                assert.notEqual((await own.status(`${dotted}/`)).light, "trusted");
                for (const prefix of [dotted, `${own.base}/gate.html`]) {
                    for (const { badge } of await own.action(prefix)) assert.notEqual(badge, "✓");
                }
                await page.close();
            }
        });

        test("a name and password in a URL are not sent, and not kept at the gate", async () => {
            const visit = async (origin) => {
                const page = await own.browser.newPage();
                await go(page, `${origin.replace("://", `://${CREDENTIALS}@`)}/private`, { within: 4000 });
                return page;
            };
            const sent = (host) => sites.log.filter((one) => one.host === host && one.headers.authorization);
            await good();
            await forget();
            const known = await visit(at(neighbour));
            await until(() => sent(address(neighbour)).length > 0, { why: "a neighbour gets the name and the password" });
            await known.close();
            // Open: the home is asked, without them.
            await forget();
            const past = await visit(lab.home);
            await until(async () => (await homeRequests()).some(({ target }) => target === "/private"), { why: "the home is asked" });
            await sleep(1000);
            assert.deepEqual(sent(lab.address), []);
            await past.close();
            await danger();
            await forget();
            const page = await visit(lab.home);
            await until(() => isAtGate(page), { why: "the gate" });
            await sleep(1000);
            assertOnlyProbes(await lab.requests());
            const url = await where(page);
            assert.ok(!url.includes("user") && !url.includes("secret"), url);
            assert.ok(url.endsWith(`#${lab.home}/private`), url);
            await page.close();
        });

        for (const [what, host] of [["an IP address", () => LOCAL], ["a name of 190 characters", () => long]]) {
            test(`${what} is guarded like any other`, async () => {
                await good();
                await forget();
                await (await askAt(host())).all();
                await forget();
                await guard(host());
                await (await askAt(host())).none();
                assert.deepEqual(arrived(host()), []);
                assert.ok(sites.log.some((one) => one.host === address(host()) && one.method === "HEAD"), "the probe");
                const page = await own.browser.newPage();
                await go(page, `${at(host())}/`);
                await until(() => isAtGate(page), { why: "the gate" });
                await page.close();
                assert.deepEqual(arrived(host()), []);
                const { steps } = await own.ask({ ask: "self-test", address: address(host()) });
                assert.ok(steps.find(({ name }) => name === "gate").works, JSON.stringify(steps));
                // Other hosts' rules are in their places.
                await good();
                await (await askHome()).all();
                await danger();
                await forget();
                await (await askHome()).none();
                assertOnlyProbes(await lab.requests());
                await unguard(host());
                await (await askAt(host())).all();
            });
        }

        test("without its permission a home is blocked, and not green", async () => {
            await good();
            await lab.clear();
            await (await askHome()).all();
            await (await open(`${lab.home}/`)).close();
            await withdraw();
            await until(async () => !(await own.status()).has_permission, { why: "the background knows" });
            for (const name of ["good", "A5"]) {
                await lab.present(name);
                await own.ask({ ask: "check-again", address: lab.address });
                assert.notEqual((await own.status()).light, "trusted");
                await forget();
                await (await askHome()).none();
                const page = await own.browser.newPage();
                await go(page, `${lab.home}/?secret`, { within: 3000 });
                await sleep(1000);
                assertOnlyProbes(await lab.requests());
                assert.deepEqual((await own.action(lab.home)).filter(({ badge }) => badge === "✓"), []);
                await page.close();
            }
            const { sites: all } = await own.ask({ ask: "overview" });
            assert.equal(all.find(({ address }) => address === lab.address).has_permission, false);
            await (await askAt(neighbour)).all();
            await giveBack();
            await until(async () => (await own.status()).has_permission, { why: "the background knows" });
            await good();
            await (await askHome()).all();
            await (await open(`${lab.home}/`)).close();
        });
    });
}

// Chromium refuses rules whose expression is too large, by the name's parts as by its characters.
for (const kind of KINDS) {
    for (const host of ["e.d.c.a.b.home.test", `${"a.".repeat(90)}test`]) {
        test(`a name of ${host.split(".").length} parts is shut in ${kind}`, async () => {
            const lab = await startLab();
            const sites = await attacker(lab, { hosts: [host, "thief.test"], names: ["thief.test"] });
            const own = await launch(kind, lab, sites.launchOptions(kind, { hosts: [host] }));
            try {
                const url = sites.https.url(host, "/");
                const address = `${host}:${sites.https.port}`;
                for (const path of ["/", "/page"]) sites.on(path, () => `<!doctype html><title>Page</title><link rel="icon" href="data:,"><body>page`);
                const page = await own.browser.newPage();
                await go(page, sites.https.url("thief.test", "/page"));
                const arrived = () => sites.log.filter((one) => one.host === address && !/[?][0-9a-f]{32}$/.test(one.url)).map((one) => one.url);
                const ask = (mark) =>
                    page.evaluate(async (url, mark) => {
                        const picture = new Image();
                        const seen = new Promise((done) => (picture.onload = picture.onerror = () => done()));
                        picture.src = `${url}?picture-${mark}`;
                        await Promise.all([seen, fetch(`${url}?fetch-${mark}`, { mode: "no-cors", credentials: "include" }).catch(() => {})]);
                    }, url, mark);
                await ask("before");
                assert.deepEqual(arrived().sort(), ["/?fetch-before", "/?picture-before"]);
                // Nobody vouches for its certificate, so it stays shut.
                const guarded = await own.guard({ address, pins: undefined });
                assert.equal(guarded.trouble, null);
                sites.log.length = 0;
                await ask("shut");
                const tab = await own.browser.newPage();
                await go(tab, `${url}?tab`);
                await until(() => isAtGate(tab), { why: "the gate" });
                assert.deepEqual(arrived(), []);
                const { steps } = await own.ask({ ask: "self-test", address });
                assert.ok(steps.find(({ name }) => name === "gate").works, JSON.stringify(steps));
            } finally {
                await own.close();
                lab.stop();
                sites.stop();
            }
        });
    }
}
