// What the server's log may hold.
import assert from "node:assert/strict";

const PROBES = ["/robots.txt", "/", "/favicon.ico"];

/** Fails where the home's log holds anything but our own bare probes, which may be GETs where a home does not answer HEAD. */
export function assertOnlyProbes(requests, methods = ["HEAD"]) {
    assertNothingOfTheUsers(requests);
    for (const { server, method, target } of requests) {
        if (server !== "home" && server !== "plain") continue;
        assert.ok(methods.includes(method), `${server} ${method} ${target}`);
        // Each probe has a number of its own behind the path.
        assert.ok(PROBES.includes(target.replace(/\?[0-9a-f]{32}$/, "")), `${server} ${method} ${target}`);
    }
}

/** Fails where a request to the home carries a cookie, a token, a body or a message. */
export function assertNothingOfTheUsers(requests) {
    for (const { server, method, target, headers, body, messages } of requests) {
        if (server !== "home" && server !== "plain") continue;
        const seen = `${server} ${method} ${target}`;
        assert.equal(headers.cookie, undefined, `${seen}: cookie`);
        assert.equal(headers.authorization, undefined, `${seen}: authorization`);
        assert.equal(body, "", seen);
        assert.equal(messages.length, 0, seen);
        assert.ok(!target.includes("secret"), seen);
    }
}
