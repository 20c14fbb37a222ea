// The good home: the page arrives as if nothing stood in between.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { assertNothingOfTheUsers } from "./asserts.mjs";
import { KINDS, go, isAtGate, launch, leave, sleep, until, where } from "./browser.mjs";

for (const kind of KINDS) {
    describe(`the good home in ${kind}`, () => {
        let lab, own, page;
        before(async () => {
            lab = await startLab();
            own = await launch(kind, lab);
            await own.guard();
            page = await own.browser.newPage();
        });
        after(async () => {
            await own?.close();
            lab?.stop();
        });
        // Where the tab stands instead, and what went out, tells a lost form from a slow one and from a driver that lost the tab.
        const arrive = (url) =>
            until(async () => (await where(page)) === url, { why: `arriving at ${url}` }).catch(async (cause) => {
                const sent = (await lab.requests()).map(({ server, method, target }) => `${server} ${method} ${target}`);
                throw new Error(`${cause.message}; at ${await where(page)}, after ${JSON.stringify(sent)}`, { cause });
            });
        const text = (id) => until(() => page.evaluate((id) => document.getElementById(id)?.textContent, id));

        test("query and fragment arrive through the gate, after a bare probe", async () => {
            await own.expire();
            await lab.clear();
            const url = `${lab.home}/echo?q=1&x=%20&%F0=%9F&y=a%2Fb#fragment?not=query&%20`;
            await go(page, url);
            await arrive(url);
            assert.equal(await text("href"), url);
            assert.equal(JSON.parse(await text("echo")).target, "/echo?q=1&x=%20&%F0=%9F&y=a%2Fb");
            const requests = await lab.requests();
            assert.equal(requests[0].method, "HEAD");
            assertNothingOfTheUsers(requests.filter(({ method }) => method === "HEAD"));
            const own_probe = requests[0].headers;
            for (const header of ["origin", "referer"]) assert.equal(own_probe[header], undefined, header);
        });

        for (const path of [
            "/auth/external/callback?code=4%2F0AX4XfWh%2Bq&state=eyJhbGciOiJIUzI1NiJ9.e30.x_y-z&scope=a%20b+c",
            "/lovelace/0?x=%23not-a-fragment#/dashboard?y=1&z=%2F",
            "/?redirect_uri=https://myhome.test:9443/?auth_callback=1#a#b",
            "/p%C3%A4th/%E2%9C%93?q=%22%3Cb%3E%22'\"<>|{}^`",
            "/a//b/../c/./d;e=1,2;f?;;&&==",
            "/%5C..%2f%2e%2e/?%00",
            `/long?state=${"a".repeat(9000)}`,
            "/question?",
            "/hash#",
            "/?a=\\0&b=\\1&c=$1",
            "/umlaut?ä=ö#ü",
        ]) {
            test(`${path.slice(0, 60)} arrives as it was asked for`, async () => {
                await leave(page);
                await own.expire();
                await lab.clear();
                // Chromium's way to the gate is a fragment, in which the URL standard escapes one sign that it lets stand in a query.
                const { href, pathname, search } = new URL(lab.home + (kind === "chromium" ? path.replace("`", "%60") : path));
                await go(page, lab.home + path);
                await arrive(href);
                const asked = (await lab.requests()).filter(({ method, target }) => method === "GET" && target !== "/favicon.ico");
                // A question mark with nothing behind it is part of what is asked for.
                const wanted = href.includes("?") && !search ? `${pathname}?` : pathname + search;
                assert.deepEqual([...new Set(asked.map(({ target }) => target))], [wanted]);
            });
        }

        test("a link on another site arrives", async () => {
            await leave(page);
            await own.expire();
            const url = `${lab.home}/echo?from=link#there`;
            await go(page, `${lab.elsewhere}/link?to=${encodeURIComponent(url)}`);
            await until(() => page.evaluate(() => document.getElementById("link")?.click() ?? Boolean(document.getElementById("link"))));
            await arrive(url);
        });

        test("cookies are kept and sent", async () => {
            await go(page, `${lab.home}/`);
            await arrive(`${lab.home}/`);
            await go(page, `${lab.home}/echo`);
            await until(async () => (await text("echo")).includes("session=secret-cookie"));
            assert.match(JSON.parse(await text("echo")).cookie, /session=secret-cookie/);
        });

        test("a WebSocket opens and talks", async () => {
            await go(page, `${lab.home}/socket`);
            await until(() => page.evaluate(() => document.body.dataset.socket?.includes("secret-token")));
        });

        test("a login is typed and sent", async () => {
            await go(page, `${lab.home}/auth/plain?client=1`);
            await page.waitForSelector("input[name=password]", { timeout: 30_000 });
            await lab.clear();
            await page.type("input[name=username]", "user");
            await page.type("input[name=password]", "pass word");
            await page.keyboard.press("Enter");
            const login = await until(async () =>
                (await lab.requests()).find(({ method, target }) => method === "POST" && target === "/auth/login"),
            );
            assert.match(login.body, /pass/);
        });

        test("a form from another site is held and passes (Firefox), or is told to be lost (Chromium)", async () => {
            await leave(page);
            await own.expire();
            await lab.clear();
            const to = encodeURIComponent(`${lab.home}/echo`);
            await go(page, `${lab.elsewhere}/form?to=${to}`, { within: 1500 });
            if (kind === "firefox") {
                await arrive(`${lab.home}/echo`);
                const [post] = (await lab.requests()).filter(({ method }) => method === "POST");
                assert.match(post.body, /secret=post-body/);
            } else {
                await until(() => isAtGate(page));
                await sleep(1000);
                assert.ok((await where(page)).includes("?post#"), "stays at the gate and says so");
                assertNothingOfTheUsers(await lab.requests());
            }
        });

        test("the light is green, with sign and title, in each tab of the home and in no other", async () => {
            await go(page, `${lab.home}/frame`);
            const other = await own.browser.newPage();
            await go(other, `${lab.elsewhere}/link`);
            const actions = () => own.action(lab.home);
            await until(async () => (await actions()).every(({ badge }) => badge === "✓") && (await actions()).length > 0);
            for (const { title } of await actions()) assert.ok(title.includes(lab.host), title);
            for (const { badge } of await own.action(lab.elsewhere)) assert.equal(badge, "");
            await go(other, `${lab.home}/frame`);
            await until(async () => (await actions()).length >= 2 && (await actions()).every(({ badge }) => badge === "✓"));
            await other.close();
        });

        test("with the check fresh, nothing is asked again", async () => {
            await go(page, `${lab.home}/frame`);
            await lab.clear();
            for (let n = 0; n < 5; n++) await go(page, `${lab.home}/frame?${n}`);
            assert.deepEqual((await lab.requests()).filter(({ method }) => method === "HEAD"), []);
        });

        test("when the time is over, the light goes out and the gate shuts", async () => {
            await own.expire();
            const { light, open_until } = await own.status();
            // The open tab was checked again at once; without one it stays dark.
            assert.ok(light === "trusted" ? open_until : !open_until);
            await leave(page);
            for (const tab of await own.browser.pages()) if ((await where(tab)).startsWith(lab.home)) await tab.close();
            await own.expire();
            assert.equal((await own.status()).light, "unchecked");
        });
    });
}
