// Real browsers with the extension in them: stock settings, a new profile each, the lab's authorities trusted as a machine's owner would.
import puppeteer from "puppeteer-core";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync, cpSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endBrowser, removeFolder, running } from "./machine.mjs";

/** Which browsers are tested: all, or the one that DOORLIGHT_BROWSER names. */
export const KINDS = process.env.DOORLIGHT_BROWSER ? [process.env.DOORLIGHT_BROWSER] : ["chromium", "firefox"];
const UUID = "6c0ffee0-d00d-4a11-8b0a-7e1e5c0ffee5";
const ADDON = "doorlight@doorlight.dev";
export const PATHS = {
    chromium: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"],
    // DOORLIGHT_FIREFOX=PATH: another one than Debian's ESR, such as the release.
    firefox: process.env.DOORLIGHT_FIREFOX ? [process.env.DOORLIGHT_FIREFOX] : ["/usr/bin/firefox-esr", "/usr/bin/firefox"],
};

/** Why `browser` cannot keep the extension over a restart; false where it can. A release Firefox installs no unsigned add-on but for as long as it runs. */
export function cannotStay(kind) {
    if (kind !== "firefox" || !process.env.DOORLIGHT_FIREFOX) return false;
    const version = execFileSync(process.env.DOORLIGHT_FIREFOX, ["--version"], { encoding: "utf8" });
    return !/esr|nightly/i.test(version) && `${version.trim()} installs no unsigned add-on for good`;
}

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** A driver that gave no answer: no word about the product. */
export class Hung extends Error {}

const NOTHING = Symbol("no answer");

/** `work`, or [`NOTHING`] after so many milliseconds: under load a driver loses a frame now and then, and never answers for it. */
function answered(work, milliseconds) {
    let timer;
    const end = new Promise((done) => (timer = setTimeout(done, milliseconds, NOTHING)));
    return Promise.race([work, end]).finally(() => clearTimeout(timer));
}

/** Waits until `what()` is truthy, and returns it. Patient: a slow machine is no failure, and what is quick costs no more. */
export async function until(what, { within = 30_000, every = 50, why = what } = {}) {
    const end = Date.now() + within;
    const patience = Math.max(within / 3, 10_000);
    for (;;) {
        const attempt = Promise.resolve().then(what).catch(() => undefined);
        const value = await answered(attempt, patience);
        if (value && value !== NOTHING) return value;
        if (Date.now() > end) throw new (value ? Hung : Error)(`not within ${within} ms: ${why}`);
        await sleep(every);
    }
}

function trust(database, lab, clientCertificate) {
    mkdirSync(database, { recursive: true });
    execFileSync("certutil", ["-N", "-d", `sql:${database}`, "--empty-password"]);
    lab.trusted.forEach((file, n) =>
        execFileSync("certutil", ["-A", "-d", `sql:${database}`, "-n", `lab ${n}`, "-t", "C,,", "-i", file]),
    );
    if (clientCertificate) execFileSync("pk12util", ["-i", clientCertificate, "-d", `sql:${database}`, "-W", ""]);
}

/**
 * Host permissions are given from a click, and headless browsers show no prompt for it. So the copy of the extension that is tested here has the lab's
 * host from the start, by one key more in its manifest, and those of `hosts`. The prompt itself is answered in `permission.test.mjs`. `files`: for each file that
 * is to be another, what makes it out of what it was; for benchmarks.
 */
function prepared(kind, lab, folder, { isStock, hasWatch, hasCookies = true, mayDownload, hosts = [], files = {} }) {
    const extension = join(folder, "extension");
    cpSync(join(process.env.DOORLIGHT_EXTENSION, kind), extension, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(extension, "manifest.json"), "utf8"));
    const schemes = kind === "chromium" ? ["*", "ws", "wss"] : ["*"];
    const patterns = (host) => schemes.map((scheme) => `${scheme}://${host}/*`);
    if (!isStock) manifest.host_permissions = [lab.host, ...hosts].flatMap(patterns);
    // The same goes for the permission over cookies, which is asked for with the address.
    if (kind === "chromium" && !isStock && hasCookies) manifest.permissions.push("contentSettings");
    if (mayDownload) manifest.permissions.push("downloads");
    if (hasWatch) {
        manifest.host_permissions.push("http://127.0.0.1/*", "https://127.0.0.1/*");
        manifest.permissions.push("notifications");
    }
    writeFileSync(join(extension, "manifest.json"), JSON.stringify(manifest));
    for (const [name, change] of Object.entries(files)) {
        writeFileSync(join(extension, name), change(readFileSync(join(extension, name), "utf8")));
    }
    return extension;
}

