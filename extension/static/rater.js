// A worker that rates and makes passwords, so that the page goes on meanwhile: the rating of a long one takes seconds. The page ends it at the next key.
const loaded = import("./doorlight_passwords.js").then(async (module) => {
    await module.default();
    // The page's policy does not hold in here: nothing that could send anything is left.
    for (const name of ["fetch", "XMLHttpRequest", "WebSocket", "WebSocketStream", "WebTransport", "EventSource", "RTCPeerConnection", "BroadcastChannel", "Worker", "importScripts", "indexedDB", "caches"]) {
        for (let owner = globalThis; owner; owner = Object.getPrototypeOf(owner)) delete owner[name];
    }
    return module;
});
globalThis.onmessage = async ({ data: [name, ...given] }) => {
    try {
        const { generate, rate } = await loaded;
        postMessage({ answer: { generate, rate, isThere: () => true }[name](...given) });
    } catch (error) {
        postMessage({ error: String(error?.message ?? error) });
    }
};
