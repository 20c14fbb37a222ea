// A navigation goes on as what it was: cookies, scheme, name and password. And the gate page leads nowhere but to guarded addresses.
import { describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { KINDS, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";
import { answer, serve, tabs } from "./scenes.mjs";

const PLAIN = "<!doctype html><title>Home</title><link rel=icon href='data:,'><h1>Home</h1>";

/** A lab with a server of our own behind its TLS, another site, and a browser with the home guarded; ended after `scene`. */
async function within(kind, pages, scene, options = {}) {
    const lab = await startLab();
    const server = await serve(pages);
    const script = `document.querySelector("a").href = decodeURIComponent(location.hash.slice(1))`;
    const other = await serve({ "/": `${PLAIN}<a>Go</a><script>${script}</script>` });
    other.base = `http://${lab.other_host}:${other.port}`;
    const own = await launch(kind, lab, options);
    const more = {
        /** Clicks a link to `url` on the other site's page. */
        async link(url, before) {
            const page = await own.browser.newPage();
            await go(page, `${other.base}/#${encodeURIComponent(url)}`);
            await before?.();
            await page.evaluate(() => document.querySelector("a").click()).catch(() => {});
            return page;
        },
        /** The requests for a path that reached the home. */
        got: (path) => server.log.filter(({ method, url }) => method === "GET" && url.startsWith(path)),
    };
    try {
        if (!options.isBare) assert.equal((await own.guard()).light, "trusted");
        await lab.command({ do: "upstream", address: `127.0.0.1:${server.port}` });
        await scene({ lab, own, other, server, ...more });
    } finally {
        await own.close();
        for (const one of [lab, server, other]) one.stop();
    }
}

/** Fails if anything says Danger: the status, the journal, a badge, or the page that `page` shows. */
async function assertNoDanger(own, page) {
    assert.notEqual((await own.status()).light, "danger");
    const { journal } = await own.ask({ ask: "overview" });
    assert.deepEqual(journal.filter(({ what }) => what === "danger"), []);
    assert.ok((await tabs(own)).every(({ badge }) => badge !== "✕"));
    assert.ok(!(await page.evaluate(() => document.querySelector("#page")?.className ?? "")).includes("danger"));
}

for (const kind of KINDS) {
    describe(`going on, in ${kind}`, () => {
        test("cookies: a link of another site arrives without Strict ones, a visit of the user's with them", (t) => {
            const cookies = ["Strict", "Lax", "None"].map((site) => `${site}=secret; Secure; HttpOnly; Path=/; SameSite=${site}`);
            const page = (_, response) => answer(response, PLAIN);
            const pages = { "/set": (_, response) => answer(response, PLAIN, { headers: { "set-cookie": cookies } }) };
            for (const path of ["/control", "/open", "/shut", "/direct", "/visit", "/bookmark"]) pages[path] = page;
            return within(kind, pages, async ({ lab, own, got, link }) => {
                // The names of the cookies that the n-th request for a path carried.
                const names = async (path, n = 1) => {
                    await until(() => got(path).length >= n, { why: `arriving at ${path}` });
                    const cookies = got(path)[n - 1].headers.cookie ?? "";
                    return cookies.split("; ").filter(Boolean).map((one) => one.split("=")[0]).sort();
                };
                const visit = async (path) => {
                    const tab = await own.browser.newPage();
                    await go(tab, `${lab.home}${path}`);
                    await until(async () => (await where(tab)) === `${lab.home}${path}`, { why: `at ${path}` });
                    return tab;
                };
                await (await visit("/set")).close();
                const all = ["Lax", "None", "Strict"];
                const some = ["Lax", "None"];
                const direct = await visit("/visit");
                assert.deepEqual(await names("/visit"), all, "a visit through the open gate");
                await direct.close();
                const seen = {};
                for (const [path, url, before] of [
                    ["/open", `${lab.home}/open`],
                    ["/shut", `${lab.home}/shut`, own.expire],
                    ["/direct", `${own.base}/gate.html#${lab.home}/direct`],
                ]) {
                    const tab = await link(url, before);
                    seen[path] = await names(path);
                    assert.deepEqual(seen[path], some, `a link, ${path}`);
                    await until(async () => (await where(tab)) === `${lab.home}${path}`, { why: `at ${path}` });
                    await tab.close();
                }
                // Chromium's rules send it to the gate page, which cannot tell it from a link. Firefox holds it, and lets it go on; a check that
                // takes longer than the hold (a busy machine) sends it to the gate page too.
                await own.expire();
                const bookmark = await visit("/bookmark");
                seen.bookmark = await names("/bookmark");
                const isHeld = kind === "firefox" && seen.bookmark.includes("Strict");
                assert.deepEqual(seen.bookmark, isHeld ? all : some, "a visit through the shut gate");
                // Measured in Chromium 156: to load it again repeats the navigation as it was. The page's own requests and the next page
                // have all of them.
                await bookmark.reload();
                seen.reloaded = await names("/bookmark", 2);
                if (kind === "chromium") assert.deepEqual(seen.reloaded, some, "after it was loaded again");
                await bookmark.evaluate(() => void fetch("/bookmark"));
                seen.fetched = await names("/bookmark", 3);
                assert.deepEqual(seen.fetched, all, "a request of the page");
                await bookmark.evaluate(() => void (location.href = "/bookmark?next"));
                seen.next = await names("/bookmark", 4);
                assert.deepEqual(seen.next, all, "the next page");
                t.diagnostic(JSON.stringify(seen));
            });
        });

        test("the gate page leads to no address that is not guarded", () =>
            within(kind, { "/x": (_, response) => answer(response, PLAIN) }, async ({ lab, own, other, link }) => {
                other.pages["/login"] = PLAIN;
                const { host, look_alike_port: port } = lab;
                const wanted = [
                    `http://${lab.other_host}:${other.port}/login`,
                    `https://${lab.look_alike_host}:${port}/login`,
                    `https://${host}@${lab.look_alike_host}:${port}/login`,
                    `https://${host}:${port}/login`,
                    `http://${host}:${lab.plain_port}/login`,
                    `//${lab.other_host}:${other.port}/login`,
                    "javascript:document.title='ran'",
                    "data:text/html,<title>ran</title>",
                ];
                const shown = (page) => page.evaluate(() => !document.querySelector("#page").className.includes("checking"));
                const leads = (page) =>
                    page.evaluate(() => [...document.querySelectorAll("a[href], area[href], form")].map((one) => one.href ?? one.action));
                const buttons = (page) =>
                    page.evaluate(() => [...document.querySelectorAll("button")].map((one) => one.innerText));
                for (const [n, url] of wanted.entries()) {
                    const gate = `${own.base}/gate.html#${url}`;
                    // The way that another site has: a link. It comes to the same page.
                    let page = n === 0 ? await link(gate) : await own.browser.newPage();
                    if (n > 0) await go(page, gate, { within: 1500 });
                    await until(async () => (await isAtGate(page)) && (await shown(page)), { why: `the gate page for ${url}` });
                    const foreign = (await leads(page)).filter((href) => !href.startsWith(own.base));
                    assert.deepEqual(foreign, [], `links, for ${url}`);
                    const labels = await buttons(page);
                    for (const [index, label] of labels.entries()) {
                        // To guard a further port is the user's word, and what it leads to is checked first.
                        if (label.includes(`${host}:`)) continue;
                        const target = `button ${JSON.stringify(label)} for ${url}`;
                        await page.evaluate((index) => document.querySelectorAll("button")[index].click(), index).catch(() => {});
                        await sleep(500);
                        // Leaving closes the tab, which Firefox's driver may still list.
                        const href = page.evaluate(() => location.href).catch(() => null);
                        const place = await Promise.race([href, sleep(3000).then(() => null)]);
                        if (place === null) page = await own.browser.newPage();
                        else assert.ok(place.startsWith(own.base), `${target}: ${place}`);
                        await go(page, "about:blank");
                        await go(page, gate, { within: 1500 });
                        await until(async () => (await isAtGate(page)) && (await shown(page)), { why: `again after ${target}` });
                    }
                    await page.close();
                }
                assert.deepEqual(other.log.filter(({ url }) => url.includes("login")), []);
                const others = (await lab.requests()).filter(({ server }) => server !== "home");
                assert.deepEqual(others, []);
                // As a control: for the home it does lead there.
                const home = await link(`${own.base}/gate.html#${lab.home}/x`);
                await until(async () => (await where(home)) === `${lab.home}/x`, { why: "the home" });
            }));

        for (const isStrict of [false, true]) {
            const headers = isStrict ? { "strict-transport-security": "max-age=31536000; includeSubDomains" } : {};
            const page = (_, response) => answer(response, PLAIN, { headers });
            test(`http:// to a home that is known by https arrives as https${isStrict ? ", with HSTS" : ""}, and is no Danger`, () =>
                within(kind, { "/x": page, "/set": page }, async ({ lab, own, got, link }) => {
                    const first = await own.browser.newPage();
                    await go(first, `${lab.home}/set`);
                    await until(() => got("/set").length);
                    await first.close();
                    const plain = lab.home.replace("https:", "http:");
                    let n = 0;
                    for (const isOpen of [true, false]) {
                        for (const byLink of [true, false]) {
                            const path = `/x?y=${++n}`;
                            const url = `${plain}${path}#z`;
                            if (!isOpen) await own.expire();
                            const tab = byLink ? await link(url) : await own.browser.newPage();
                            if (!byLink) await go(tab, url);
                            await until(async () => (await where(tab)) === `${lab.home}${path}#z`, { why: `${url} over https` });
                            assert.equal(got(path).length, 1);
                            await assertNoDanger(own, tab);
                            await tab.close();
                        }
                    }
                    assert.deepEqual((await lab.requests()).filter(({ server }) => server === "plain"), []);
                }));
        }

        test("http:// to another port of the home stays at the gate, sends nothing, and is no Danger", () =>
            within(kind, {}, async ({ lab, own, link }) => {
                const url = `http://${lab.host}:${lab.plain_port}/echo?secret`;
                for (const byLink of [true, false]) {
                    const tab = byLink ? await link(url) : await own.browser.newPage();
                    if (!byLink) await go(tab, url);
                    await until(() => isAtGate(tab), { why: "the gate" });
                    await until(
                        () => tab.evaluate(() => !document.querySelector("#page").className.includes("checking")),
                        { why: "its words" },
                    );
                    await assertNoDanger(own, tab);
                    await sleep(1000);
                    assert.ok(await isAtGate(tab));
                    assert.deepEqual((await lab.requests()).filter(({ server }) => server === "plain"), []);
                    await tab.close();
                }
            }));

        const login = (request, response) => {
            const headers = { "www-authenticate": 'Basic realm="home"' };
            return request.headers.authorization ? answer(response, PLAIN) : answer(response, PLAIN, { status: 401, headers });
        };
        const withUser = (url) => url.replace("https://", "https://user:pass-secret@");
        test("a name and password in a URL stay out of the gate page, and reach nobody", () =>
            within(kind, { "/page": (_, response) => answer(response, PLAIN), "/login": login }, async ({ lab, own, got, link }) => {
                let n = 0;
                for (const isOpen of [true, false]) {
                    for (const byLink of [true, false]) {
                        const path = `/page?${++n}`;
                        if (!isOpen) await own.expire();
                        const tab = byLink ? await link(withUser(`${lab.home}${path}`)) : await own.browser.newPage();
                        if (!byLink) await go(tab, withUser(`${lab.home}${path}`));
                        await until(async () => (await where(tab)) === `${lab.home}${path}`, { why: `at ${path}` });
                        assert.deepEqual(got(path).map(({ headers }) => headers.authorization), [undefined]);
                        await tab.close();
                    }
                }
                // Where the gate stays shut its page is there to look at.
                await lab.present("A5");
                await own.expire();
                const shut = await link(withUser(`${lab.home}/page?shut`));
                await until(
                    async () => (await where(shut)) === `${own.base}/gate.html#${lab.home}/page?shut`,
                    { why: "the gate, without them" },
                );
                const text = await shut.evaluate(() => document.documentElement.outerHTML);
                assert.ok(!text.includes("pass-secret"));
                await lab.present("good");
                await own.ask({ ask: "check-again", address: lab.address });
                // A home that asks for a name and a password gets none out of the URL.
                const asked = await own.browser.newPage();
                void asked.goto(withUser(`${lab.home}/login`)).catch(() => {});
                await until(() => got("/login").length, { why: "the request" });
                await sleep(1000);
                assert.ok(got("/login").every(({ headers }) => headers.authorization === undefined));
            }));

        test("without the extension the browser hands out the name and password of a URL", () =>
            within(
                kind,
                { "/login": login },
                async ({ lab, own, got }) => {
                    const page = await own.browser.newPage();
                    await go(page, withUser(`${lab.home}/login`));
                    await until(() => got("/login").some(({ headers }) => headers.authorization), { why: "name and password" });
                },
                { isBare: true },
            ));
    });
}
