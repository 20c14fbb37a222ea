// Answers visits from its cache, so that the network never sees them.
const PAGES = ["/worker", "/", "/auth/authorize"];

self.addEventListener("install", event => {
  self.skipWaiting();
  event.waitUntil(caches.open("pages").then(cache => cache.addAll(PAGES)));
});

self.addEventListener("activate", event => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", event => {
  const { mode, url } = event.request;
  if (mode === "navigate" && PAGES.includes(new URL(url).pathname)) {
    event.respondWith(
      caches.match(event.request, { ignoreSearch: true }).then(cached => cached ?? fetch(event.request)),
    );
  }
});

// Looks for a newer worker as often as it is told, as browsers do by themselves at any moment.
let left = 0;
self.addEventListener("message", event => {
  left = event.data;
  const look = async () => {
    while (left-- > 0) {
      await self.registration.update().catch(() => {});
      await new Promise(done => setTimeout(done, 500));
    }
  };
  event.waitUntil(look());
});
