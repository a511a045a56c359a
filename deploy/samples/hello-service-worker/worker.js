addEventListener("fetch", (event) => {
  event.respondWith(greet(event.request));
});

async function greet(request) {
  return new Response(`Hello from ${request.method} ${new URL(request.url).pathname}\n`);
}
