// The page about passwords: what it says, that it works without a mouse, that nothing leaves it or stays, and that its module is nowhere else.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLab } from "./lab.mjs";
import { removeFolder } from "./machine.mjs";
import { KINDS, go, launch, sleep, until, where } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// No password that is in any list or file of this project but this one.
const TYPED = "Vxq7 brumpelkaff 9 zwirnel";

for (const kind of KINDS) {
    describe(`passwords in ${kind}`, () => {
        let lab, own, page;
        before(async () => {
            lab = await startLab();
            own = await launch(kind, lab);
            await own.guard();
            page = await own.page("passwords.html");
            await until(() => page.evaluate(() => Boolean(document.querySelector("#password"))), { why: "the page" });
        });
        after(async () => {
            await own?.close();
            lab?.stop();
        });

        const text = (selector) => page.evaluate((selector) => document.querySelector(selector)?.innerText ?? "", selector);
        const empty = (selector) =>
            page.evaluate((selector) => {
                const input = document.querySelector(selector);
                input.focus();
                input.select();
            }, selector);
        const type = async (selector, typed) => {
            await empty(selector);
            await page.keyboard.press("Backspace");
            await page.keyboard.type(typed);
        };
        /** Types it, and waits for the word. */
        const rated = async (typed, strength) => {
            await type("#password", typed);
            await until(async () => (await text("#rating strong")) === strength, { why: `${typed}: ${strength}` }).catch(async (error) => {
                throw new Error(`${error.message}; it says: ${await text("#rating")}`);
            });
            return text("#rating");
        };
        const bars = () => page.evaluate(() => document.querySelectorAll(".meter .full").length);
        const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.innerText);
        /** Goes on by the tabulator until it is there. */
        const tabTo = async (wanted) => {
            const seen = [];
            for (let n = 0; n < 30; n++) {
                await page.keyboard.press("Tab");
                seen.push(await focused());
                if (seen.at(-1) === wanted) return;
            }
            assert.fail(`${wanted} is not reached: ${seen.join(" > ")}`);
        };

        test("it says how good a password is, in words and bars", async () => {
            const weak = await rated("password", "Very weak");
            assert.match(weak, /one of the ten most used/);
            const readOut = await page.evaluate(() => document.querySelector("#strength[role=status]").textContent);
            assert.match(readOut, /^Very weak\. .*one of the ten most used/);
            assert.equal(await bars(), 0);
            assert.match(weak, /less than a second/);
            assert.match(await rated("kaltenbrunnenweg", "Strong"), /centuries/);
            assert.equal(await bars(), 4);
            assert.match(await rated("hey<123", "Fair"), /Add one or two more words/);
            assert.equal(await bars(), 2);
            const long = await rated("correct horse battery staple ".repeat(5), "Strong");
            assert.match(long, /first 100 characters/);
            assert.match(long, /more than 58 years/);
            // What the module says by itself is what stands there.
            for (const [typed, score] of [["password", 0], ["hey<123", 2], ["kaltenbrunnenweg", 4]]) {
                const said = await page.evaluate((typed) => globalThis.doorlightPasswords.rate(typed, []), typed);
                assert.equal(JSON.parse(said).score, score, typed);
            }
        });

        test("what others know counts: what is typed, and the name of the home by itself", async () => {
            await type("#known", "");
            await rated("kaltenbrunnenweg", "Strong");
            await type("#known", "Anna Kaltenbrunnenweg");
            await until(async () => (await text("#rating strong")) === "Very weak", { why: "the street counts" });
            await type("#known", "");
            await rated(lab.host, "Very weak");
        });

        // Every sign on a keyboard, and no pattern in it: the rating tries them all.
        const SLOW = " .,?!'-/_:;+()@$\"#&*<>=[]\\~%^{}|1234567890";
        const slow = (length) => SLOW.repeat(3).slice(0, length);
        /** Puts it in at once, as a password manager does; says how long the rating took, and how long the page did nothing else meanwhile. */
        const paste = (typed) =>
            page.evaluate(async (typed) => {
                const [input, rating] = ["#password", "#rating"].map((one) => document.querySelector(one));
                rating.replaceChildren();
                let [longest, last, isOver] = [0, performance.now(), false];
                const { port1, port2 } = new MessageChannel();
                port1.onmessage = () => {
                    const now = performance.now();
                    longest = Math.max(longest, now - last);
                    last = now;
                    if (!isOver) port2.postMessage(0);
                };
                port2.postMessage(0);
                const tasks = [];
                try {
                    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
                } catch {}
                input.value = typed;
                input.dispatchEvent(new InputEvent("input", { bubbles: true }));
                const begun = performance.now();
                while (!rating.firstChild) await new Promise((done) => setTimeout(done, 20));
                // What the page draws of it, too.
                await new Promise((done) => setTimeout(done, 100));
                isOver = true;
                return { took: performance.now() - begun, longest, tasks };
            }, typed);

        test("the page goes on while a long one is rated, and the next key ends that", async (context) => {
            const { took, longest, tasks } = await paste(slow(84));
            context.diagnostic(`rated in ${took.toFixed(0)} ms; the page's longest task ${Math.max(longest, ...tasks).toFixed(0)} ms`);
            assert.equal(await text("#rating strong"), "Strong");
            assert.ok(took > 900, `not slow at all: ${took} ms`);
            assert.ok(longest * 5 < took, `the page stood still for ${longest} of ${took} ms`);
            // Not waited for: the worker is ended, and the next rating comes at once.
            await type("#password", "x");
            await page.evaluate((typed) => {
                const input = document.querySelector("#password");
                input.value = typed;
                input.dispatchEvent(new InputEvent("input", { bubbles: true }));
            }, slow(84));
            await sleep(500);
            await page.evaluate(() => {
                globalThis.endedWorkers = 0;
                const { terminate } = Worker.prototype;
                Worker.prototype.terminate = function () {
                    globalThis.endedWorkers++;
                    return terminate.call(this);
                };
            });
            await rated("password", "Very weak");
            assert.equal(await page.evaluate(() => globalThis.endedWorkers), 1, "the rating was waited for");
            await sleep(took);
            assert.equal(await text("#rating strong"), "Very weak", "what was ended says nothing any more");
        });

        test("the worker has nothing to send with, and no other may be", async () => {
            const refused = await page.evaluate(async () => {
                const foreign = ["data:text/javascript,postMessage(0)", "https://example.org/x.js"].map((url) => {
                    return new Promise((done) => {
                        try {
                            const other = new Worker(url);
                            other.onmessage = () => done(`${url} runs`);
                            // Not every browser says that it refuses one.
                            other.onerror = () => done("refused");
                            setTimeout(() => done("refused"), 2000);
                        } catch {
                            done("refused");
                        }
                    });
                });
                return Promise.all(foreign);
            });
            assert.deepEqual(refused, ["refused", "refused"]);
            await rated("hey<123", "Fair");
            // Firefox's driver does not reach into a worker.
            if (kind !== "chromium") return;
            const workers = page.workers().filter((one) => one.url().endsWith("/rater.js"));
            assert.equal(workers.length, 1);
            const names = ["FontFace", "fetch", "XMLHttpRequest", "WebSocket", "WebTransport", "EventSource", "BroadcastChannel", "Worker", "importScripts", "indexedDB", "caches"];
            const left = await workers[0].evaluate((names) => names.filter((name) => name in globalThis), names);
            assert.deepEqual(left, []);
        });

        test("shown and hidden; cleared when emptied; never in a form", async () => {
            const kindOf = () => page.evaluate(() => document.querySelector("#password").type);
            assert.equal(await kindOf(), "password");
            await page.evaluate(() => document.querySelector("[aria-controls=password]").focus());
            assert.equal(await focused(), "Show what I type");
            await page.keyboard.press("Enter");
            assert.equal(await kindOf(), "text");
            assert.equal(await focused(), "Hide what I type");
            await page.keyboard.press(" ");
            assert.equal(await kindOf(), "password");
            await type("#password", "");
            await until(async () => (await text("#rating")) === "", { why: "nothing to rate" });
            assert.equal(await page.evaluate(() => document.forms.length + document.querySelectorAll("input:not([autocomplete=off]):not([type=radio])").length), 0);
        });

        test("a new one without a mouse", async () => {
            await page.evaluate(() => document.querySelector("#known").focus());
            await tabTo("kind-words");
            await tabTo("count");
            await page.keyboard.press("Enter");
            const words = await until(() => text("#made code"));
            assert.equal(words.split(" ").length, 6, words);
            assert.match(await text("#made"), /^77\.5 bits/m);
            await page.keyboard.press("Enter");
            await until(async () => (await text("#made code")) !== words, { why: "another one" });

            await page.evaluate(() => document.querySelector("#known").focus());
            await tabTo("kind-words");
            await page.keyboard.press("ArrowDown");
            await tabTo("count");
            assert.equal(await page.evaluate(() => document.activeElement.value), "20");
            assert.equal(await text("#count-hint"), "From 8 to 128.");
            await type("#count", "16");
            await tabTo("Make a password");
            await page.keyboard.press("Enter");
            await until(async () => (await text("#made code")).length === 16, { why: "16 characters" });
            assert.match(await text("#made"), /^99\.4 bits/m);
            for (const wrong of ["7", "129", "", "1e2"]) {
                await type("#count", wrong);
                await page.keyboard.press("Enter");
                await until(async () => /from 8 to 128/.test(await text("#count-complaint")), { why: `"${wrong}" is refused` });
                assert.equal(await text("#made"), "", wrong);
                await type("#count", "8");
                await page.keyboard.press("Enter");
                await until(async () => (await text("#made code")).length === 8, { why: "8 characters" });
                assert.equal(await text("#count-complaint"), "");
            }
            await tabTo("Copy");
            await page.keyboard.press("Enter");
            await until(async () => /Copied\./.test(await text("#said")), { why: "it says that it was copied" });
        });

        test("axe finds nothing, light and dark; nothing is cut off at 320 pixels; no text is missing", async () => {
            await rated("hey<123", "Fair");
            for (const scheme of kind === "chromium" ? ["light", "dark"] : []) {
                await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
                for (const typed of [["password", "Very weak"], ["hey<123", "Fair"], ["kaltenbrunnenweg", "Strong"]]) {
                    await rated(...typed);
                    const { violations } = await page.evaluate(`${axe}; axe.run()`);
                    assert.deepEqual(violations.map(({ id, nodes }) => [scheme, id, nodes[0].html]), []);
                }
            }
            assert.deepEqual(await page.evaluate(() => document.body.innerText.match(/\b[a-z]+(_[a-z]+)+\b/g)), null);
            await page.setViewport({ width: 320, height: 600 });
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
        });

        test("nothing leaves the page, and nothing is kept", async () => {
            const kept = () =>
                page.evaluate(async () => ({
                    local: await chrome.storage.local.get(null),
                    session: await chrome.storage.session.get(null),
                    own: [{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.length],
                    databases: await indexedDB.databases(),
                    caches: await caches.keys().catch(() => []),
                }));
            const before = await kept();
            await lab.clear();
            await rated(TYPED, "Strong");
            await type("#known", "Zwirnelhausen");
            await type("#count", "12");
            await page.keyboard.press("Enter");
            const made = await until(() => text("#made code"));
            await sleep(1500);
            const now = await kept();
            assert.deepEqual(now.own, before.own);
            assert.deepEqual(now.databases, before.databases);
            assert.deepEqual(now.caches, []);
            const everything = JSON.stringify(now);
            assert.ok(everything.includes(lab.host), "this is the storage that is used");
            for (const secret of [TYPED, "Zwirnelhausen", made]) {
                assert.ok(!everything.includes(JSON.stringify(secret).slice(1, -1)), "something was kept");
            }
            assert.deepEqual(await lab.requests(), []);
            const entries = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
            assert.deepEqual(entries.filter((name) => !name.startsWith(own.base)), []);

            // It could not even if it wanted; other pages can, so that the log would show it.
            const send = (page) => page.evaluate((url) => fetch(url, { mode: "no-cors" }).then(() => "sent", () => "not sent"), `${lab.elsewhere}/?typed`);
            assert.equal(await send(page), "not sent");
            const other = await own.page("options.html");
            await send(other);
            await until(async () => (await lab.requests()).length === 1, { why: "the log sees the other page's request" });
            await other.close();
        });

        test("who comes back to the page finds it empty", async () => {
            await rated(TYPED, "Strong");
            await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
            const left = () => page.evaluate(() => [document.querySelector("#password").value, document.querySelector("#known").value]);
            assert.deepEqual(await left(), ["", ""]);
            assert.equal((await text("#rating")) + (await text("#made")), "");
            await rated(TYPED, "Strong");
            await go(page, `${own.base}/setup.html`, { within: 1500 });
            await until(async () => (await where(page)).endsWith("/setup.html"), { why: "somewhere else" });
            await page.evaluate(() => history.back());
            await until(() => page.evaluate(() => location.pathname === "/passwords.html" && Boolean(document.querySelector("#password"))), { why: "back again" });
            assert.deepEqual(await left(), ["", ""]);
        });

        test("the module is loaded here and nowhere else", async () => {
            const MODULE = "doorlight_passwords";
            // Firefox's driver shows no requests for the extension's own files; there the next test is the proof.
            const asked = async (path) => {
                const other = await own.browser.newPage();
                const names = [];
                other.on("request", (request) => names.push(request.url().slice(own.base.length + 1)));
                await go(other, `${own.base}/${path}`, { within: 1500 });
                await until(() => other.evaluate(() => Boolean(document.querySelector("main h1")) && !document.querySelector(".loading, .checking")), { why: path });
                const hasModule = await other.evaluate(() => typeof globalThis.doorlightPasswords === "object");
                await other.close();
                return { names, hasModule };
            };
            const here = await asked("passwords.html");
            assert.ok(here.hasModule);
            // By its worker, which asks for it as soon as it is there.
            if (kind === "chromium") assert.deepEqual(here.names.filter((name) => name.startsWith(MODULE)).sort(), [`${MODULE}.js`, `${MODULE}_bg.wasm`]);
            for (const path of ["options.html", "setup.html", "popup.html", "gate.html#http://plain.example/"]) {
                const { names, hasModule } = await asked(path);
                assert.ok(!hasModule, path);
                if (kind === "chromium") assert.ok(names.includes("doorlight_pages_bg.wasm"), `${path}: ${names}`);
                assert.deepEqual(names.filter((name) => name.includes(MODULE)), [], path);
            }

            // Nor could it be: nothing else names it.
            const folder = join(process.env.DOORLIGHT_EXTENSION, kind);
            const files = readdirSync(folder, { recursive: true }).filter((name) => /\.(js|html|json|wasm)$/.test(name) && !name.startsWith(MODULE));
            const naming = (what) => files.filter((name) => readFileSync(join(folder, name)).includes(what));
            assert.ok(files.includes("background.js") && files.includes("doorlight_pages_bg.wasm"), files.join());
            assert.deepEqual(naming(MODULE), ["rater.js"]);
            assert.deepEqual(naming("rater.js"), ["passwords.js"]);
            // In the worker as the end of the module's name.
            assert.deepEqual(naming("passwords.js").sort(), ["passwords.html", "rater.js"]);
        });

        test("without the module everything else works, and this page says what is missing", async () => {
            const folder = mkdtempSync(join(tmpdir(), "doorlight-without-"));
            const whole = process.env.DOORLIGHT_EXTENSION;
            let bare;
            try {
                cpSync(join(whole, kind), join(folder, kind), { recursive: true });
                for (const name of ["doorlight_passwords.js", "doorlight_passwords_bg.wasm"]) rmSync(join(folder, kind, name));
                process.env.DOORLIGHT_EXTENSION = folder;
                bare = await launch(kind, lab);
                await bare.guard();
                assert.equal((await bare.status()).light, "trusted");
                for (const path of ["options.html", "setup.html", "popup.html", "passwords.html"]) {
                    const other = await bare.page(path);
                    await until(() => other.evaluate(() => Boolean(document.querySelector("main h1")) && !document.querySelector(".loading")), { why: path });
                    const says = await other.evaluate(() => document.body.innerText);
                    assert.equal(/could not start/.test(says), path === "passwords.html", `${path}: ${says}`);
                    await other.close();
                }
            } finally {
                process.env.DOORLIGHT_EXTENSION = whole;
                await bare?.close();
                removeFolder(folder);
            }
        });
    });
}
