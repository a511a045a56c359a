// Listeners of a classic script: they work in `waitUntil`.
addEventListener("queue", (event) => {
  if (event.messages[0].body === "throw") throw new Error("thrown by a listener");
  event.waitUntil(scheduler.wait(1).then(() => event.messages[0].ack()));
});
addEventListener("scheduled", (event) => {
  event.waitUntil(scheduler.wait(1).then(() => event.noRetry()));
});
