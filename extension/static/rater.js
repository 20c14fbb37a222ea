// A worker that rates and makes passwords. Rating a long one takes seconds; the page stays usable, and
// ends the worker at the next key.
const loaded = import("./doorlight_passwords.js").then(async (module) => {
    await module.default();
    // The page's policy does not apply here: remove the ways of sending before any password arrives.
    for (const name of ["fetch", "XMLHttpRequest", "WebSocket", "WebSocketStream", "WebTransport", "EventSource", "RTCPeerConnection", "BroadcastChannel", "Worker", "importScripts", "indexedDB", "caches", "FontFace", "fonts"]) {
        for (let owner = globalThis; owner; owner = Object.getPrototypeOf(owner)) delete owner[name];
    }
    return module;
});
const inWords = (error) => String(error?.message ?? error);
globalThis.onmessage = async ({ data: [id, name, ...given] }) => {
    try {
        const { generate, rate } = await loaded;
        postMessage({ id, answer: { generate, rate }[name](...given) });
    } catch (error) {
        postMessage({ id, error: inWords(error) });
    }
};
loaded.then(
    () => postMessage({ isReady: true }),
    (error) => postMessage({ isReady: false, error: inWords(error) }),
);
