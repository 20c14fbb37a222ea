// The home itself confirms its certificate, over the local network. Against the lab's double of Home Assistant, which is held to what a real one answers
// (tests/lab/tests/home_assistant.rs); with DOORLIGHT_REAL_HOME against a real one that tests/home/install has put there, of whatever version.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeFolder } from "./machine.mjs";
import { startLab } from "./lab.mjs";
import { assertOnlyProbes } from "./asserts.mjs";
import { KINDS, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";
import { HomeAssistant, holding, versionOf } from "./home_assistant.mjs";

const IS_REAL = Boolean(process.env.DOORLIGHT_REAL_HOME);
/** The versions of which the answers were recorded. */
const RECORDED = readdirSync(new URL("../home/recorded/", import.meta.url)).map((file) => file.replace(".json", ""));
const SHIPPED = JSON.parse(readFileSync(new URL("../../data/advisories.json", import.meta.url), "utf8"));
const DAY = 86_400_000;

/** The names of what the shipped table knows against a release. */
function knownAgainst(version) {
    const number = (release) => release.split(".").reduce((number, part) => number * 10_000 + Number(part), 0);
    const hits = ({ from = "0.0.0", before }) => number(from) <= number(version) && number(version) < number(before);
    return SHIPPED.advisories.filter(({ affected }) => affected.some(hits)).map(({ ids }) => ids.join());
}

/** A home that can be told what it holds: `holds` takes the name of a scenario of the lab. */
async function startHome(lab) {
    const pem = (name) => readFileSync(join(lab.folder, "chains", `${name}.pem`), "utf8");
    if (!IS_REAL) {
        const tell = (told) => lab.command({ do: "home-assistant", ...told });
        return {
            local: `http://127.0.0.1:${lab.home_assistant_port}`,
            token: lab.home_assistant_token,
            version: await versionOf(`http://127.0.0.1:${lab.home_assistant_port}`),
            holds: (name) => tell({ holds: name }),
            logOut: () => tell({ cloud: "logged-out" }),
            setTwoFactor: (isOn) => tell({ two_factor: isOn }),
            up: () => tell({ state: "up" }),
            down: () => tell({ state: "down" }),
            setVersion: (version) => tell({ version }),
            expectFailedLogins: async (count) => {
                await until(async () => (await tell({})).failed_logins >= count);
                await sleep(1000);
                assert.equal((await tell({})).failed_logins, count);
            },
            bans: async () => (await tell({})).bans ?? [],
            tell,
            stop: () => {},
        };
    }
    const real = await HomeAssistant.start();
    const user = await real.addUser();
    return {
        local: real.url,
        token: user.token,
        version: await versionOf(real.url),
        holds: async (name) => real.cloud(holding(pem(name))),
        logOut: async () => real.cloud(null),
        setTwoFactor: (isOn) => real.setTwoFactor(user, isOn),
        up: () => real.up(),
        down: () => real.down(),
        expectFailedLogins: (count) => real.expectFailedLogins(count),
        bans: async () => real.bans(),
        stop: () => real.stop(),
    };
}

for (const kind of KINDS) {
    describe(`the home itself, ${IS_REAL ? "a real Home Assistant" : "a double of Home Assistant"}, in ${kind}`, () => {
        let lab, own, home;
        before(async () => {
            lab = await startLab();
            home = await startHome(lab);
            own = await launch(kind, lab, { hasWatch: true });
        });
        after(async () => {
            await own?.close();
            await home?.stop();
            lab?.stop();
        });
        const address = () => lab.address;
        const set = (more = {}) =>
            own.ask({ ask: "set-home", address: address(), local: home.local, token: home.token, keeps_token: false, ...more });
        const again = () => own.ask({ ask: "check-again", address: address() });
        const askHome = () => own.ask({ ask: "ask-home", address: address() });
        const code = ({ report }, check) => report.evidence.find((one) => one.check === check)?.code;
        const findings = ({ home }) => home.check_up.evidence.map(({ code }) => code);
        /** Another browser, with nothing known: an address that is guarded no longer loses its permission in Firefox, and headless nobody can give it back. */
        const afresh = async (holds = "good", guarded = {}) => {
            await own.close();
            own = await launch(kind, lab, { hasWatch: true, hosts: [lab.secret_host] });
            await home.up();
            await home.holds(holds);
            await lab.present(holds);
            await own.guard({ pins: null, ...guarded });
        };

        test("imports the certificate: a first visit turns green without a question", async () => {
            await home.holds("good");
            await own.guard({ pins: null });
            assert.equal((await own.status()).light, "attention");
            const status = await set();
            assert.equal(status.trouble, null);
            assert.equal(status.home.trouble, null);
            assert.equal(status.light, "trusted", JSON.stringify(status.report.decided_by));
            assert.equal(code(status, "home"), "home-confirms");
            const [pin] = status.record.pins;
            assert.equal(pin.origin, "home");
            assert.equal(status.record.home.fingerprint, lab.sha1("good"));
        });

        test("reads the version and the state of the second factor", async () => {
            await home.setTwoFactor(false);
            const off = await askHome();
            // An account of the least privilege need have none.
            assert.ok(findings(off).includes("home-account-two-factor-unseen"), findings(off).join());
            await home.setTwoFactor(true);
            assert.ok(findings(await askHome()).includes("home-account-two-factor-on"));
            await home.setTwoFactor(false);
        });

        test("says what is known against the version, and nothing against one that is in order", async () => {
            for (const version of IS_REAL ? [home.version] : RECORDED) {
                await home.setVersion?.(version);
                const status = await askHome();
                const { check_up } = status.home;
                assert.equal(check_up.version, version);
                const known = knownAgainst(version);
                assert.deepEqual(check_up.advisories.map(({ ids }) => ids.join()).sort(), known.sort());
                const expected = known.length ? ["home-version-advisory"] : [];
                if (Date.parse(check_up.unsupported_since) <= Date.now()) expected.push("home-version-unsupported");
                const isOldTable = Date.now() - Date.parse(SHIPPED.published) > 180 * DAY;
                if (!expected.length) expected.push(isOldTable ? "home-version-table-old" : "home-version-current");
                assert.deepEqual(findings(status).filter((code) => code.startsWith("home-version")), expected, version);
            }
            await home.setVersion?.(home.version);
            // One of them is old: else nothing above would have to be found.
            assert.ok(RECORDED.some((version) => knownAgainst(version).length));
        });

        test("the page of the check-up shows it, and the token is never in it", async () => {
            const page = await own.page(`home.html#${address()}`);
            const text = await until(() => page.evaluate(() => document.querySelector(".check-up") && document.body.innerText));
            assert.match(text, /Your home itself holds this certificate/);
            const html = await page.evaluate(() => document.documentElement.outerHTML);
            assert.ok(!html.includes(home.token));
            const told = JSON.stringify([await own.status(), await own.ask({ ask: "overview" }), await own.ask({ ask: "export-pins" })]);
            assert.ok(!told.includes(home.token), "the token is sent to no page and exported nowhere");
            await page.close();
        });

        test("a renewal is silent, whether the home was asked before or not", async () => {
            await home.holds("renewed");
            await lab.present("renewed");
            let status = await again();
            assert.equal(status.light, "trusted");
            status = await askHome();
            assert.equal(status.light, "trusted");
            assert.equal(code(status, "home"), "home-confirms");
        });

        test("a new key is accepted without a question, because the home has it", async () => {
            // The lab's certificate of another key; here it is the home's own.
            await home.holds("A5");
            await lab.present("A5");
            const status = await again();
            assert.equal(status.light, "trusted", JSON.stringify(status.report.decided_by));
            assert.equal(code(status, "pin"), "pin-told-by-home");
            assert.equal((await again()).light, "trusted");
        });

        test("A5, the home near: Danger, and the home's own word is the evidence", async () => {
            await afresh();
            assert.equal((await set()).light, "trusted");
            await lab.clear();
            await lab.present("A5");
            const page = await own.browser.newPage();
            await own.expire();
            await go(page, `${lab.home}/lovelace`);
            await until(() => isAtGate(page));
            // A young certificate may be a renewal that the home does not name yet: it is asked again for some seconds.
            const status = await until(async () => {
                const status = await own.status();
                return status.light === "danger" && status;
            }, { why: "Danger" });
            assert.equal(code(status, "home"), "home-other-certificate");
            assert.match(code(status, "pin"), /^pin-new-key/);
            await until(() => page.evaluate(() => document.body.innerText.includes("your home says this is not its certificate")));
            assertOnlyProbes(await lab.requests());
            await page.close();
        });

        test("A5, the home far: Danger by its earlier word", async () => {
            await afresh();
            await set();
            await home.down();
            await lab.present("A5");
            const status = await again();
            assert.equal(status.light, "danger");
            assert.equal(code(status, "home"), "home-other-certificate");
            await lab.present("good");
            const good = await again();
            assert.equal(good.light, "trusted", "away from home its word still confirms");
            const far = await askHome();
            assert.equal(far.home.trouble.code, "home-unreachable");
            assert.equal(far.light, "trusted");
            await home.up();
        });

        test("A5 seen first, then the home is asked: what was accepted does not stay green", async () => {
            await afresh();
            await lab.present("A5");
            const first = await again();
            await own.ask({ ask: "accept", address: address(), sha256: first.report.certificate.sha256 });
            assert.equal((await own.status()).light, "trusted");
            const status = await set();
            assert.equal(status.light, "danger");
            await lab.present("good");
            assert.equal((await again()).light, "trusted");
        });

        test("a new key after a downgrade is a question; the home's word answers it, and for no other key", { skip: IS_REAL && "a scenario of the lab: what a real one says is tested above" }, async () => {
            await afresh("wildcard");
            assert.equal((await set()).light, "trusted");
            await home.down();
            await lab.present("downgraded");
            assert.equal((await again()).light, "danger");
            const page = await own.page(`gate.html#${lab.home}/`);
            await until(() => page.evaluate(() => document.body.innerText.includes("older version")), { why: "the question" });
            await page.close();
            await home.up();
            await home.holds("downgraded");
            assert.equal((await askHome()).light, "trusted");
            await lab.present("A5");
            assert.equal((await again()).light, "danger");
        });

        test("a home under a secret name is confirmed by its wildcard", { skip: IS_REAL && "a scenario of the lab: what a real one says is tested above" }, async () => {
            const secret = `${lab.secret_host}:${lab.port}`;
            await afresh("wildcard", { address: secret });
            const status = await set({ address: secret });
            assert.equal(status.light, "trusted", JSON.stringify(status.report.decided_by));
            assert.equal(code(status, "home"), "home-confirms");
            const page = await own.browser.newPage();
            await go(page, `https://${secret}/frame`);
            await until(async () => (await where(page)) === `https://${secret}/frame`, { why: "the home" });
            await lab.present("A5");
            await own.expire();
            await go(page, `https://${secret}/frame`);
            await until(async () => (await isAtGate(page)) && (await own.status(`https://${secret}`)).light === "danger", { why: "Danger" });
            await page.close();
        });

        test("its word from before a renewal was due runs out; the renewal is silent", { skip: IS_REAL && "a scenario of the lab: what a real one says is tested above" }, async () => {
            await afresh();
            // What it holds was not seen yet.
            await home.holds("due");
            await lab.present("downgraded");
            assert.equal(code(await set(), "home"), "home-other-certificate");
            await home.down();
            // Two days go by.
            await own.asker.evaluate(async (days) => {
                const pins = JSON.parse((await chrome.storage.local.get("pins")).pins);
                const word = pins.sites[0].home;
                for (const at of ["first_told", "last_told"]) word[at] = new Date(Date.parse(word[at]) - days * 86_400_000).toISOString();
                // As another background writes, so that this one reads it.
                await chrome.storage.local.set({ pins: JSON.stringify(pins), written: "two days" });
            }, 2);
            await until(async () => code(await again(), "home") === "home-long-ago", { why: "the word has run out" });
            const expect = async (presented, word, light) => {
                await lab.present(presented);
                const status = await again();
                assert.deepEqual([code(status, "home"), status.light], [word, light], presented);
            };
            await expect("downgraded", "home-long-ago", "attention");
            await expect("due", "home-confirms", "trusted");
            await expect("renewed", "home-same-key", "trusted");
            // Its key is known now.
            await expect("downgraded", "home-other-certificate", "danger");
        });

        test("another Home Assistant at that place is not believed", { skip: IS_REAL && "a real one is what it is" }, async () => {
            await afresh();
            await set();
            await home.tell({ tokens: { [home.token]: { id: "ee".repeat(16), name: "Stranger" } }, holds: "A5" });
            await lab.present("A5");
            const status = await again();
            assert.equal(status.light, "danger");
            assert.equal(status.home.trouble.code, "home-other-account");
            await home.tell({ tokens: { [home.token]: {} } });
        });

        test("over https: in Firefox by the one certificate that the user accepted in the browser's warning", async () => {
            const place = `127.0.0.1:${lab.port}`;
            const folder = mkdtempSync(join(tmpdir(), `doorlight-https-${kind}-`));
            await lab.present("good");
            // What ends the TLS of a local address passes on for somebody in the local network. By the remote address, newer versions refuse the token.
            await lab.command({ do: "upstream", address: new URL(home.local).host, from: "192.168.1.7" });
            await home.up();
            await home.holds("good");
            await own.close();
            own = await launch(kind, lab, { hasWatch: true, folder });
            await own.guard({ pins: null });
            let status = await set({ local: `https://${place}` });
            assert.equal(status.home.trouble.code, "home-unreachable", "its certificate is not for this address");
            const page = await own.page(`home.html#${address()}`);
            const hint = kind === "firefox" ? /accept that one/ : /Chromium goes by no exception/;
            await until(async () => hint.test(await page.evaluate(() => document.body.innerText)), { why: "what to do" });
            assert.equal(await page.evaluate((place) => Boolean(document.querySelector(`a[href="https://${place}"]`)), place), kind === "firefox");
            await own.browser.close();
            if (kind === "firefox") {
                // The driver cannot press the button on Firefox's page; this is the file that the button writes.
                const sha256 = lab.sha256("good").toUpperCase().match(/../g).join(":");
                writeFileSync(join(folder, "profile", "cert_override.txt"), `${place}:\tOID.2.16.840.1.101.3.4.2.1\t${sha256}\t\n`);
                own = await launch(kind, lab, { hasWatch: true, folder });
                status = await set({ local: `https://${place}` });
                assert.equal(status.home.trouble, null);
                assert.equal(status.light, "trusted");
                // Another certificate there, of the same authority: it is not spoken to.
                await lab.present("A5");
                status = await askHome();
                assert.equal(status.home.trouble.code, "home-unreachable");
                await own.browser.close();
            }
            await lab.command({ do: "upstream", address: null });
            removeFolder(folder);
            own = await launch(kind, lab, { hasWatch: true });
        });

        test("logged out of the cloud it says nothing about the certificate", async () => {
            await afresh();
            await home.logOut();
            const status = await set();
            assert.equal(status.light, "attention");
            assert.equal(code(status, "home"), undefined);
            assert.ok(findings(status).includes("home-says-nothing"), findings(status).join());
        });

        test("without a token the version alone is read", async () => {
            await afresh();
            const status = await set({ token: "" });
            assert.equal(status.home.has_token, false);
            assert.equal(status.home.check_up.version, home.version);
            assert.ok(findings(status).includes("home-account-not-asked"), findings(status).join());
            assert.equal(status.light, "attention");
        });

        test("a wrong token: one failed login, no ban, and it is not sent again", async () => {
            await afresh();
            await home.tell?.({ forget: true });
            const status = await set({ token: "wrong.token.this" });
            assert.equal(status.home.trouble.code, "home-token-refused");
            assert.equal(status.home.has_token, false);
            for (let n = 0; n < 3; n++) await askHome();
            await again();
            await home.expectFailedLogins(1);
            assert.deepEqual(await home.bans(), []);
            assert.equal((await set({ token: "not a token" })).trouble.code, "home-token-invalid");
            await home.expectFailedLogins(1);
        });

        test("the token ends with the session, or is kept where the user chose so; and goes with the home", async () => {
            await afresh();
            const stored = () =>
                own.asker.evaluate(async () => [
                    Object.keys(await chrome.storage.local.get()).filter((key) => key.startsWith("token")).length,
                    Object.keys(await chrome.storage.session.get()).filter((key) => key.startsWith("token")).length,
                ]);
            await set();
            assert.deepEqual(await stored(), [0, 1]);
            await set({ token: null, keeps_token: true });
            assert.deepEqual(await stored(), [1, 0]);
            await own.ask({ ask: "forget-home", address: address() });
            assert.deepEqual(await stored(), [0, 0]);
            await set({ keeps_token: true });
            await own.ask({ ask: "unguard", address: address() });
            assert.deepEqual(await stored(), [0, 0]);
        });

        test("places in the internet are refused, and so is the remote address", async () => {
            await afresh();
            for (const [local, trouble] of [
                ["http://8.8.8.8:8123", "local-address-public-ip"],
                ["https://home.example.org", "local-address-public-name"],
                [lab.home, "local-address-remote"],
                ["ftp://192.168.1.2", "local-address-scheme"],
            ]) {
                assert.equal((await set({ local })).trouble.code, trouble, local);
            }
        });

        test("a version that Nabu Casa blocks shuts the remote address alone; the owner's word ends with the next advisory", { skip: IS_REAL && "a real one is what it is" }, async () => {
            await afresh();
            await home.setVersion("2021.1.4");
            let status = await set();
            assert.equal(status.light, "danger");
            assert.deepEqual(status.report.decided_by, ["home-version-blocked"]);
            const page = await own.browser.newPage();
            await go(page, `${lab.home}/lovelace`);
            await until(() => isAtGate(page));
            await until(() => page.evaluate(() => document.body.innerText.includes("too old for the internet")));
            // The local one works: nothing of Doorlight's stands before it.
            const near = await own.browser.newPage();
            await near.goto(home.local);
            assert.ok((await where(near)).startsWith(home.local));
            await near.close();
            await until(() => page.evaluate(() => Boolean(document.querySelector(".risk .button"))));
            await page.evaluate(() => document.querySelector(".risk .button").click());
            await until(async () => (await where(page)) === `${lab.home}/lovelace`, { why: "through, at one's own risk" });
            status = await again();
            assert.equal(status.light, "attention");
            assert.deepEqual(status.report.decided_by, ["home-version-overridden"]);
            const { settings } = await own.ask({ ask: "overview" });
            const table = {
                schema: 1,
                kind: "doorlight-advisories",
                published: new Date().toISOString().replace(/\.\d+/, ""),
                source: "a test",
                blocked_up_to: "2021.1.4",
                blocked_link: "https://support.nabucasa.com/",
                advisories: [],
            };
            table.advisories = [
                ...SHIPPED.advisories,
                { ids: ["CVE-2026-99999"], severity: "critical", title: "Something new", affected: [{ before: "2026.9.0" }], link: "https://example.org/new", published: table.published },
            ];
            const changed = await own.ask({ ask: "change", settings: { ...settings, advisories: JSON.stringify(table) } });
            assert.equal(changed.trouble, null);
            await until(() => isAtGate(page), { why: "the open page is taken back to the gate" });
            status = await again();
            assert.equal(status.light, "danger");
            assert.deepEqual(status.report.decided_by, ["home-version-blocked"]);
            await home.setVersion(home.version);
            status = await askHome();
            assert.equal(status.light, "trusted", "an update ends it");
            await own.ask({ ask: "change", settings });
            await page.close();
        });
    });
}
