// node rate.mjs MODULE SAMPLES: lets the built module rate the samples, [password, [inputs]] each, and prints its answers as they are, one a line.
// Then `generated`, and what the module makes: of each kind the fewest and the most, and the codes of its errors.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it, but not there

const [, , module, samples] = process.argv;
const { initSync, rate, generate } = await import(pathToFileURL(join(module, "doorlight_passwords.js")));
initSync({ module: readFileSync(join(module, "doorlight_passwords_bg.wasm")) });
for (const [password, inputs] of JSON.parse(readFileSync(samples, "utf8"))) console.log(rate(password, inputs));
console.log("generated");
for (const [kind, count] of [["words", 4], ["words", 20], ["characters", 8], ["characters", 128], ["words", 3], ["characters", 129], ["emoji", 8]]) {
    try {
        console.log(generate(kind, count));
    } catch ({ code }) {
        console.log(JSON.stringify({ code }));
    }
}
