// Loads the Rust module and the words, and lets them build the page. In `doorlight.html` everything is inside the page itself; see `tools/www`.
const inside = JSON.parse(document.getElementById("inside")?.textContent ?? "null");
const LOCALES = ["en"]; // filled in by tools/www

/** The locales to look for words in: the reader's languages as far as there are any, and English for what they lack. */
function wanted(languages) {
  const names = languages.flatMap((language) => [language.replace("-", "_"), language.split("-")[0]]);
  return [...new Set([...names.filter((name) => LOCALES.includes(name)).slice(0, 1), "en"])];
}

const words = (locale) => {
  const file = `_locales/${locale}/messages.json`;
  return inside?.[file] ?? fetch(file).then((answer) => answer.text());
};

const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Keeps the page's own files for later visits without a network. */
async function keep() {
  if (inside || !navigator.serviceWorker) return Boolean(inside);
  const vouch = globalThis.trustedTypes?.createPolicy("doorlight-worker", { createScriptURL: () => "sw.js" });
  await navigator.serviceWorker.register(vouch?.createScriptURL("") ?? "sw.js");
  await navigator.serviceWorker.ready;
  return true;
}

try {
  // All at once: nothing here waits for something else to arrive first.
  const module = inside ? bytes(inside.module) : fetch("doorlight_www_bg.wasm");
  const arriving = Promise.all(wanted(navigator.languages).map(words));
  const core = await import("./doorlight_www.js");
  const [texts] = await Promise.all([arriving, core.default({ module_or_path: module })]);
  const pictures = inside?.pictures ?? {};
  core.show_page(texts, pictures, async () => {
    const deep = await import("./doorlight_deep.js");
    await deep.default({ module_or_path: inside ? bytes(inside.deep) : undefined });
    deep.start(texts, pictures);
    return deep;
  });
  performance.mark("doorlight-ready");
  // After the page is there: both cost a moment.
  core.warm_up();
  if (await keep().catch(() => false)) core.works_offline(Boolean(inside));
} catch (error) {
  document.getElementById("said").textContent = "Doorlight could not start. Close this page and open it again.";
  console.error(error);
}
