// node serve.mjs FOLDER [PORT]: serves a folder on loopback, for `./build.sh run www`, the tests and the measurements. Nothing else here needs a web server.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";

const TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
};

/** Serves, and notes each request in `requests`. */
export async function serve(folder, port = 0) {
    const requests = [];
    const server = createServer(async (request, response) => {
        requests.push({ method: request.method, target: request.url });
        const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
        const file = join(folder, normalize(path.endsWith("/") ? `${path}index.html` : path));
        try {
            if (!file.startsWith(folder)) throw new Error("outside");
            const body = await readFile(file);
            response.writeHead(200, {
                "content-type": TYPES[extname(file)] ?? "application/octet-stream",
                "content-length": body.length,
                // The browser asks again each time, as long as no service worker answers.
                "cache-control": "no-cache",
                "x-content-type-options": "nosniff",
            });
            response.end(body);
        } catch {
            response.writeHead(404).end();
        }
    });
    await new Promise((done) => server.listen(port, "127.0.0.1", done));
    const base = `http://127.0.0.1:${server.address().port}/`;
    /** Refuses connections, the live ones too. */
    const stop = () =>
        new Promise((done) => {
            server.close(done);
            server.closeAllConnections();
        });
    return { base, requests, stop };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
    const { base } = await serve(process.argv[2], Number(process.argv[3] ?? 8420)).catch(() => serve(process.argv[2]));
    console.log(`the web page is at ${base} (until you press Ctrl-C)`);
}
