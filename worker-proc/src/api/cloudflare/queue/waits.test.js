// A consumer that ends with the work that it gives to `waitUntil`, as all did before there was a flag.
export default {
  async queue(batch, env, ctx) {
    const [message] = batch.messages;
    if (message.body === "fail") ctx.waitUntil(Promise.reject(new Error("background")));
    else ctx.waitUntil(scheduler.wait(1).then(() => message.ack()));
  },
  async scheduled(controller, env, ctx) {
    if (controller.cron === "fail") ctx.waitUntil(Promise.reject(new Error("background")));
    else ctx.waitUntil(scheduler.wait(1).then(() => controller.noRetry()));
  },
};
