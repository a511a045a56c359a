// The workloads that use modules of Node.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

function conversions() {
  let text = "the same text, again and again";
  for (let i = 0; i < 10; i++) text = Buffer.from(Buffer.from(text, "utf8").toString("base64"), "base64").toString("utf8");
  return new Response(text);
}

export const routes = {
  "/create-hash": () => new Response(createHash("sha256").update("the text to hash").digest("hex")),
  "/buffer": conversions,
};
