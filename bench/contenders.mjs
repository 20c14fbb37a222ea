// The contenders that run in a JavaScript engine, the same in Node and in Chromium: Doorlight's module, PKI.js, and
// WebCrypto bare. `load` brings a file of target/bench as a Uint8Array.
import * as pkijs from "pkijs";

const BUILT = new URL("../target/bench/", import.meta.url);

export async function contenders(load) {
    const text = async (name) => new TextDecoder().decode(await load(name));
    const json = async (name) => JSON.parse(await text(name));
    const host = await text("fixtures/host");
    const at = Number(await text("fixtures/at"));
    const roots = await load("fixtures/roots.pem");
    const logList = await load("fixtures/logs.json");

    // Each takes (task, shape, file) and gives what is timed: a function from bytes to yes or no.
    const all = {
        doorlight: await doorlight({ load, host, at, roots, logList }),
        pkijs: await pki({ load, host, at, logList }),
        bare: await bare({ json }),
    };
    const prepared = new Map();
    const prepare = async (contender, ...what) => {
        const name = [contender, ...what].join(" ");
        if (!prepared.has(name)) prepared.set(name, await all[contender](...what));
        return prepared.get(name);
    };
    return {
        async accepts(contender, task, shape, file) {
            return (await prepare(contender, task, shape, file))();
        },
        /** Nanoseconds for so many times, one after the other. */
        async time(contender, task, shape, file, times) {
            const once = await prepare(contender, task, shape, file);
            const started = performance.now();
            for (let n = 0; n < times; n++) {
                if (!(await once())) throw new Error(`${contender} refused what it accepted before`);
            }
            return (performance.now() - started) * 1e6;
        },
    };
}

async function doorlight({ load, host, at, roots, logList }) {
    const www = await import(new URL("www/doorlight_www.js", BUILT));
    www.initSync({ module: await load("www/doorlight_www_bg.wasm") });
    const bench = await import(new URL("scts/doorlight_bench.js", BUILT));
    bench.initSync({ module: await load("scts/doorlight_bench_bg.wasm") });
    const judge = new www.Doorlight({ roots, logList });

    return async (task, shape, file) => {
        const leaf = await load(`fixtures/${shape}/${file}.der`);
        if (task === "scts") {
            const scts = new bench.SctBench(leaf, await load(`fixtures/${shape}/issuer.spki`), logList);
            return () => scts.verify();
        }
        const chain = concat(leaf, await load(`fixtures/${shape}/issuer.der`));
        const pins = await load(`fixtures/${shape}/pins.json`);
        const isGood =
            task === "whole"
                ? (report) => report.startsWith('"trusted"', report.indexOf('"verdict":') + '"verdict":'.length)
                : (report) => report.includes('"path-added-root"');
        return async () => isGood(await judge.judge(chain, host, at, pins));
    };
}

async function pki({ load, host, at, logList }) {
    const certificate = (der) => pkijs.Certificate.fromBER(der);
    const operators = JSON.parse(new TextDecoder().decode(logList)).operators;
    const logs = operators.flatMap(({ logs, tiled_logs }) => [...logs, ...tiled_logs]);

    return async (task, shape, file) => {
        const leafDer = await load(`fixtures/${shape}/${file}.der`);
        const issuerDer = await load(`fixtures/${shape}/issuer.der`);
        // The one root that is needed and no other: PKI.js walks through all it is given.
        const trustedCerts = [certificate(await load(`fixtures/${shape}/root.der`))];
        const hasPath = async (leaf, issuer) => {
            const certs = [issuer, leaf]; // the last is the one in question
            const engine = new pkijs.CertificateChainValidationEngine({ trustedCerts, certs, checkDate: new Date(at) });
            return (await engine.verify()).result;
        };
        const hasScts = async (leaf, issuer) => {
            const good = await pkijs.verifySCTsForCertificate(leaf, issuer, logs);
            return good.length === 3 && good.every(Boolean);
        };
        if (task === "scts") {
            const [leaf, issuer] = [certificate(leafDer), certificate(issuerDer)];
            return () => hasScts(leaf, issuer);
        }
        const isWhole = task === "whole";
        return async () => {
            const [leaf, issuer] = [certificate(leafDer), certificate(issuerDer)];
            if (!(await hasPath(leaf, issuer))) return false;
            return !isWhole || (isFor(leaf, host) && (await hasScts(leaf, issuer)));
        };
    };
}

const SUBJECT_ALT_NAME = "2.5.29.17";
const DNS_NAME = 2;

function isFor(certificate, host) {
    const names = certificate.extensions.find(({ extnID }) => extnID === SUBJECT_ALT_NAME).parsedValue.altNames;
    const parent = host.slice(host.indexOf("."));
    return names.some(({ type, value }) => type === DNS_NAME && (value === host || value === `*${parent}`));
}

/** Only what has to be asked of WebCrypto, all at once: nobody who asks WebCrypto afresh can be faster. */
async function bare({ json }) {
    const ask = async ({ algorithm, spki, signature, message }) => {
        const key = await crypto.subtle.importKey("spki", spki, algorithm, false, ["verify"]);
        return crypto.subtle.verify(algorithm, key, signature, message);
    };
    return async (task, shape) => {
        const checks = (await json(`fixtures/${shape}/checks.json`)).map(({ algorithm, ...rest }) => ({
            algorithm,
            ...Object.fromEntries(Object.entries(rest).map(([name, base64]) => [name, bytes(base64)])),
        }));
        const range = { path: [0, 2], scts: [2, 5], whole: [0, 5] }[task];
        const asked = checks.slice(...range);
        return async () => (await Promise.all(asked.map(ask))).every(Boolean);
    };
}

function bytes(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function concat(...parts) {
    const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let end = 0;
    for (const part of parts) {
        whole.set(part, end);
        end += part.length;
    }
    return whole;
}
