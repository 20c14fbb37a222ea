// Loads the Rust module and lets it build the page. The words that stand in the HTML are there for the time before, and for the case that it
// does not load.
const word = (key) => chrome.i18n.getMessage(key);

for (const element of document.querySelectorAll("[data-word]")) {
  element.textContent = word(element.dataset.word) || element.textContent;
}
document.documentElement.lang = word("language") || "en";

try {
  const { default: init, show_page } = await import("./doorlight_pages.js");
  await init();
  await show_page(document.body.dataset.page);
} catch (error) {
  const said = document.getElementById("said");
  said.textContent = word("not_loaded") || "Doorlight could not start. Close this page and open it again.";
  console.error(error);
}
