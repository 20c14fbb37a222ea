// The web page in real browsers: everything that can be given, every outcome, every file taken along and given again, hostile certificates, no network, and nobody asked before
// the reader agreed.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate, createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { serve } from "../../tools/serve.mjs";
import { KINDS, until } from "./browser.mjs";
import { removeFolder } from "./machine.mjs";
import { startLab } from "./lab.mjs";
import { openBrowser, openPage } from "./web.mjs";

const SITE = process.env.DOORLIGHT_WWW;
const CLI = process.env.DOORLIGHT_CLI;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const root = new URL("../../", import.meta.url).pathname;
const real = join(root, "../shared/corpora/real-chains");
const sample = (name) => readFileSync(join(root, "www/samples", name), "utf8");
const ders = (pem) => pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g).map((one) => new X509Certificate(one).raw);
/** `content` in DER under a tag. */
const wrap = (tag, content) => Buffer.concat([Buffer.from([tag, 0x82, content.length >> 8, content.length & 255]), content]);
/** Certificates in a container as `.p7b` files are: ContentInfo, SignedData (RFC 5652 section 5.1). */
const pkcs7 = (ders) => {
    const data = [Buffer.from("0201013100300b06092a864886f70d010701", "hex"), wrap(0xa0, Buffer.concat(ders)), Buffer.from("3100", "hex")];
    return wrap(0x30, Buffer.concat([Buffer.from("06092a864886f70d010702", "hex"), wrap(0xa0, wrap(0x30, Buffer.concat(data)))]));
};
const digest = (name, bytes) => createHash(name).update(bytes).digest("hex");
const key = (pem) => digest("sha256", new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" }));
const colons = (hex) => hex.toUpperCase().match(/../g).join(":");

for (const kind of KINDS)
    describe(kind, () => {
        let lab, server, own, it;
        const chain = (name) => readFileSync(join(lab.folder, "chains", `${name}.pem`), "utf8");
        /** The reader's own authorities and logs, so that the lab's world counts. */
        const believe = async () => {
            await it.tab.evaluate(() => (document.querySelector("#sources").open = true));
            await it.hears("Added: 2", () => it.choose(lab.roots, "roots.pem", "#own-roots input"));
            await it.hears("A list of your own", () => it.choose(lab.logList, "log_list.json", "#own-list input"));
        };
        /** Pins for the home at its usual port, as a name alone stands for. */
        const pins = () => lab.pins.replace(/:\d+"/, '"');
        const takePins = async () => {
            await it.fill("#given", pins());
            await it.hears("Pins taken over: 1", () => it.press("Check"));
        };
        const codes = async () => (await it.report()).evidence.map(({ code }) => code);

        before(async () => {
            lab = await startLab();
            server = await serve(SITE);
            own = await openBrowser(kind);
            it = await openPage(own, server.base);
            await it.tab.bringToFront();
        });
        after(async () => {
            await own?.close();
            await server?.stop();
            lab?.stop();
        });

        test("certificates are taken in every form, by every way in", async () => {
            const good = chain("good");
            const [leaf, issuer] = ders(good);
            const wanted = digest("sha256", leaf);
            const same = async (why) => {
                assert.equal((await it.report()).certificate?.sha256, wanted, why);
                await it.assertHarmless(why);
            };
            for (const [why, text] of [
                ["PEM", good],
                ["as openssl s_client prints it", `CONNECTED(00000003)\ndepth=1 O=x\n---\nCertificate chain\n 0 s:CN=y\n${good}---\nSSL-Session:\n    Protocol : TLSv1.3\n`],
                ["with the line ends of Windows", good.replaceAll("\n", "\r\n")],
                ["the leaf alone", good.split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"],
                ["base64 without its first and last line", leaf.toString("base64")],
                ["indented, in YAML", `ssl:\n  certificate: |\n${good.replace(/^/gm, "    ")}`],
                ["quoted in a mail", good.replace(/^/gm, "> ")],
                ["in the JSON of another program", JSON.stringify({ name: "home", certificate: good })],
                ["under OpenSSL's label", good.replaceAll(" CERTIFICATE", " TRUSTED CERTIFICATE")],
            ]) {
                await it.give(text);
                await same(why);
            }
            await it.drop(leaf);
            await same("DER, dropped");
            await it.drop(Buffer.concat([leaf, issuer]));
            await same("two in DER, dropped");
            await it.drop(good, "chain.pem");
            await same("PEM, dropped");
            await it.drop(Buffer.from(`\ufeff${good}`, "utf16le"), "chain.pem");
            await same("UTF-16, dropped");
            await it.drop(pkcs7([leaf, issuer]), "chain.p7b");
            await same("PKCS#7, dropped");
            await it.clear();
            await it.choose(leaf, "chosen.der", ".input input[type=file]");
            await it.settled();
            await same("DER, chosen");
            await it.clear();
            await it.tab.evaluate((text) => {
                const data = new DataTransfer();
                data.setData("text/plain", text);
                document.querySelector("#given").value = text;
                document.querySelector("#given").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
            }, good);
            await it.settled();
            await same("pasted");
            // The host that the certificate names is what it is judged for.
            assert.equal(await it.tab.evaluate(() => document.querySelector("#host").value), lab.host);
        });

        test("what cannot be checked is said, in words", async () => {
            for (const [text, words] of [
                ["hello there", "nothing that can be checked"],
                ["http://home.example/", "begins with http://"],
                ["a9993e364706816aba3e25717850c26c", "40 or 64 digits"],
                ["-----BEGIN CERTIFICATE-----\nMIIB", "cut off"],
                ["-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "Keep it to yourself"],
                ["-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----", "no certificate in it"],
                ["{}", "neither a report nor pins"],
                ['{"schema": 99}', "newer version"],
                ['{"schema": 1, "kind": "doorlight-pins", "sites": 1}', "not an export of pins"],
                ["", "Paste a certificate first"],
            ]) {
                await it.give(text);
                assert.ok((await it.complaint()).includes(words), `${text}: ${await it.complaint()}`);
            }
            await it.drop(Buffer.from([0xff, 0xfe, 0]));
            assert.ok((await it.complaint()).includes("nothing that can be checked"));
            await it.assertHarmless("errors");
        });

        test("every outcome: danger, attention, unchecked, and trusted with pins", async () => {
            await it.give(chain("good"));
            // The lab's authority is none of Mozilla's.
            assert.ok(["danger", "unchecked"].includes(await it.light()));
            await believe();
            // It says so first, and judges then.
            await until(async () => (await it.light()) === "attention", { why: "judged anew" });
            assert.deepEqual((await it.report()).decided_by, ["pin-first-sight"]);

            await takePins();
            assert.ok((await it.text("#knows")).includes(lab.host));
            await it.give(chain("good"));
            assert.equal(await it.light(), "trusted");
            assert.equal(await it.text("#verdict"), "This certificate is the one you expect");
            assert.equal(await it.count(".ladder .line.vouches"), 2);

            for (const { name, pinned } of lab.scenarios.filter(({ id }) => /^A[1-6]$/.test(id))) {
                await it.give(chain(name));
                assert.equal(await it.light(), pinned, name);
                await it.assertHarmless(name);
            }
            await it.give(chain("A1"));
            assert.equal(await it.count(".ladder .who.absent"), 1);
            await it.give(chain("A1-root-sent"));
            assert.equal(await it.count(".ladder .who.private-root"), 1);
            assert.equal(await it.count(".ladder .line.nobody"), 1);
            // Without the issuer's certificate nobody can tell.
            await it.give(chain("proxy-hidden"));
            assert.ok(["unchecked", "danger"].includes(await it.light()));

            // For another host, and by another time.
            await it.give(chain("good"));
            await it.judgeAs({ host: "elsewhere.example" });
            assert.equal(await it.light(), "danger");
            assert.ok((await codes()).includes("name-mismatch"));
            await it.judgeAs({ host: lab.host, at: "2031-01-01T00:00:00Z" });
            assert.ok((await codes()).includes("validity-expired"));
            assert.ok((await it.text("#result")).includes("not as of now"));
            await it.assertHarmless("outcomes");
        });

        test("a fingerprint is compared in every form, and says which it is", async () => {
            const good = chain("good");
            const [leaf] = ders(good);
            await it.press("Forget the pins");
            await it.give(good);
            assert.equal(await it.light(), "attention");
            const compare = async (text) => {
                await it.fill("#expected", text);
                await it.tab.evaluate(() => (globalThis.old = document.querySelector("#result .head")));
                await it.press("Compare");
                await until(() => it.tab.evaluate(() => !old.isConnected), { why: "compared" });
                return it.text(".compared");
            };
            for (const [text, words] of [
                [digest("sha1", leaf), "SHA-1 fingerprint"],
                [`SHA1 Fingerprint=${colons(digest("sha1", leaf))}`, "SHA-1 fingerprint"],
                [colons(digest("sha256", leaf)), "SHA-256 fingerprint"],
                [key(good), "pin of the certificate’s key"],
                [`pin-sha256="${Buffer.from(key(good), "hex").toString("base64")}"`, "pin of the certificate’s key"],
            ]) {
                const answer = await compare(text);
                assert.ok(answer.includes("Equal") && answer.includes(words), `${text}: ${answer}`);
                assert.equal(await it.light(), "trusted", text);
            }
            assert.ok((await compare("00".repeat(20))).includes("Different"));
            assert.equal(await it.light(), "danger");
            await it.press("Forget it");
            await until(async () => (await it.light()) === "attention");
            // Given alone first, it waits for the certificate; given while one is there, it is compared with it.
            await it.give(digest("sha1", leaf));
            assert.ok((await it.text("#result")).includes("And the certificate?"));
            await it.fill("#given", good);
            await it.press("Check");
            await until(async () => (await it.light()) === "trusted", { why: "the waiting fingerprint" });
            await it.fill("#given", "11".repeat(32));
            await it.press("Check");
            await until(async () => (await it.light()) === "danger", { why: "compared with what is there" });
            await it.press("Forget it");
            await it.assertHarmless("fingerprints");
        });

        test("what is taken along is taken in again", async () => {
            await takePins();
            await it.give(chain("good"));
            const json = await it.save("Save the report");
            const pem = await it.save("Save the certificates");
            assert.equal(pem.trim(), chain("good").replaceAll("\r", "").trim());
            await it.give(pem);
            assert.equal(await it.light(), "trusted");
            // A report is what somebody wrote: it has no light here.
            await it.give(json);
            assert.ok((await it.text("#result")).includes("A report that somebody wrote"));
            assert.equal(await it.light(), "");
            assert.equal(await it.count("#result img"), 0);
            // With certificates in it, as the extension writes it, they are judged beside it.
            const lying = { ...JSON.parse(json), verdict: "danger", pem };
            await it.give(JSON.stringify(lying, null, 2));
            assert.ok((await it.text(".written")).includes("It says “Danger”"));
            assert.equal(await it.light(), "trusted");
            assert.ok((await it.text("#result")).includes("Judged as of"));
            // Certificates that are none take nothing from the report.
            await it.give(JSON.stringify({ ...JSON.parse(json), pem: "<script>" }));
            assert.ok((await it.text(".written")).includes("carries no certificates"));

            await it.give(chain("good"));
            await it.tab.evaluate(() => {
                navigator.clipboard.writeText = (text) => ((globalThis.copied = text), Promise.resolve());
            });
            await it.press("Copy a link");
            const link = await until(() => it.tab.evaluate(() => globalThis.copied));
            assert.ok(link.startsWith(`${server.base}#c=`), link);
            const requests = server.requests.length;
            const other = await openPage(own, link);
            await other.settled();
            assert.equal((await other.report()).certificate.sha256, digest("sha256", ders(chain("good"))[0]));
            assert.ok((await other.text("#result")).includes("came along in the link"));
            assert.ok(server.requests.slice(requests).every(({ target }) => !target.includes("c=")));
            await other.assertHarmless("link");
            await other.tab.close();
            await it.give(link);
            assert.equal(await it.light(), "trusted");
            await it.assertHarmless("taken along");
        });

        test("the samples show what it is about, at any time", async () => {
            for (const [name, light] of [["good", "trusted"], ["renewed", "trusted"], ["between", "danger"]]) {
                await it.clear();
                await it.click(`#sample-${name}`);
                await it.settled();
                assert.equal(await it.light(), light, name);
                const text = await it.text("#result");
                assert.ok(text.includes("This is a sample") && text.includes("Judged as of"), name);
                assert.equal(await it.count("#result .ask, #result #ask-logs"), 0, name);
                await it.assertHarmless(name);
            }
            // A sample's root counts for the sample alone.
            await it.give(sample("good.pem"));
            assert.notEqual(await it.light(), "trusted");
        });

        test("hostile certificates are shown harmlessly", async () => {
            const hostile = readdirSync(join(lab.folder, "chains")).filter((name) => name.startsWith("A16") || name.startsWith("A9") && name !== "A9-no-key.pem");
            assert.ok(hostile.length >= 8, hostile.join());
            for (const file of hostile) {
                const name = file.slice(0, -4);
                await it.give(chain(name));
                assert.notEqual(await it.light(), "trusted", name);
                await it.tab.evaluate(() => document.querySelectorAll("#result details").forEach((one) => (one.open = true)));
                await it.assertHarmless(name);
                await it.tab.setViewport({ width: 320, height: 700 });
                assert.ok(await it.tab.evaluate(() => document.documentElement.scrollWidth <= 320), `${name} is wider than 320 pixels`);
            }
            await it.give(chain("A16-ten-thousand-names"));
            assert.equal((await it.report()).certificate.names.length, 10_000);
            await it.drop(Buffer.alloc(10 * 1024 * 1024, "A"));
            assert.ok((await it.complaint()).includes("larger than a megabyte"));
            await it.drop(Buffer.concat([Buffer.from([0x30, 0x84, 0, 0xa0, 0, 0]), Buffer.alloc(10 * 1024 * 1024)]));
            assert.ok((await it.complaint()).includes("larger than a megabyte"));
            await it.tab.evaluate(() => {
                const data = new DataTransfer();
                data.setData("text/plain", "B".repeat(10 * 1024 * 1024));
                const paste = new ClipboardEvent("paste", { bubbles: true, cancelable: true });
                // Firefox lets nobody make one with data in it.
                Object.defineProperty(paste, "clipboardData", { value: data });
                document.querySelector("#given").dispatchEvent(paste);
                globalThis.wasKeptOut = paste.defaultPrevented;
            });
            assert.equal(await it.tab.evaluate(() => wasKeptOut), true);
            // A report full of markup.
            const bad = "<img src=x onerror=\"document.title='owned'\">\u202e\u200b";
            const report = JSON.parse(JSON.stringify({ ...(await it.give(chain("good")), await it.report()) }));
            report.certificate.issuer = report.certificate.subject = report.certificate.key = bad;
            report.certificate.names = [bad, bad];
            report.scts.forEach((sct) => Object.assign(sct, { log: bad, operator: bad, state: bad }));
            report.evidence.forEach((one) => Object.assign(one, { message: bad, detail: { [bad]: [bad, { [bad]: bad }] } }));
            await it.give(JSON.stringify(report));
            await it.tab.evaluate(() => document.querySelectorAll("#result details").forEach((one) => (one.open = true)));
            assert.ok((await it.text("#result")).includes("<img src=x"));
            await it.assertHarmless("a report full of markup");
        });

        test("nobody is asked before the reader agrees, and then only whom they agreed to", async () => {
            await lab.clear();
            await it.fill("#cert-spotter", lab.monitors.cert_spotter);
            await it.fill("#crt-sh", lab.monitors.crt_sh);
            const servers = async () => [...new Set((await lab.requests()).map(({ server }) => server))].sort();
            const elsewhere = [];
            it.tab.on("request", (request) => {
                const url = request.url();
                if (/^https?:/.test(url) && !url.startsWith(server.base)) elsewhere.push(url);
            });
            await it.give(`https://${lab.host}/`);
            await it.give(chain("good"));
            assert.deepEqual([await servers(), elsewhere], [[], []]);

            await it.give(lab.host);
            await it.click("#ask-crt-sh");
            await until(async () => (await it.text("#found")).includes("crt.sh was asked"), { why: "crt.sh" });
            assert.deepEqual(await servers(), ["crt-sh"]);
            assert.equal(await it.count("#found .doorlight-timeline"), 1);
            assert.ok(elsewhere.every((url) => url.startsWith(lab.monitors.crt_sh.replace(/\/$/, ""))), elsewhere.join());
            // This one forbids other pages to read it, as the browser sees it; the page says what that may mean.
            await it.click("#ask-cert-spotter");
            await until(async () => (await it.text("#found")).includes("does not allow other pages"), { why: "Cert Spotter" });
            await it.assertHarmless("monitors");
            await lab.command({ do: "answer", where: "cert-spotter", with: { headers: { "access-control-allow-origin": "*" } } });
            await it.click("#ask-cert-spotter");
            await until(async () => (await it.text("#found")).includes("Cert Spotter was asked"), { why: "Cert Spotter that allows it" });

            // The logs: those that allow it prove, the others cannot be read, and neither is an alarm.
            await takePins();
            await it.give(chain("good"));
            assert.equal((await servers()).filter((name) => ["ash", "birch", "cedar"].includes(name)).length, 0);
            for (const name of ["ash", "cedar"]) {
                await lab.command({ do: "answer", where: name, with: { headers: { "access-control-allow-origin": "*" } } });
            }
            await it.click("#ask-logs");
            await until(() => it.count("[id^=log-www]"), { within: 60_000, why: "the logs" });
            const { publication, verdict } = await it.report();
            assert.deepEqual(publication.map(({ inclusion }) => inclusion).sort(), ["not-checked", "proven", "proven"]);
            assert.equal(verdict, "trusted");
            // Somebody else's certificate for the name turns the light, however well this one is known.
            await lab.command({ do: "issue", what: "unknown-other-ca" });
            await it.click("#ask-cert-spotter");
            await until(async () => (await it.light()) === "attention", { why: "somebody else's certificate" });
            assert.ok((await it.text("#found")).includes("The same as a table"));
            const deepened = await it.report();
            assert.deepEqual([deepened.decided_by, deepened.publication.length], [["issuances-unknown"], 3]);
            // It stays known when the same is judged again, or given again.
            await it.judgeAs({ host: lab.host });
            assert.deepEqual((await it.report()).decided_by, ["issuances-unknown"]);
            await it.give(chain("good"));
            await until(async () => (await it.light()) === "attention", { why: "what was asked before" });
            await lab.command({ do: "forget" });
            await lab.command({ do: "heal" });
            await it.assertHarmless("logs");
        });

        test("the page's JSON is the command line's", { skip: !CLI && "no command line" }, async () => {
            const folder = mkdtempSync(join(tmpdir(), "doorlight-www-cli-"));
            try {
                const fresh = await openPage(own, server.base);
                const files = existsSync(real) ? readdirSync(real).filter((name) => name.endsWith(".pem")).sort() : [];
                const chosen = files.filter((_, n) => n % Math.ceil(files.length / 50) === 0);
                if (!chosen.length) console.log("real chains: skipped, they are not beside the project");
                const run = (file, host, at, more = []) => {
                    try {
                        return execFileSync(CLI, ["check", "--chain", file, "--host", host, "--at", at, "--json", ...more], { env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder } }).toString();
                    } catch (error) {
                        return error.stdout.toString();
                    }
                };
                let count = 0;
                for (const name of chosen) {
                    const file = join(real, name);
                    const pem = readFileSync(file, "utf8");
                    const at = new Date(Date.parse(new X509Certificate(pem).validFrom) + 43_200_000).toISOString().replace(".000", "");
                    await fresh.give(pem);
                    await fresh.judgeAs({ host: "example.com", at });
                    assert.equal(await fresh.save("Save the report"), run(file, "example.com", at), name);
                    count += 1;
                }
                // And the lab's, with pins; in this tab nobody was asked anything.
                const kept = it;
                it = fresh;
                await fresh.tab.reload();
                await fresh.ready();
                await believe();
                const file = join(folder, "pins.json");
                writeFileSync(file, pins());
                await takePins();
                const at = new Date().toISOString().replace(/\.\d+/, "");
                for (const name of ["good", "A2", "A5", "A16-markup"]) {
                    await it.give(chain(name));
                    await it.judgeAs({ host: lab.host, at });
                    const more = ["--site", file, "--roots", join(lab.folder, "roots.pem"), "--log-list", join(lab.folder, "log_list.json")];
                    assert.equal(await it.save("Save the report"), run(join(lab.folder, "chains", `${name}.pem`), lab.host, at, more), name);
                    count += 1;
                }
                it = kept;
                console.log(`${kind}: ${count} reports of the page are the command line's, to the letter`);
                await fresh.tab.close();
            } finally {
                removeFolder(folder);
            }
        });

        test("axe finds nothing serious, in both themes, and nothing is wider than 320 pixels", async () => {
            const look = async (name) => {
                await it.tab.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
                for (const scheme of kind === "chromium" ? ["light", "dark"] : ["light"]) {
                    if (kind === "chromium") await it.tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
                    const { violations } = await it.tab.evaluate(`${axe}; axe.run()`);
                    const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
                    assert.deepEqual(serious.map(({ id, nodes }) => [name, scheme, id, nodes[0].html]), []);
                }
                await it.tab.setViewport({ width: 320, height: 700 });
                assert.ok(await it.tab.evaluate(() => document.documentElement.scrollWidth <= 320), `${name} is wider than 320 pixels`);
                await it.tab.setViewport({ width: 820, height: 900 });
            };
            await it.clear();
            await look("empty");
            for (const name of ["good", "between"]) {
                await it.click(`#sample-${name}`);
                await it.settled();
                await look(name);
                await it.clear();
            }
            await it.give(lab.host);
            await look("a name");
            await it.give("hello");
            await look("a complaint");
            await it.give(chain("A16-markup"));
            await look("hostile");
        });

        test("by keyboard alone", async () => {
            await it.clear();
            await it.tab.bringToFront();
            await it.tab.focus("#given");
            await it.fill("#given", chain("good"));
            await it.tab.keyboard.press("Tab");
            await it.tab.keyboard.press("Enter");
            await it.settled();
            // What was found is where the keyboard is, and is read out.
            assert.equal(await it.tab.evaluate(() => document.activeElement.id), "verdict");
        });

        test("without a network, after the first visit", async () => {
            const away = await serve(SITE);
            const page = await openPage(own, away.base);
            await until(async () => (await page.text("#offline")).includes("works without a network"), { why: "the files being kept" });
            await away.stop();
            await page.tab.reload();
            await page.ready();
            await page.click("#sample-good");
            await page.settled();
            assert.equal(await page.light(), "trusted");
            await page.assertHarmless("offline");
            await page.tab.close();
        });

        test("as one file, from disk", async () => {
            const requests = server.requests.length;
            const page = await openPage(own, pathToFileURL(join(SITE, "doorlight.html")).href);
            await page.click("#sample-between");
            await page.settled();
            assert.equal(await page.light(), "danger");
            assert.ok(await page.tab.evaluate(() => document.querySelector("#result .sign").naturalWidth > 0));
            await page.give(chain("good"));
            assert.notEqual(await page.light(), "");
            assert.ok((await page.text("#offline")).includes("one file"));
            await page.fill("#crt-sh", lab.monitors.crt_sh);
            await page.give(lab.host);
            await page.click("#ask-crt-sh");
            await until(() => page.count("#found .doorlight-timeline"), { why: "crt.sh, asked from a file" });
            await page.assertHarmless("from disk");
            assert.equal(server.requests.length, requests);
            await page.tab.close();
        });

        test("nothing was refused by the policy, nothing broke, and the server learnt nothing", async () => {
            await it.assertHarmless("at the end");
            assert.ok(server.requests.every(({ method, target }) => method === "GET" && !target.includes("?")), JSON.stringify(server.requests));
            assert.equal(await it.tab.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length), 0);
            assert.deepEqual(await it.tab.evaluate(() => indexedDB.databases().then((all) => all.length)), 0);
        });
    });