/** Home and profile of a browser that starts for the first time. What the driver installs is gone after a restart of Firefox, so for that it is put into the profile. */
function furnish(kind, lab, folder, options) {
    const extension = prepared(kind, lab, folder, options);
    trust(join(folder, kind === "chromium" ? "home/.pki/nssdb" : "profile"), lab, options.clientCertificate);
    if (kind === "chromium" && (options.isLoaded || options.saved)) {
        mkdirSync(join(folder, "profile/Default"), { recursive: true });
        const preferences = {
            // An unpacked extension that reloads itself is back only in developer mode.
            ...(options.isLoaded && { extensions: { ui: { developer_mode: true } } }),
            ...(options.saved && {
                download: { default_directory: options.saved, prompt_for_download: false },
                profile: { default_content_setting_values: { automatic_downloads: 1 } },
            }),
        };
        writeFileSync(join(folder, "profile/Default/Preferences"), JSON.stringify(preferences));
    }
    if (kind === "firefox" && options.isInstalled) {
        mkdirSync(join(folder, "profile/extensions"));
        execFileSync("zip", ["-qr", join(folder, "profile/extensions", `${ADDON}.xpi`), "."], { cwd: extension });
    }
}

/** Chromium's ID for an unpacked extension: the first half of its path's digest, in the letters a to p. */
const idOf = (extension) => {
    const digest = createHash("sha256").update(realpathSync(extension)).digest("hex").slice(0, 32);
    return [...digest].map((digit) => String.fromCharCode(97 + parseInt(digit, 16))).join("");
};

/** The browser, and the origin of the extension's pages in it. */
async function start(kind, lab, folder, options) {
    const extension = join(folder, "extension");
    const profile = join(folder, "profile");
    const executablePath = PATHS[kind].find(existsSync);
    let browser;
    if (kind === "chromium") {
        browser = await puppeteer.launch({
            executablePath,
            pipe: true,
            enableExtensions: options.isBare || options.isLoaded ? false : [extension],
            userDataDir: profile,
            headless: !options.isVisible,
            defaultViewport: null,
            env: { ...process.env, HOME: join(folder, "home") },
            ignoreDefaultArgs: [...(options.isLoaded ? ["--disable-extensions"] : []), ...(options.ignoreDefaultArgs ?? [])],
            args: [
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-proxy-server",
                "--host-resolver-rules=MAP *.test 127.0.0.1",
                ...(options.isLoaded ? [`--load-extension=${extension}`, "--disable-features=DisableLoadExtensionCommandLineSwitch"] : []),
                ...(options.args ?? []),
            ],
        });
    } else {
        // It is not signed: hence the two settings.
        const isInstalled = Boolean(options.isInstalled);
        const installed = { "xpinstall.signatures.required": false, "extensions.autoDisableScopes": 0 };
        browser = await puppeteer.launch({
            browser: "firefox",
            executablePath,
            headless: !options.isVisible,
            userDataDir: profile,
            defaultViewport: null,
            // What the ESR wants as an argument the drivers of newer ones want in the environment.
            env: { ...process.env, MOZ_REMOTE_ALLOW_SYSTEM_ACCESS: "1" },
            args: ["--remote-allow-system-access", ...(options.args ?? [])],
            extraPrefsFirefox: {
                "network.proxy.type": 0,
                "network.dns.localDomains": [lab.host, lab.other_host, lab.look_alike_host, lab.secret_host].join(","),
                "extensions.webextensions.uuids": JSON.stringify({ [ADDON]: UUID }),
                ...(isInstalled ? installed : {}),
                // The driver sets this to 0, and the browser then spins on a tab that it cannot unload
                // (`AsyncTabSwitcher`): every request takes a quarter of a second.
                "browser.tabs.remote.unloadDelayMs": 300,
                ...(options.prefs ?? {}),
            },
        });
        if (!isInstalled && !options.isBare) await browser.installExtension(extension);
    }
    // A page's worker may be there first.
    const worker = (target) => target.type() === "service_worker" && target.url().startsWith("chrome-extension://");
    const found = async () => new URL((await browser.waitForTarget(worker)).url()).host;
    const id = kind === "firefox" || options.isBare ? UUID : options.isLoaded ? idOf(extension) : await found();
    return { browser, base: `${kind === "firefox" ? "moz" : "chrome"}-extension://${id}` };
}

/**
 * `isBare`: without the extension, to compare. `isLoaded`: Chromium has the extension from its own start, and keeps its dynamic rules over restarts; what the driver
 * installs is installed anew each time. Firefox: `isInstalled`.
 */
