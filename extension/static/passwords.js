// Starts the workers that rate and make passwords, and then the page. Without their module the page says that it is missing.

/** Asks a worker one thing at a time: a further question ends the one before, and its worker. */
const asker = () => {
    let worker, unanswered;
    const end = () => {
        worker?.terminate();
        worker = undefined;
        unanswered?.(new Error("ended"));
        unanswered = undefined;
    };
    const ask = (...question) =>
        new Promise((answered, failed) => {
            if (unanswered) end();
            worker ??= new Worker("rater.js", { type: "module" });
            unanswered = failed;
            worker.onmessage = ({ data: { answer, error } }) => {
                unanswered = undefined;
                error === undefined ? answered(answer) : failed(new Error(error));
            };
            worker.onerror = ({ message }) => {
                failed(new Error(message || "the worker failed"));
                end();
            };
            worker.postMessage(question);
        });
    return { ask, end };
};
const [rater, maker] = [asker(), asker()];
try {
    await rater.ask("isThere");
    globalThis.doorlightPasswords = {
        rate: (password, inputs) => rater.ask("rate", password, inputs),
        // What is rated is not wanted any more.
        end: () => rater.end(),
        generate: (kind, count) => maker.ask("generate", kind, count).finally(maker.end),
    };
} catch (error) {
    console.error(error);
}
await import("./page.js");
