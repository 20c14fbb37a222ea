// The referee: makes sure that every contender refuses forgeries, then times them in turns and prints the ratios.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";
import { contenders } from "./contenders.mjs";

const ROOT = new URL("../", import.meta.url);
const BUILT = new URL("target/bench/", ROOT);
const ROUNDS = Number(process.env.ROUNDS ?? 31);
const BATCH_NS = 15e6; // long against the clock of a browser, short against the moods of a machine
const WARM_UP_NS = 400e6;

const SHAPES = {
    private: "P-256 leaf, P-256 CA, P-384 root",
    "lets-encrypt": "P-256 leaf, P-384 CA, RSA-4096 root",
    rsa: "RSA-2048 leaf, RSA-2048 CA, RSA-4096 root",
};
// What each task is timed on, and what it has to refuse.
const TASKS = {
    path: { file: "plain", forgeries: ["plain-flipped"] },
    scts: { file: "leaf", forgeries: ["sct-flipped", "sct-forged"] },
    whole: { file: "leaf", forgeries: ["leaf-flipped", "sct-forged", "misnamed"] },
};

/** A program that answers a line with a line. */
function program(path) {
    const child = spawn(fileURLToPath(path), [fileURLToPath(new URL("fixtures", BUILT))], {
        stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ask = async (...words) => {
        child.stdin.write(`${words.join(" ")}\n`);
        const { value, done } = await lines.next();
        if (done) throw new Error(`${path} ended`);
        return JSON.parse(value);
    };
    return {
        accepts: (...what) => ask("accepts", ...what),
        time: (...what) => ask("time", ...what),
        end: () => child.stdin.end(),
    };
}

/** The repository on a loopback port: Chromium gives no WebCrypto to file: pages. */
async function serve() {
    const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
    const server = createServer(async (request, response) => {
        try {
            const { pathname } = new URL(request.url, "http://127.0.0.1");
            const body = await readFile(new URL(`.${pathname}`, ROOT));
            response.writeHead(200, { "content-type": types[extname(pathname)] ?? "application/octet-stream" });
            response.end(body);
        } catch {
            response.writeHead(404).end();
        }
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    return { origin: `http://127.0.0.1:${server.address().port}`, end: () => server.close() };
}

async function chromium(origin) {
    const browser = await puppeteer.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        args: [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    });
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.error(error));
    await page.goto(`${origin}/bench/page.html`);
    await page.waitForFunction("window.contenders");
    const of = (name) => ({
        accepts: (...what) => page.evaluate((...all) => window.contenders.accepts(...all), name, ...what),
        time: (...what) => page.evaluate((...all) => window.contenders.time(...all), name, ...what),
    });
    return { of, version: await browser.version(), end: () => browser.close() };
}

function median(numbers) {
    const sorted = numbers.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
}

function table(rows) {
    const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
    for (const row of rows) {
        console.log(row.map((cell, n) => (n < 2 ? String(cell).padEnd(widths[n]) : String(cell).padStart(widths[n]))).join("  "));
    }
}

async function referee(racers, log) {
    for (const [name, racer] of Object.entries(racers)) {
        if (name.endsWith("WebCrypto")) continue; // fixed signatures; it judges no certificate
        for (const shape of Object.keys(SHAPES)) {
            for (const [task, { file, forgeries }] of Object.entries(TASKS)) {
                if (!(await racer.accepts(task, shape, file))) throw new Error(`${name} refuses ${shape}/${file} (${task})`);
                for (const forgery of forgeries) {
                    if (await racer.accepts(task, shape, forgery)) throw new Error(`${name} accepts ${shape}/${forgery} (${task})`);
                }
            }
        }
    }
    log("Every contender accepted the good certificates and refused the forged ones.");
}

/** Times of one operation in ns: cells[shape][task][name] holds one for each round, taken in turns. */
async function race(racers) {
    const turns = [];
    const cells = {};
    for (const shape of Object.keys(SHAPES)) {
        for (const [task, { file }] of Object.entries(TASKS)) {
            for (const [name, racer] of Object.entries(racers)) {
                let [times, spent, last] = [1, 0, 0];
                while (spent < WARM_UP_NS) {
                    spent += last = await racer.time(task, shape, file, times);
                    if (last < BATCH_NS) times *= 2;
                }
                times = Math.max(1, Math.round((times * BATCH_NS) / last));
                const samples = (((cells[shape] ??= {})[task] ??= {})[name] = []);
                turns.push(async () => samples.push((await racer.time(task, shape, file, times)) / times));
            }
        }
    }
    for (let round = 0; round < ROUNDS; round++) for (const turn of turns) await turn();
    return cells;
}

const node = await contenders(async (name) => new Uint8Array(await readFile(new URL(name, BUILT))));
const inNode = (name) => ({ accepts: (...what) => node.accepts(name, ...what), time: (...what) => node.time(name, ...what) });
const server = await serve();
const browser = await chromium(server.origin);
const programs = { native: program(new URL("native", BUILT)), openssl: program(new URL("openssl", BUILT)) };
try {
    const racers = {
        "Doorlight native": programs.native,
        OpenSSL: programs.openssl,
        "Doorlight in Node": inNode("doorlight"),
        "PKI.js in Node": inNode("pkijs"),
        "Doorlight in Chromium": browser.of("doorlight"),
        "PKI.js in Chromium": browser.of("pkijs"),
        "bare WebCrypto": browser.of("bare"),
    };
    console.log(`${browser.version}, Node ${process.versions.node}, ${ROUNDS} rounds, ${new Date().toISOString()}`);
    for (const [shape, keys] of Object.entries(SHAPES)) console.log(`  ${shape}: ${keys}`);
    console.log(`  path: two certificates in DER to a known root. Doorlight's path is its whole verdict on a certificate without
        SCTs, report included, and it knows 120 roots more; PKI.js is given one root.
  scts: three embedded SCTs (two ECDSA logs, one RSA) of a certificate that was read before. Doorlight's, by an entry
        that only the bench has.
  whole: both, and the name; Doorlight's verdict is "trusted", with a pinned key and the report in JSON.
  bare WebCrypto: importKey and verify for the same signatures, all at once, in Chromium, and nothing else.`);
    await referee(racers, console.log);
    const cells = await race(racers);

    console.log("\nTimes: medians, in microseconds");
    const names = Object.keys(racers);
    const each = Object.keys(SHAPES).flatMap((shape) => Object.keys(TASKS).map((task) => [shape, task]));
    const micros = ([shape, task]) => names.map((name) => (median(cells[shape][task][name]) / 1000).toFixed(0));
    table([["chain", "task", ...names], ...each.map((cell) => [...cell, ...micros(cell)])]);

    // Of the two times of each round, so that a slow moment of the machine hits both.
    const ratio = ([shape, task], slow, fast) =>
        median(cells[shape][task][slow].map((time, round) => time / cells[shape][task][fast][round]));
    const ratios = [
        ["PKI.js / Doorlight, Chromium", "PKI.js in Chromium", "Doorlight in Chromium"],
        ["PKI.js / Doorlight, Node", "PKI.js in Node", "Doorlight in Node"],
        ["OpenSSL / Doorlight native", "OpenSSL", "Doorlight native"],
        ["Doorlight / bare, Chromium", "Doorlight in Chromium", "bare WebCrypto"],
        // How much faster than PKI.js anyone can be who asks the same WebCrypto.
        ["PKI.js / bare, Chromium", "PKI.js in Chromium", "bare WebCrypto"],
    ];
    console.log("\nRatios: medians over the rounds");
    const compared = (cell) => ratios.map(([, slow, fast]) => ratio(cell, slow, fast).toFixed(2));
    table([["chain", "task", ...ratios.map(([title]) => title)], ...each.map((cell) => [...cell, ...compared(cell)])]);

    console.log("\nAims, for the whole verdict in Chromium");
    for (const shape of Object.keys(SHAPES)) {
        const faster = ratio([shape, "whole"], "PKI.js in Chromium", "Doorlight in Chromium");
        const bare = ratio([shape, "whole"], "Doorlight in Chromium", "bare WebCrypto");
        const word = (met) => (met ? "met" : "MISSED");
        console.log(
            `  ${shape}: at least 8 times as fast as PKI.js: ${faster.toFixed(1)}, ${word(faster >= 8)};` +
                ` at most twice bare WebCrypto: ${bare.toFixed(2)}, ${word(bare <= 2)}`,
        );
    }
} finally {
    for (const { end } of [...Object.values(programs), browser, server]) await end();
}
