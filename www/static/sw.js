// Keeps the page's own files, all of one version, and answers with them first. It never asks anybody else, and other people's servers are none of its business.
const VERSION = "filled in by tools/www";
const FILES = ["./"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(FILES)));
});

// The new version takes over when no page of the old one is open any more: one page never gets files of two.
self.addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name.startsWith("doorlight-") && name !== VERSION);
  event.waitUntil(caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name)))));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  const page = request.mode === "navigate" ? "./" : request;
  event.respondWith(
    caches
      .open(VERSION)
      .then((cache) => cache.match(page, { ignoreSearch: true }))
      .then((kept) => kept ?? fetch(request)),
  );
});
