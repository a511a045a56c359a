// A worker of a time when messages were serialized and errors had no codes.
export default {
  async fetch(request, { QUEUE }) {
    const outcome = async (call) => call().then(() => "sent", ({ message }) => message);
    return Response.json([await outcome(() => QUEUE.send({ a: 1 })), await outcome(() => QUEUE.sendBatch([{ body: "b" }]))]);
  },
};
