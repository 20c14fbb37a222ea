// Loads the module that rates and makes passwords, which no other page has, and then the page. Without the module the page says that it is missing.
try {
  const { default: init, generate, rate } = await import("./doorlight_passwords.js");
  await init();
  globalThis.doorlightPasswords = { generate, rate };
} catch (error) {
  console.error(error);
}
await import("./page.js");
