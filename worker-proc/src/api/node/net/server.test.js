// A worker whose connections go to a server, whatever port they are for.
import net from "node:net";

const echo = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("data", (data) => socket.write(`<${data}>`));
  socket.on("end", () => socket.end("bye"));
});
echo.listen(1234);

export default {
  async connect(socket) {
    const { handleAsNodeConnection } = await import("cloudflare:node");
    // The port by which it is found is that of the address that was connected to.
    const { opened, readable, writable, closed } = socket;
    const info = await opened;
    const inner = { readable, writable, closed, opened: Promise.resolve({ ...info, localAddress: "127.0.0.1:1234" }), close: () => socket.close() };
    await handleAsNodeConnection(inner);
  },
};