export async function launch(kind, lab, options = {}) {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), `doorlight-${kind}-`));
    if (!existsSync(join(folder, "extension"))) furnish(kind, lab, folder, options);
    running.add(folder);
    const begin = () =>
        start(kind, lab, folder, options).catch((error) => {
            endBrowser(folder);
            throw error;
        });
    // Measured: of some twenty restarts of Chromium the driver misses the worker of one, which was there before it looked, and leaves the browser behind.
    const { browser, base } = await begin().catch(async (error) => {
        console.error(`${kind} is started once more: ${error.message}`);
        await sleep(2000);
        return begin();
    });
    const own = {
        kind,
        browser,
        base,
        folder,
        /** A page of the extension. Firefox's driver does not notice when such a page has loaded. */
        async page(path) {
            const page = await browser.newPage();
            await go(page, `${base}/${path}`, { within: kind === "firefox" ? 1000 : 8000 });
            await until(() => page.evaluate(() => Boolean(globalThis.chrome?.runtime?.id)));
            return page;
        },
        /** Asks the background, from a page of the extension. */
        async ask(message) {
            own.asker ??= await own.page("options.html");
            const ask = () => own.asker.evaluate((message) => chrome.runtime.sendMessage(message), message);
            for (let tries = 20; ; tries--) {
                try {
                    return await ask();
                } catch (error) {
                    // A background on its way to sleep (Firefox) heard nothing, and wakes for the next one.
                    if (!tries || !error.message.includes("Receiving end does not exist")) throw error;
                    await sleep(100);
                }
            }
        },
        /** The way a user sets up: own roots and list, then the address. */
        async guard({ pins = lab.pins, address = lab.address, consents = {}, ...settings } = {}) {
            const { settings: now } = await own.ask({ ask: "overview" });
            const wanted = { ...now, roots: lab.roots, log_list: lab.logList, ...settings };
            const changed = await own.ask({ ask: "change", settings: wanted });
            if (changed.trouble) throw new Error(JSON.stringify(changed.trouble));
            if (pins) await own.ask({ ask: "import-pins", json: pins });
            const guarded = await own.ask({ ask: "guard", address });
            for (const [address, consent] of Object.entries(consents)) await own.ask({ ask: "consent", address, consent });
            return guarded;
        },
        status: (url = lab.home) => own.ask({ ask: "status", url }),
        /** Nothing that was checked before counts any longer, as after a long sleep. */
        async expire() {
            const { settings } = await own.ask({ ask: "overview" });
            await own.ask({ ask: "change", settings });
        },
        /** Ends the background, as the browser does after half a minute. Chromium only. */
        async killWorker() {
            const target = browser.targets().find((target) => target.type() === "service_worker" && target.url().startsWith(base));
            await (await target?.worker())?.close().catch(() => {});
        },
        /** Sign and title in the toolbar for the tabs whose URL starts so. */
        async action(prefix) {
            own.asker ??= await own.page("options.html");
            return own.asker.evaluate(async (prefix) => {
                const tabs = (await chrome.tabs.query({})).filter(({ url }) => url?.startsWith(prefix));
                const of = async ({ id }) => ({
                    badge: await chrome.action.getBadgeText({ tabId: id }),
                    title: await chrome.action.getTitle({ tabId: id }),
                });
                return Promise.all(tabs.map(of));
            }, prefix);
        },
        async close() {
            const closed = browser.close().then(
                () => true,
                () => true,
            );
            if ((await answered(closed, 30_000)) === NOTHING) endBrowser(folder);
            running.delete(folder);
            if (!options.folder) removeFolder(folder);
        },
    };
    return own;
}

/** Goes somewhere, and waits until the tab has loaded it or stands at the gate, which Firefox's driver does not notice. */
export async function go(page, url, { within = 8000 } = {}) {
    // The gate may go on by itself at the same moment; Firefox's driver never hears of the end of the other navigation then.
    if (await isAtGate(page)) await page.goto("about:blank", { timeout: 3000 }).catch(() => {});
    const gone = page.goto(url, { timeout: within }).catch(() => {});
    let isDone = false;
    const atGate = async () => {
        while (!isDone && !(await isAtGate(page))) await sleep(50);
    };
    await Promise.race([gone, atGate(), sleep(within)]);
    isDone = true;
}

/** Leaves what a tab shows. Where that goes somewhere by itself at the same moment, Firefox's driver gives up: then once more. */
export const leave = (page, to = "about:blank") =>
    until(async () => Boolean(await page.goto(to, { timeout: 8000 })) || (await where(page)) === to, { why: `leaving for ${to}` });

/** True for a tab that stands at the gate. */
export const isAtGate = async (page) => (await where(page)).includes("/gate.html");

/** Where a tab really is; drivers may not notice when an extension moves it. */
export async function where(page) {
    const url = await answered(page.evaluate(() => location.href).catch(() => NOTHING), 5000);
    return url === NOTHING ? page.url() : url;
}
