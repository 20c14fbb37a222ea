// Loads the module that rates and makes passwords, which no other page has, and then the page.
import init, { generate, rate } from "./doorlight_passwords.js";

try {
  await init();
  globalThis.doorlightPasswords = { generate, rate };
} catch (error) {
  // The page says so as soon as it is asked for a rating.
  console.error(error);
}
await import("./page.js");
