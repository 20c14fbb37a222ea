// The audits in the background: proof by the logs, a watch by the monitors, and what becomes of both when somebody lies, fails or cannot be reached: A7, A8, A14, A15.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeFolder } from "./machine.mjs";
import { startLab } from "./lab.mjs";
import { assertOnlyProbes } from "./asserts.mjs";
import { KINDS, cannotStay, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";

const LOGS = ["ash", "birch", "cedar"];
const MONITORS = ["cert-spotter", "crt-sh"];
const ALL = { logs: true, cert_spotter: true, crt_sh: true };
const NOBODY = { logs: false, cert_spotter: false, crt_sh: false };
const HOUR = 3_600_000;

/** What the tests ask of a lab and an extension. `own()` may be another after a restart. */
function auditing(lab, own) {
    const status = () => own().status();
    const keys = () => own().asker.evaluate(() => chrome.storage.local.get());
    const it = {
        /** Settings as the options page changes them. */
        async change({ consents, ...changes }) {
            const { settings } = await own().ask({ ask: "overview" });
            const { trouble } = await own().ask({ ask: "change", settings: { ...settings, ...changes } });
            assert.equal(trouble, null);
            if (consents) await it.consent(consents[lab.address]);
            // What was judged by other settings counts no longer.
            return it.again();
        },
        sources: (consent) => ({
            crt_sh: lab.monitors.crt_sh,
            cert_spotter: lab.monitors.cert_spotter,
            consents: consent ? { [lab.address]: consent } : {},
        }),
        consent: (consent = NOBODY, address = lab.address) => own().ask({ ask: "consent", address, consent }),
        guard: (consent, more = {}) => own().guard({ ...it.sources(consent), ...more }),
        again: () => own().ask({ ask: "check-again", address: lab.address }),
        /** Waits for the end of an audit that began by itself. */
        quiet: () =>
            until(async () => ((await status()).watch.is_running ? null : status()), { within: 60_000, why: "the end of the audit" }),
        async audit() {
            await it.quiet();
            return own().ask({ ask: "audit", address: lab.address });
        },
        issue: (what, more = {}) => lab.command({ do: "issue", what, ...more }),
        /** The tree of every log grows, and the monitors hear nothing of it. */
        grow: () => it.issue("renewal", { publish: false }),
        acknowledge: (id, isKnown = true) => own().ask({ ask: "acknowledge", address: lab.address, id, is_known: isKnown }),
        /** What the public world was asked. */
        asked: async () =>
            (await lab.requests()).filter(({ server }) => [...LOGS, ...MONITORS, "dogwood", "elm", "fir", "lists", "astray"].includes(server)),
        servers: async () => [...new Set((await it.asked()).map(({ server }) => server))].sort(),
        alarm: () => own().asker.evaluate(() => chrome.alarms.get("audit").then((alarm) => alarm ?? null)),
        /** The alarm of the audits goes off now, once. */
        async fire() {
            await own().asker.evaluate(() => chrome.alarms.create("audit", { when: Date.now() }));
            await until(async () => (await it.alarm()) === null, { why: "the alarm going off" });
            return it.quiet();
        },
        /** All that was asked so far was asked that much earlier. */
        async ago(milliseconds) {
            await it.quiet();
            const kept = await keys();
            const audits = JSON.parse(kept.audits);
            const watch = JSON.parse(kept[`watch ${lab.address}`] ?? '{"looks":[]}');
            const earlier = (at) => at && new Date(Date.parse(at) - milliseconds).toISOString();
            for (const { proof } of Object.values(audits)) if (proof) proof.at = earlier(proof.at);
            for (const looks of watch.looks) Object.assign(looks, { last: earlier(looks.last), last_whole: earlier(looks.last_whole) });
            const changed = { audits: JSON.stringify(audits), written: crypto.randomUUID() };
            if (watch.looks.length > 0) changed[`watch ${lab.address}`] = JSON.stringify(watch);
            // The stamp tells the background that somebody else has written.
            await own().asker.evaluate((changed) => chrome.storage.local.set(changed), changed);
            await until(async () => Date.parse((await status()).watch.proven_at) < Date.now() - milliseconds, { why: "the earlier time" });
        },
        /** The issuances of the record. */
        known: async () => JSON.parse((await keys())[`watch ${lab.address}`]).issuances,
        journal: async (event) => (await own().ask({ ask: "overview" })).journal.filter(({ what }) => what === event),
        /** A tab that shows a page of the home. */
        async open(path) {
            const page = await own().browser.newPage();
            await go(page, `${lab.home}${path}`);
            await until(async () => (await where(page)).startsWith(lab.home), { why: `arriving at ${path}` });
            return page;
        },
    };
    return it;
}

/** The findings of audits in a report. */
const codes = ({ report }) =>
    report.evidence.filter(({ check }) => ["inclusion", "consistency", "issuances"].includes(check)).map(({ code }) => code);

/** Counts the notifications that the background makes from now on, as long as it lives. */
async function notifications({ kind, asker, browser }) {
    // Firefox shows its own pages the background; headless, it forgets at once what it has shown.
    const counting = (scope) => {
        const { notifications } = scope.chrome;
        const create = notifications.create.bind(notifications);
        scope.created = [];
        notifications.create = (...all) => {
            scope.created.push(all[0]);
            return create(...all);
        };
    };
    if (kind === "firefox") {
        await asker.evaluate(`chrome.runtime.getBackgroundPage().then(${counting})`);
        return () => asker.evaluate(() => chrome.runtime.getBackgroundPage().then(({ created }) => [...created]));
    }
    const worker = await browser.targets().find((target) => target.type() === "service_worker").worker();
    await worker.evaluate(`(${counting})(globalThis)`);
    return () => worker.evaluate(() => globalThis.created);
}

/** The names of the notifications that there were so far, whoever made them. Chromium only, which takes them away by itself after a while. */
async function shown({ asker }) {
    const names = await asker.evaluate(async () => {
        if (!globalThis.gone) {
            globalThis.gone = [];
            chrome.notifications.onClosed.addListener((name) => gone.push(name));
        }
        return [...Object.keys(await new Promise((done) => chrome.notifications.getAll(done))), ...gone];
    });
    return [...new Set(names)].sort();
}

/** Fails where a request to the public world carries more than the question: of the home's name, monitors alone are told. */
function assertNothingOfTheUsers(requests, lab) {
    for (const { server, method, target, headers, body } of requests) {
        const seen = `${server} ${method} ${target}`;
        assert.equal(method, "GET", seen);
        assert.equal(body, "", seen);
        for (const name of ["cookie", "authorization", "referer", "origin"]) assert.equal(headers[name], undefined, `${seen}: ${name}`);
        const text = JSON.stringify([target, headers]);
        assert.ok(!text.includes(`:${lab.port}`) && !text.includes("secret"), seen);
        if (LOGS.includes(server)) {
            assert.ok(!text.includes(lab.host), seen);
            const isOfTheApi = {
                ash: /^\/ash\/ct\/v1\/(get-sth|get-proof-by-hash\?hash=[\w%]+&tree_size=\d+|get-sth-consistency\?first=\d+&second=\d+)$/,
                birch: /^\/birch\/ct\/v1\/(get-sth|get-proof-by-hash\?hash=[\w%]+&tree_size=\d+|get-sth-consistency\?first=\d+&second=\d+)$/,
                cedar: /^\/cedar-tiles\/(checkpoint|tile\/\d\/[x\d/]+(\.p\/\d+)?)$/,
            }[server];
            assert.match(target, isOfTheApi, seen);
        }
    }
}

/** What a server may answer, and the reasons that may be given for not having checked. */
const BAD_CONTENT = /^(answer-|checkpoint-|tile-|not-json|malformed|too-large)/;
const FAULTS = (lab) => ({
    404: [{ status: 404 }, /^(status|log-does-not-look-up)$/],
    429: [{ status: 429, headers: { "retry-after": "3600" } }, /^rate-limited$/],
    500: [{ status: 500 }, /^status$/],
    redirect: [{ status: 302, headers: { location: `${lab.astray}v1/issuances` } }, /^unreachable$/],
    truncated: [{ shape: "truncated" }, /^unreachable$/],
    close: [{ shape: "close" }, /^unreachable$/],
    huge: [{ shape: "huge" }, /^too-large$/],
    endless: [{ shape: "endless" }, /^too-large$/],
    nested: [{ body: "[".repeat(200_000) }, BAD_CONTENT],
    markup: [{ body: `<!doctype html><img src=x onerror="document.title='owned'">` }, BAD_CONTENT],
    null: [{ body: "null" }, BAD_CONTENT],
    nothing: [{ body: "" }, BAD_CONTENT],
    "not UTF-8": [{ body_base64: "Iv/+wIAi" }, BAD_CONTENT],
});
/** Where: in the first round at what is asked first, in the second behind it. */
const ROUNDS = [
    { ash: "/ash/ct/v1/get-sth", birch: "/birch/ct/v1/get-proof-by-hash", cedar: "/cedar-tiles/checkpoint", "cert-spotter": "/v1/issuances", "crt-sh": "/?dNSName=" },
    { ash: "/ash/ct/v1/get-sth-consistency", birch: "/birch/ct/v1/get-sth", cedar: "/cedar-tiles/tile/", "cert-spotter": "/v1/issuances", "crt-sh": "/?dNSName=*" },
];
/** What a log or a monitor that lies or is broken is found out by. */
const CONDUCT = [
    ["stale", /^head-stale$/],
    ["future", /^head-from-the-future$/],
    ["bad-signature", /^head-not-signed$/],
    ["wrong-proof", /^(proof|tile)-/],
    ["garbled", /^(answer|checkpoint|tile)-/],
];

for (const kind of KINDS) {
    describe(`audits in ${kind}`, () => {
        let lab, own, it;
        before(async () => {
            lab = await startLab();
            own = await launch(kind, lab, { hasWatch: true });
            it = auditing(lab, () => own);
        });
        after(async () => {
            await own?.close();
            lab?.stop();
        });

        test("without consent nobody is asked, and no alarm is set", async () => {
            const first = await it.guard(null);
            assert.equal(first.light, "trusted");
            await it.again();
            const { light, watch, report } = await it.audit();
            assert.equal(light, "trusted");
            assert.deepEqual(codes({ report }), []);
            assert.equal(watch.due, null);
            assert.deepEqual(await it.asked(), []);
            assert.equal(await it.alarm(), null);
        });

        test("both kinds of logs prove that they published it, and nobody else is asked", async () => {
            await it.change(it.sources({ logs: true, cert_spotter: false, crt_sh: false }));
            const first = await it.quiet();
            assert.equal(first.light, "trusted");
            assert.deepEqual(codes(first).sort(), ["consistency-first-sight", "inclusion-proven"]);
            assert.deepEqual(first.watch.publication.map(({ inclusion, consistency }) => [inclusion, consistency]), LOGS.map(() => ["proven", "first-sight"]));
            assert.deepEqual(first.watch.missing, []);
            assert.deepEqual(await it.servers(), LOGS, "the sources that are off, and the logs that promised nothing, hear nothing");
            assertNothingOfTheUsers(await it.asked(), lab);
            assert.equal((await it.alarm()).periodInMinutes, 60);
        });

        test("a second audit is consistent with the first, and asks for no full tile twice", async () => {
            const cedar = async () => (await it.asked()).filter(({ server }) => server === "cedar").map(({ target }) => target);
            const before = (await it.quiet()).watch.publication;
            // From 622 entries to more than 768: the tile that holds ours is full then.
            for (let n = 0; n < 150; n++) await it.grow();
            await lab.clear();
            const second = await it.audit();
            assert.equal(second.light, "trusted");
            assert.deepEqual(codes(second).sort(), ["consistency-proven", "inclusion-proven"]);
            second.watch.publication.forEach(({ tree_size }, n) => assert.equal(tree_size, before[n].tree_size + 150));
            const full = (await cedar()).filter((target) => target.includes("/tile/") && !target.includes(".p/"));
            assert.deepEqual(full, ["/cedar-tiles/tile/0/002"]);
            await it.grow();
            const third = await it.audit();
            assert.deepEqual(codes(third).sort(), ["consistency-proven", "inclusion-proven"]);
            assert.deepEqual((await cedar()).filter((target) => target === full[0]), full, "asked for once in two audits");
            // However many heads were seen: they are all the beginning of the last one.
            for (let n = 0; n < 3; n++) {
                const { tree_size } = (await it.quiet()).watch.publication[0];
                await it.grow();
                await lab.clear();
                assert.ok(codes(await it.audit()).includes("consistency-proven"));
                const asked = (await it.asked()).filter(({ server, target }) => server === "ash" && target.includes("consistency"));
                assert.deepEqual(asked.map(({ target }) => target), [`/ash/ct/v1/get-sth-consistency?first=${tree_size}&second=${tree_size + 1}`]);
            }
            assertNothingOfTheUsers(await it.asked(), lab);
        });

        test("monitors are asked one by one, as the user allows", async () => {
            await lab.clear();
            await it.change(it.sources({ logs: false, cert_spotter: true, crt_sh: false }));
            const one = await it.quiet();
            assert.deepEqual(await it.servers(), ["cert-spotter"]);
            assert.deepEqual(one.watch.looks.map(({ monitor, reason }) => [monitor, reason]), [["cert-spotter", null]]);
            assert.ok(codes(one).includes("issuances-all-yours"));
            await lab.clear();
            await it.change(it.sources(ALL));
            const both = await it.audit();
            assert.equal(both.light, "trusted");
            assert.deepEqual(await it.servers(), [...LOGS, ...MONITORS].sort());
            assert.deepEqual(both.watch.looks.map(({ monitor, reason }) => [monitor, reason]), MONITORS.map((monitor) => [monitor, null]));
            assertNothingOfTheUsers(await it.asked(), lab);
        });

        test("whoever asks for all is not put off with an audit that asks only what is due", async () => {
            await it.quiet();
            const { name } = await it.issue("renewal", { age_hours: 48 });
            await lab.present(name);
            await lab.command({ do: "log", name: "*", mode: "slow" });
            await it.again();
            await lab.clear();
            const asked = own.ask({ ask: "audit", address: lab.address });
            await lab.command({ do: "heal" });
            assert.equal((await asked).light, "trusted");
            assert.deepEqual(await it.servers(), [...LOGS, ...MONITORS].sort());
            await lab.present("good");
            await it.again();
            await it.audit();
        });

        test("the alarm audits what is due, and nothing else", async () => {
            await it.quiet();
            await lab.clear();
            await it.fire();
            assert.deepEqual(await it.servers(), [], "everybody was asked a moment ago");
            await it.ago(25 * HOUR);
            await it.fire();
            await until(async () => (await it.servers()).length === 5, { why: "all five being asked" });
            const after = await it.quiet();
            assert.equal(after.light, "trusted");
            assert.ok(Date.parse(after.watch.proven_at) > Date.now() - HOUR);
            await own.ask({ ask: "guard", address: lab.address });
            assert.equal((await it.alarm()).periodInMinutes, 60, "set again");
        });

        test("A14: with the public world cut off, the light stays as the certificate deserves; where proof is asked for there is no green without it", async () => {
            await it.audit();
            await lab.command({ do: "cut" });
            await it.change({ requires_proof: true });
            // Proven before: that goes on counting.
            assert.equal((await it.again()).light, "trusted");
            const kept = await it.audit();
            assert.equal(kept.light, "trusted");
            assert.ok(codes(kept).includes("inclusion-proven"));
            assert.ok(kept.watch.publication.every(({ inclusion, inclusion_reason }) => inclusion === "proven" && inclusion_reason === "unreachable"));
            assert.ok(kept.watch.looks.every(({ reason, last_whole }) => reason === "unreachable" && last_whole));

            // Never proven.
            await it.change({ requires_proof: false });
            await it.quiet();
            const { name } = await it.issue("renewal", { age_hours: 48 });
            await lab.present(name);
            assert.equal((await it.again()).light, "trusted");
            const open = await it.audit();
            assert.equal(open.light, "trusted");
            assert.ok(codes(open).includes("inclusion-not-checked"));
            assert.ok(!codes(open).includes("inclusion-proven"));

            await it.change({ requires_proof: true });
            await lab.clear();
            const shut = await it.again();
            assert.equal(shut.light, "unchecked");
            assert.ok(shut.report.decided_by.includes("inclusion-not-checked"), shut.report.decided_by.join());
            const page = await own.browser.newPage();
            await go(page, `${lab.home}/frame?secret`);
            await until(() => isAtGate(page), { why: "the gate" });
            await it.quiet();
            assertOnlyProbes((await lab.requests()).filter(({ server }) => server === "home"));
            assert.equal((await own.status()).light, "unchecked");

            // An hour later the world is there again.
            await lab.command({ do: "heal" });
            await it.ago(HOUR);
            await it.fire();
            await until(async () => (await own.status()).light === "trusted", { why: "healing by itself" });
            assert.ok(codes(await own.status()).includes("inclusion-proven"));
            await until(async () => (await where(page)) === `${lab.home}/frame?secret`, { why: "the tab going on by itself" });
            await page.close();

            // And so does the next check, with nobody but the one who waits at the gate.
            await lab.command({ do: "cut" });
            const next = await it.issue("renewal", { age_hours: 48 });
            await lab.present(next.name);
            assert.equal((await it.again()).light, "unchecked");
            await lab.command({ do: "heal" });
            await it.ago(HOUR);
            await own.expire();
            await until(async () => (await it.again()).light === "trusted", { every: 1000, why: "the next check proving it" });
            await it.change({ requires_proof: false });
            await lab.present("good");
            assert.equal((await it.again()).light, "trusted");
        });

        test("whatever a server answers, it is not checked, for a reason, nothing is lost, and the next audit heals", async () => {
            await lab.command({ do: "heal" });
            const good = await it.audit();
            assert.equal(good.light, "trusted");
            const history = ({ record, watch }) => ({ pins: record.pins, bars: watch.timeline.bars.map(({ id, class: whose }) => [id, whose]).sort() });
            let cases = 0;
            for (const [fault, [how, reason]] of Object.entries(FAULTS(lab))) {
                for (const [round, places] of ROUNDS.entries()) {
                    await it.grow();
                    for (const [server, path] of Object.entries(places)) {
                        const skip = round === 1 && server === "cert-spotter" ? 1 : 0;
                        await lab.command({ do: "answer", where: server, path, with: { ...how, skip } });
                    }
                    await lab.clear();
                    const found = await it.audit();
                    const title = `${fault}, round ${round + 1}`;
                    assert.equal(found.light, "trusted", title);
                    assert.ok(codes(found).includes("inclusion-proven"), `${title}: what was proven stays so`);
                    assert.ok(codes(found).includes("consistency-not-checked"), title);
                    const [ash, birch, cedar] = found.watch.publication;
                    const why = round === 0 ? "inclusion_reason" : "consistency_reason";
                    for (const log of [ash, birch, cedar]) {
                        assert.equal(log.inclusion, "proven", `${title}: ${log.log}`);
                        if (round === 1) assert.equal(log.consistency, "not-checked", `${title}: ${log.log}`);
                        assert.match(log[why], reason, `${title}: ${log.log}`);
                        cases++;
                    }
                    for (const { monitor, reason: said, last_whole } of found.watch.looks) {
                        assert.match(String(said), reason, `${title}: ${monitor}`);
                        assert.equal(last_whole !== null, true, `${title}: ${monitor}`);
                        cases++;
                    }
                    assert.deepEqual(history(found), history(good), title);
                    assert.ok(!(await it.servers()).includes("astray"), "no redirect is followed");
                    // Firefox itself asks up to ten times where the server hangs up.
                    const most = 36 * (kind === "firefox" && fault === "close" ? 10 : 1);
                    for (const server of [...LOGS, ...MONITORS]) {
                        const questions = (await it.asked()).filter((one) => one.server === server).length;
                        assert.ok(questions <= most, `${title}: ${questions} questions to ${server}`);
                    }
                    await lab.command({ do: "heal" });
                    const healed = await it.audit();
                    assert.deepEqual(codes(healed).sort(), ["consistency-proven", "inclusion-proven", "issuances-all-yours"], `after ${title}`);
                    assert.ok(healed.watch.looks.every(({ reason, failures }) => reason === null && failures === 0), `after ${title}`);
                }
            }
            assert.equal(cases, 13 * 2 * 5);
        });

        test("logs that are broken and monitors that lie are found out, and accuse nobody", async () => {
            await it.change(it.sources(ALL));
            await it.audit();
            for (const [mode, reason] of CONDUCT) {
                await it.grow();
                await lab.command({ do: "log", name: "*", mode });
                const { light, watch } = await it.audit();
                assert.equal(light, "trusted", mode);
                for (const log of watch.publication) {
                    assert.equal(log.inclusion, "proven", `${mode}: ${log.log}`);
                    assert.match(log.inclusion_reason, reason, `${mode}: ${log.log}`);
                    assert.equal(log.consistency, "not-checked", `${mode}: ${log.log}`);
                }
                await lab.command({ do: "heal" });
                assert.ok(codes(await it.audit()).includes("consistency-proven"), `after ${mode}`);
            }
            // Of certificates that are new to it crt.sh is asked for more than the list.
            await it.issue("renewal");
            for (const [name, mode, reason] of [
                ["crt-sh", "lie", "not-believed"],
                ["cert-spotter", "garbled", "paging-stuck"],
                ["crt-sh", "garbled", "entries-skipped"],
                ["cert-spotter", "loop", "paging-stuck"],
            ]) {
                await lab.command({ do: "monitor", name, mode });
                const { light, watch } = await it.audit();
                assert.equal(light, "trusted", `${name} ${mode}`);
                assert.equal(watch.looks.find(({ monitor }) => monitor === name).reason, reason, `${name} ${mode}`);
                assert.deepEqual(watch.alarms, [], `${name} ${mode}`);
                await lab.command({ do: "heal" });
                assert.ok(codes(await it.audit()).includes("issuances-all-yours"), `after ${name} ${mode}`);
            }
        });

        test("servers that hang are given up, and the next audit heals", async () => {
            await it.quiet();
            await it.change(it.sources({ logs: true, cert_spotter: false, crt_sh: false }));
            await it.quiet();
            await lab.command({ do: "log", name: "*", mode: "hang" });
            const { light, watch } = await it.audit();
            assert.equal(light, "trusted");
            assert.ok(watch.publication.every(({ inclusion_reason }) => inclusion_reason === "timed-out"));
            await lab.command({ do: "heal" });
            assert.ok(codes(await it.audit()).includes("consistency-proven"));
            await it.change(it.sources(ALL));
            await it.quiet();
        });

        test("A7: a log that never publishes what it promised is Danger, and the open tab goes to the gate", async () => {
            await lab.present("good");
            await it.again();
            await it.audit();
            const page = await it.open("/frame");
            await lab.command({ do: "log", name: "cedar", mode: "withhold" });
            await lab.command({ do: "log", name: "ash", mode: "withhold" });
            const { name } = await it.issue("renewal", { age_hours: 48 });
            await lab.present(name);
            await it.again();
            const found = await it.audit();
            assert.equal(found.light, "danger");
            assert.deepEqual(found.report.decided_by, ["inclusion-missing"]);
            const [ash, birch, cedar] = found.watch.publication;
            assert.deepEqual([ash.inclusion, ash.inclusion_reason], ["missing", "unknown-to-the-log"]);
            assert.equal(birch.inclusion, "proven");
            assert.deepEqual([cedar.inclusion, cedar.inclusion_reason], ["missing", "another-entry-at-its-place"]);
            await until(() => isAtGate(page), { why: "the tab at the gate" });
            assert.ok((await it.journal("danger")).some(({ detail }) => detail === "inclusion-missing"));
            assert.equal((await it.again()).light, "danger", "kept for the next check");
            // A14 after A7: a line that is cut proves nothing.
            await lab.command({ do: "cut" });
            const cut = await it.audit();
            assert.deepEqual([cut.light, cut.report.decided_by], ["danger", ["inclusion-missing"]]);
            assert.deepEqual(cut.watch.publication.map(({ inclusion }) => inclusion), ["missing", "proven", "missing"]);
            await lab.command({ do: "heal" });
            await page.close();
            // Young enough, the same is no failure: the log has a day.
            await lab.command({ do: "log", name: "*", mode: "good" });
            await lab.command({ do: "log", name: "ash", mode: "pending" });
            const young = await it.issue("renewal", { age_hours: 2 });
            await lab.present(young.name);
            await it.again();
            const pending = await it.audit();
            assert.equal(pending.light, "trusted");
            assert.equal(pending.watch.publication[0].inclusion, "pending");
            await lab.command({ do: "merge", name: "ash" });
            assert.equal((await it.audit()).watch.publication[0].inclusion, "proven");
        });

        test("consent taken back: the alarm is gone, and nobody is asked any more", async () => {
            await it.quiet();
            const { settings } = await own.ask({ ask: "overview" });
            assert.deepEqual(settings.consents, { [lab.address]: ALL });
            await it.change({ consents: {} });
            // A page from before saves something else, and one asks about an address that is guarded no longer.
            await own.ask({ ask: "change", settings });
            await it.consent(ALL, "other.example.org");
            assert.deepEqual((await own.ask({ ask: "overview" })).settings.consents, {});
            await it.again();
            await lab.clear();
            assert.equal(await it.alarm(), null);
            await it.again();
            await it.audit();
            assert.deepEqual(await it.asked(), []);
        });
    });

    describe(`the watch in ${kind}`, { skip: cannotStay(kind) }, () => {
        let lab, own, it, folder, created;
        const name = (id) => `${id} ${lab.address}`;
        const start = async () => {
            own = await launch(kind, lab, { hasWatch: true, folder, isInstalled: true });
            await own.status();
        };
        const restart = async () => {
            await it.quiet();
            // Browsers write their storage down a moment later.
            await sleep(1500);
            await own.close();
            await start();
            created = await notifications(own);
        };
        before(async () => {
            lab = await startLab();
            folder = mkdtempSync(join(tmpdir(), `doorlight-${kind}-`));
            await start();
            it = auditing(lab, () => own);
            await it.guard(ALL);
            await it.quiet();
            created = await notifications(own);
        });
        after(async () => {
            await own?.close();
            lab?.stop();
            removeFolder(folder);
        });

        test("a certificate for another key is told once, however often it is found, wherever and in whatever form", async () => {
            if (kind === "chromium") assert.deepEqual(await shown(own), []);
            await it.issue("unknown-other-ca");
            const found = await it.audit();
            assert.equal(found.light, "attention");
            assert.deepEqual(found.report.decided_by, ["issuances-unknown"]);
            assert.equal(found.watch.alarms.length, 1);
            const [{ id, letter, issuer }] = found.watch.alarms;
            assert.match(issuer, /Other Trust/);
            assert.match(letter, /Found at: +Cert Spotter/);
            assert.equal(letter.match(/Found at: +https:\/\/crt\.sh/g).length, 2, "certificate and precertificate");
            const [{ told }] = (await it.known()).filter((one) => one.class === "unknown");
            assert.ok(told);
            for (let n = 0; n < 3; n++) await it.audit();
            await it.again();
            await it.quiet();
            assert.deepEqual(await created(), [name(id)]);
            if (kind === "chromium") assert.deepEqual(await shown(own), [name(id)]);
            const unknown = (await it.known()).filter((one) => one.class === "unknown");
            assert.deepEqual(unknown.map((one) => one.told), [told]);
            assert.equal((await it.journal("issuance")).length, 1);
        });

        test("a renewal with the pinned key tells nobody", async () => {
            const before = await created();
            const { watch } = await it.audit();
            await it.issue("renewal");
            const after = await it.audit();
            assert.equal(after.watch.timeline.bars.length, watch.timeline.bars.length + 1);
            assert.deepEqual(after.watch.alarms, watch.alarms);
            assert.deepEqual(await created(), before);
            assert.equal((await it.journal("issuance")).length, 1);
        });

        test("a wildcard that covers the name is one more", async () => {
            const before = await created();
            await it.issue("wildcard");
            const { watch } = await it.audit();
            assert.equal(watch.alarms.length, 2);
            const wildcard = watch.alarms.find(({ names }) => names.some((one) => one.startsWith("*.")));
            assert.deepEqual(await created(), [...before, name(wildcard.id)]);
            await it.audit();
            assert.equal((await created()).length, before.length + 1);
        });

        test("what is acknowledged is green, and can be taken back", async () => {
            const { watch } = await it.audit();
            const [one, ...others] = watch.alarms;
            for (const { id } of others) await it.acknowledge(id);
            assert.equal((await own.status()).light, "attention", "one is left");
            const known = await it.acknowledge(one.id);
            assert.equal(known.light, "trusted");
            assert.ok(codes(known).includes("issuances-acknowledged"));
            assert.equal((await it.acknowledge(one.id, false)).light, "attention");
            assert.equal((await it.acknowledge(one.id)).light, "trusted");
            assert.equal((await it.acknowledge("key-nonsense")).light, "trusted", "of what there is not, nothing comes");
        });

        test("a restart of the browser forgets nothing and tells nothing again", async () => {
            await it.issue("unknown-same-ca");
            assert.equal((await it.audit()).light, "attention");
            const before = await it.known();
            await restart();
            assert.equal((await it.again()).light, "attention");
            const { watch } = await it.audit();
            assert.equal(watch.alarms.length, 3);
            assert.deepEqual(watch.alarms.filter((one) => one.is_acknowledged).length, 2, "acknowledged stays acknowledged");
            const kept = (one) => [one.told, one.acknowledged, one.class, one.first_seen];
            assert.deepEqual((await it.known()).map(kept), before.map(kept));
            assert.deepEqual(await created(), []);
            if (kind === "chromium") assert.deepEqual(await shown(own), []);
            assert.ok(await it.alarm());
        });

        test("a key that is accepted is yours, and so is what it was certified for", async () => {
            const { spki_sha256 } = await it.issue("unknown-other-ca");
            const { watch } = await it.audit();
            assert.equal(watch.alarms.length, 4);
            const pin = { spki_sha256, origin: "home", added: new Date().toISOString().replace(/\.\d+Z/, "Z") };
            const site = { address: lab.address, key_habit: "keeps", pins: [pin] };
            const { trouble } = await own.ask({ ask: "import-pins", json: JSON.stringify({ schema: 1, kind: "doorlight-pins", sites: [site] }) });
            assert.equal(trouble, null);
            await it.again();
            const after = await it.audit();
            assert.equal(after.watch.alarms.length, 3);
            assert.ok(after.watch.alarms.every((one) => one.spki_sha256 !== spki_sha256));
            for (const { id } of after.watch.alarms) await it.acknowledge(id);
            assert.equal((await own.status()).light, "trusted");
        });

        test("many at once are told in one notification", async () => {
            const before = await created();
            await lab.command({ do: "monitor", name: "cert-spotter", page: 100 });
            // Forty with one key and one validity count as one.
            await it.issue("many-unknown", { count: 40 });
            for (let n = 0; n < 4; n++) await it.issue("unknown-other-ca");
            const { light, watch } = await it.audit();
            assert.equal(light, "attention");
            assert.equal(watch.alarms.length, 3 + 1 + 4);
            await it.audit();
            assert.deepEqual(await created(), [...before, `many ${lab.address}`]);
            assert.ok((await it.known()).filter((one) => one.class === "unknown").every((one) => one.told));
        });

        test("A8: a log that shows two histories is Danger, for ever", async () => {
            const page = await it.open("/frame");
            for (const log of ["birch", "cedar"]) await lab.command({ do: "log", name: log, mode: "fork" });
            await it.grow();
            const found = await it.audit();
            assert.equal(found.light, "danger");
            assert.deepEqual(found.report.decided_by, ["consistency-contradiction"]);
            assert.deepEqual(found.watch.publication.map(({ consistency }) => consistency), ["proven", "contradiction", "contradiction"]);
            await until(() => isAtGate(page), { why: "the tab at the gate" });
            await page.close();
            await restart();
            assert.equal((await it.again()).light, "danger");
            await lab.command({ do: "heal" });
            const healed = await it.audit();
            assert.equal(healed.light, "danger");
            assert.ok(healed.report.decided_by.includes("consistency-contradiction"));
        });
    });

    if (kind !== "chromium") continue;

    test("the worker killed at ten points of an audit: each issuance is told, and told once", async () => {
        const lab = await startLab();
        const own = await launch(kind, lab, { hasWatch: true });
        const it = auditing(lab, () => own);
        try {
            await it.guard(ALL);
            await it.quiet();
            await lab.command({ do: "monitor", name: "cert-spotter", page: 100 });
            let told = 0;
            assert.deepEqual(await shown(own), []);
            for (const delay of [0, 20, 50, 80, 120, 160, 210, 270, 350, 450]) {
                await it.issue("unknown-other-ca");
                const killed = own.ask({ ask: "audit", address: lab.address }).catch(() => {});
                await sleep(delay);
                await own.killWorker();
                await Promise.race([killed, sleep(200)]);
                const { watch, light } = await it.audit();
                told++;
                assert.equal(light, "attention", `killed after ${delay} ms`);
                assert.equal(watch.alarms.length, told, `killed after ${delay} ms`);
                const names = watch.alarms.map(({ id }) => `${id} ${lab.address}`).sort();
                assert.deepEqual(await shown(own), names, `killed after ${delay} ms`);
                const unknown = (await it.known()).filter((one) => one.class === "unknown");
                assert.ok(unknown.every((one) => one.told), `killed after ${delay} ms`);
            }
            assert.deepEqual((await own.status()).report.decided_by, ["issuances-unknown"]);
        } finally {
            await own.close();
            lab.stop();
        }
    });
}

for (const kind of KINDS) {
    describe(`the list of logs in ${kind}`, () => {
        let lab, own;
        before(async () => {
            lab = await startLab();
            own = await launch(kind, lab, { hasWatch: true });
            const key = readFileSync(join(lab.folder, "log_list_key.pem"), "utf8");
            await own.guard({ log_list: "", renews_log_list: true, log_list_url: `${lab.lists}log_list.json`, log_list_key: key });
        });
        after(async () => {
            await own?.close();
            lab?.stop();
        });
        const overview = () => own.ask({ ask: "overview" });
        const askNow = () => own.ask({ ask: "audit", address: lab.address });

        test("one that is signed and newer than the shipped one is taken over, and judges", async () => {
            await until(async () => (await overview()).journal.some(({ what }) => what === "log-list-renewed"), { why: "a newer list" });
            const { trouble, log_list_published } = await overview();
            assert.equal(trouble, null);
            assert.ok(Date.now() - Date.parse(log_list_published) < 30 * 24 * HOUR, log_list_published);
            await own.ask({ ask: "check-again", address: lab.address });
            const { light, report } = await own.status();
            assert.equal(light, "trusted");
            assert.ok(report.evidence.some(({ code }) => code === "ct-policy-met"), JSON.stringify(report.evidence.map(({ code }) => code)));
        });

        test("A15: one that is older, forged, changed, cut off, too large or not there leaves the one at hand", async () => {
            const { log_list_published } = await overview();
            const expected = {
                stale: "log-list-older",
                older: "log-list-older",
                forged: "log-list-signature",
                tampered: "log-list-signature",
                malformed: "log-list-malformed",
                truncated: "log-list-not-fetched",
                huge: "log-list-too-large",
                404: "log-list-not-fetched",
                redirect: "log-list-not-fetched",
                close: "log-list-not-fetched",
            };
            const found = {};
            for (const mode of Object.keys(expected)) {
                await lab.command({ do: "list", mode });
                await askNow();
                const after = await overview();
                found[mode] = after.trouble?.code;
                assert.equal(after.log_list_published, log_list_published, mode);
            }
            assert.deepEqual(found, expected);
            await lab.command({ do: "list", mode: "good" });
            await askNow();
            assert.equal((await overview()).trouble, null);
            assert.equal((await own.status()).light, "trusted");
        });
    });
}
