// node judge.mjs FOLDER: lets the web page's module judge the jobs in FOLDER/jobs.json, and prints one report or error a line.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it, but not there

const folder = process.argv[2];
const { module, roots, logList, jobs } = JSON.parse(readFileSync(join(folder, "jobs.json"), "utf8"));
const page = await import(pathToFileURL(join(module, "doorlight_www.js")));
page.initSync({ module: readFileSync(join(module, "doorlight_www_bg.wasm")) });
const doorlight = new page.Doorlight({
    roots: roots && readFileSync(roots),
    logList: logList && readFileSync(logList),
});
for (const { chain, address, at, pins } of jobs) {
    try {
        console.log(await doorlight.judge(readFileSync(chain), address, at, pins && readFileSync(pins)));
    } catch (error) {
        console.log(JSON.stringify({ code: error.code ?? String(error) }));
    }
}
