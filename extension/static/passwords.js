// Starts the workers that rate and make passwords, then the page. If their module does not load, the page
// says so.

/** Asks a worker one thing at a time: a further question ends the one before, and its worker. */
const asker = () => {
    let worker, ready, asked;
    let count = 0;
    const settle = (how, what) => {
        const { [how]: done } = asked ?? {};
        asked = undefined;
        done?.(what);
    };
    const end = () => {
        worker?.terminate();
        worker = undefined;
        settle("failed", new Error("ended"));
    };
    const start = () => {
        const own = new Worker("rater.js", { type: "module" });
        worker = own;
        ready = new Promise((done, failed) => {
            own.onmessage = ({ data: { isReady, id, answer, error } }) => {
                if (isReady !== undefined) return isReady ? done() : failed(new Error(error));
                // What was ended may have answered before.
                if (id === asked?.id) settle(error === undefined ? "answered" : "failed", error === undefined ? answer : new Error(error));
            };
            own.onerror = ({ message }) => failed(new Error(message || "the worker failed"));
        });
        return ready;
    };
    /** Nothing is said to a worker that is not ready. */
    const ask = async (...question) => {
        if (asked) end();
        if (!worker) start().catch(() => {});
        const [own, id] = [worker, ++count];
        const answer = new Promise((answered, failed) => (asked = { id, answered, failed }));
        ready.then(
            () => own === worker && own.postMessage([id, ...question]),
            (error) => {
                if (id === asked?.id) settle("failed", error);
                if (own === worker) end();
            },
        );
        return answer;
    };
    /** Ends what is asked; a worker that has nothing to do stays. */
    return { ask, start, end: () => asked && end() };
};
const [rater, maker] = [asker(), asker()];
try {
    await rater.start();
    globalThis.doorlightPasswords = {
        rate: (password, inputs) => rater.ask("rate", password, inputs),
        generate: (kind, count) => maker.ask("generate", kind, count),
        // What is rated is not wanted any more.
        end: () => rater.end(),
        // Nor anything else.
        leave: () => [rater, maker].forEach(({ end }) => end()),
    };
} catch (error) {
    console.error(error);
}
await import("./page.js");
