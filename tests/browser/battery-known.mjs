// What arrives although the gate is shut, by name and with the browser's reason. None of it has a
// cookie while cookies are blocked for the home; `hasCookies`: without that permission it has.
export const ARRIVALS = [
    {
        browser: "chromium",
        cells: /^[a-z]+-worker\.socket(-stream)?$|\.shared-socket(-stream)?$/,
        hasCookies: true,
        why: "sockets of shared and service workers: no rule is asked for them",
    },
    {
        browser: "chromium",
        cells: /\.(csp-report-to|document-report|network-error-report)$/,
        hasCookies: true,
        why: "reports of the Reporting API and of Network Error Logging: the network service sends them, and asks no rule",
    },
    {
        browser: "chromium",
        cells: /\.identity-(provider|accounts)$/,
        hasCookies: true,
        why: "FedCM (`navigator.credentials.get` with an identity provider): the browser process asks for the provider's configuration and its accounts, and asks no rule",
    },
    {
        browser: "chromium",
        cells: /\.payment$/,
        why: "`PaymentRequest` with a payment method of the home: the browser process asks for its manifest by HEAD, and asks no rule",
    },
    {
        browser: "chromium",
        cells: /\.passkey$/,
        why: "a passkey for the home's name: the browser process asks `/.well-known/webauthn` at port 443 whether the site may, and asks no rule",
    },
    ...["chromium", "firefox"].map((browser) => ({
        browser,
        cells: /\.rtc-(stun|turn)$/,
        why: "WebRTC with a STUN or TURN server of the home's name: datagrams or a connection to the port that the page names, without HTTP; no rule is asked",
    })),
];

const named = (browser) => ARRIVALS.filter((one) => one.browser === browser).map(({ why, hasCookies }) => `${why}${hasCookies ? " (without cookies while they are blocked for the home, else with them)" : " (without cookies)"}`);

/** Paragraphs below the figures. */
export const NOTES = [
    "What arrives, all of it without a path, token or body of the user's except for what a page of the home says in its own reports:",
    "",
    ...named("chromium").map((text) => `- Chromium: ${text}.`),
    ...named("firefox").map((text) => `- Firefox: ${text}.`),
    "",
    "Why a browser does not ask: Firefox has no `fetchLater`, Network Error Logging, FedCM, payment requests, background sync, `WebSocketStream` or speculation rules, and sends no `ping` by default. Chromium shows no notification without the user's permission, and prerenders nothing while a driver is attached. A secure page asks for nothing insecure; an insecure one has no service worker, WebTransport or worklet; a sandboxed or `data:` frame has no storage, so no shared worker and no cache; frames have no icon and no manifest; a worker's own script, `<use>` and filters have to be of the same origin. A socket or datagram that a browser puts off (STUN, TURN) may be missing from a run.",
    "",
    "Not tried: push (it needs a push service), periodic sync (an installed app), downloads that resume (A20), early hints (HTTP/2), Background Fetch by a click (a worker may not begin one here; by hand: held). Chromium's prefetch by speculation rules, which it does for a page that asks for nothing else, was not asked beside all the rest.",
];
