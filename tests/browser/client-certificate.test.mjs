// Homes that ask for a client certificate: named as such; looked at with it in Firefox, once the user lets it; passed by in Chromium, in a colour of its own.
// In windows, because both browsers ask their user which certificate to show.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { assertNothingOfTheUsers } from "./asserts.mjs";
import { attacker } from "./attacker.mjs";
import { KINDS, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";
import { press, startScreen } from "./machine.mjs";

const WANTED = "certificate-client-wanted";
const isLook = ({ url }) => /\?[0-9a-f]{32}$/.test(url);

describe("homes that ask for a client certificate", () => {
    let screen;
    before(async () => (screen = await startScreen()));
    after(() => screen.stop());

    /** A home that asks for one by `version`, in a browser that has one. It keeps a cookie, and `/private` wants a password. */
    async function home(kind, version, work) {
        const lab = await startLab();
        const host = `asks.${lab.host}`;
        const site = await attacker(lab, { hosts: [host], visitors: version });
        const options = { hosts: [host], clientCertificate: site.visitor(), isVisible: true };
        const own = await launch(kind, lab, site.launchOptions(kind, options));
        const page = await own.browser.newPage();
        const address = `${host}:${site.https.port}`;
        // While the browser's question is up, Chromium's page does not answer.
        const says = (text) => {
            const said = page.evaluate((text) => document.body.innerText.includes(text), text);
            return Promise.race([said.catch(() => false), sleep(1000)]);
        };
        // Nothing tells when the browser's question is up, so the key is pressed until it met it.
        const choose = async (isDone, why) => {
            await sleep(2000);
            await until(async () => {
                if (await isDone()) return true;
                // The extension's first page may have come in front of the tab, and the question is in that tab. While it is up, the driver may not answer.
                await Promise.race([page.bringToFront().catch(() => {}), sleep(1000)]);
                await sleep(500);
                // Chromium's list has nothing chosen at first.
                press(...(kind === "chromium" ? ["Down"] : []), "Return");
                await sleep(1000);
                return isDone();
            }, { why, within: 60_000 });
        };
        try {
            site.on("/", ({ headers }) => ({
                headers: { "set-cookie": "user=secret; path=/; max-age=9999" },
                body: `<!doctype html><title>Home</title><link rel=icon href="data:,"><h1>My home</h1><p>${headers.cookie ?? ""}`,
            }));
            // Whatever a look brings back would stay.
            site.on("/robots.txt", () => ({ status: 401, headers: { "set-cookie": "look=kept; path=/; max-age=9999", "www-authenticate": "Basic realm=home" } }));
            await work({ lab, site, own, page, address, url: site.https.url(host), says, choose });
        } finally {
            await own.close();
            lab.stop();
            site.stop();
        }
    }

    /** Presses the button with this text. */
    const click = (page, text) =>
        until(() => page.evaluate((text) => {
            const found = [...document.querySelectorAll("button")].find((button) => button.textContent.includes(text));
            found?.click();
            return Boolean(found);
        }, text), { why: text });

    /** The address is checked until the answer is not that of a server that hung up, which may take its own alert along. */
    async function codeOf(own, address) {
        for (let tries = 20; ; tries--) {
            const { light, report } = await own.ask({ ask: "check-again", address });
            assert.equal(light, "unchecked");
            const code = report.decided_by.join();
            if (code !== "certificate-missing" || !tries) return code;
        }
    }

    for (const kind of KINDS) {
        for (const version of ["TLSv1.3", "TLSv1.2"]) {
            // By TLS 1.2 a server says no more than that the handshake failed (RFC 5246, section 7.4.6), and so does Firefox.
            const code = kind === "firefox" && version === "TLSv1.2" ? "certificate-handshake-failed" : WANTED;
            test(`${kind}: one that asks by ${version} is named, and nothing of the user's is shown unasked`, () =>
                home(kind, version, async ({ own, page, site, address, url, says }) => {
                    await own.guard({ roots: site.authority, pins: undefined, address });
                    assert.equal(await codeOf(own, address), code);
                    await until(async () => {
                        await go(page, "about:blank");
                        await go(page, `${url}secret`);
                        await until(() => isAtGate(page), { why: "the gate" });
                        const text = code === WANTED ? "Whoever answers asks for a certificate of yours" : "The encrypted connection could not be set up";
                        return until(() => says(text), { within: 10_000, why: text });
                    }, { why: "it says so", within: 90_000 });
                    await until(() => says("Show mine and look"), { why: "the offer" });
                    assert.deepEqual(site.log, []);
                }));
        }
    }

    const assertOnlyLooks = (site) => {
        assert.ok(site.log.length && site.log.every(isLook), site.log.map(({ url }) => url).join());
        assertNothingOfTheUsers(site.log.map((look) => ({ ...look, server: "home", target: look.url, messages: [] })));
    };

    for (const kind of KINDS) {
        for (const version of ["TLSv1.3", "TLSv1.2"]) {
            test(`${kind}: by ${version} it is looked at with the certificate that the user chose, and with nothing else of theirs`, () =>
                home(kind, version, async ({ own, page, site, address, url, says, choose }) => {
                    // The user was here before: the browser holds a cookie and a password.
                    site.on("/private", ({ headers }) => (headers.authorization ? "<h1>private</h1>" : { status: 401, headers: { "www-authenticate": "Basic realm=home" } }));
                    page.goto(url).catch(() => {});
                    await choose(() => says("My home"), "the home");
                    await go(page, `${url.replace("//", "//me:secret@")}private`);
                    await until(() => says("private"), { why: "the private page" });
                    await go(page, "about:blank");

                    site.log.length = 0;
                    await own.guard({ roots: site.authority, pins: undefined, address });
                    const seen = async () => (await own.status(url)).report?.certificate?.sha256;
                    await go(page, url);
                    await until(() => isAtGate(page), { why: "the gate" });
                    if (kind === "firefox") {
                        await click(page, "Show mine and look");
                        await choose(seen, "a certificate");
                    } else {
                        // Chromium shows the one that was chosen for a site until it ends, without cookies too.
                        await until(seen, { why: "a certificate" });
                    }
                    await own.ask({ ask: "accept", address, sha256: await seen() });
                    assert.equal((await own.status(url)).light, "trusted");
                    assertOnlyLooks(site);

                    // The page has what the user stored, and nothing of what a look brought.
                    await go(page, `${url}?now`);
                    await until(() => says("My home"), { why: "the home, checked" });
                    assert.ok(await says("user=secret"));
                    assert.ok(!(await says("look=kept")));

                    // Somebody with another key asks for one too.
                    site.changeKey();
                    await own.expire();
                    await go(page, "about:blank");
                    site.log.length = 0;
                    await go(page, `${url}?secret`);
                    await until(() => isAtGate(page), { why: "the gate again" });
                    await until(async () => (await own.status(url)).light === "danger", { why: "danger" });
                    assertOnlyLooks(site);
                    if (kind === "chromium") return;

                    // Taken back, nobody sees it any more.
                    site.log.length = 0;
                    const after = await own.ask({ ask: "show-client-certificate", address, is_shown: false });
                    assert.equal(after.shows_client_certificate, false);
                    await codeOf(own, address);
                    assert.deepEqual(site.log, []);
                }));
        }
    }

    test("chromium: a page of ours makes the first look, so that the browser asks which certificate to show", () =>
        home("chromium", "TLSv1.3", async ({ own, page, site, address, url, choose }) => {
            await own.guard({ roots: site.authority, pins: undefined, address });
            assert.equal(await codeOf(own, address), WANTED);
            await go(page, url);
            await until(() => isAtGate(page), { why: "the gate" });
            await click(page, "Show mine and look");
            const light = async () => (await own.status(url)).light;
            await choose(async () => (await light()) === "attention", "a first sight");
            assertOnlyLooks(site);
            // What passes for a page in one tab passes in no other.
            const { url: once } = await own.ask({ ask: "choose-client-certificate", address });
            site.log.length = 0;
            const isAsked = () => page.evaluate((url) => fetch(url, { method: "HEAD", credentials: "omit" }).then(() => true, () => false), once);
            assert.equal(await isAsked(), false, "another tab of ours");
            assert.deepEqual(site.log, []);
            assert.equal((await own.ask({ ask: "choose-client-certificate", address: "nowhere.test" })).trouble.code, "not-guarded");
        }));

    test("chromium: whoever types its name gets in, in a colour of its own", () =>
        home("chromium", "TLSv1.3", async ({ own, page, site, address, url, says, choose }) => {
            await own.guard({ roots: site.authority, pins: undefined, address });
            assert.equal(await codeOf(own, address), WANTED);
            await go(page, url);
            await until(() => isAtGate(page), { why: "the gate" });
            assert.deepEqual(site.log, []);
            const field = await until(() => page.$(".past-fold input"));
            await page.evaluate(() => (document.querySelector(".past-fold").open = true));
            await field.type(address.split(":")[0]);
            await page.evaluate(() => document.querySelector(".past-fold button").click());
            await choose(() => says("My home"), "the home");
            assert.equal(await where(page), url);
            const { badge } = await until(async () => (await own.action(url))[0], { why: "a light" });
            assert.equal(badge, "↷");
            assert.equal((await own.status(url)).light, "exception");
        }));
});
