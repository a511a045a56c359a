import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import { httpServerHandler, handleAsNodeRequest } from "cloudflare:node";
import { PipelineTransformationEntrypoint } from "cloudflare:pipelines";

export class Upper extends PipelineTransformationEntrypoint {
  async run(records, metadata) {
    return records.map(({ name }) => ({ name: name.toUpperCase(), id: metadata.pipelineId }));
  }
}
export class None extends PipelineTransformationEntrypoint {}
export class Odd extends PipelineTransformationEntrypoint {
  async run() {
    return "text";
  }
}

const batch = (text, format = "json_stream") => ({ id: "b", shard: "s", ts: 1, format, size: { bytes: 1, rows: 1 }, data: new Response(text).body });

export const transforms = {
  async test(_, { UPPER, NONE, ODD }) {
    await UPPER._ping();
    await rejects(NONE._ping(), { message: "the run method must be overridden by the PipelineTransformationEntrypoint subclass" });
    const { data, ...rest } = await UPPER._run(batch('{"name":"a"}\n\n{"name":"\u00fc"}'), { pipelineId: "p" });
    const text = '{"name":"A","id":"p"}\n{"name":"\u00dc","id":"p"}\n';
    deepStrictEqual(rest, { id: "b", shard: "s", ts: 1, format: "json_stream", size: { bytes: new TextEncoder().encode(text).length, rows: 2 } });
    strictEqual(await new Response(data).text(), text);
    await rejects(UPPER._run(batch("", "csv")), { message: "PipelineTransformationEntrypoint run supports only the JSON_STREAM batch format" });
    await rejects(UPPER._run(batch("no json")), SyntaxError);
    await rejects(ODD._run(batch("")), { message: "transformations must return an array of PipelineRecord" });
  },
};

export const serversOfNode = {
  async test() {
    for (const bad of [-1, 65536, NaN, {}, { port: "80" }]) throws(() => httpServerHandler(bad), { message: "Failed to determine port for server" });
    throws(() => httpServerHandler(null), { message: "Server descriptor cannot be null or undefined" });
    let port;
    const server = { listen() { port = 7; }, address: () => (port === undefined ? null : { port }) };
    await rejects(httpServerHandler(server).fetch(new Request("http://x")), { code: "ERR_INVALID_ARG_VALUE", message: /^Http server with port 7 not found\./ });
    await rejects(handleAsNodeRequest(8, new Request("http://x")), { code: "ERR_INVALID_ARG_VALUE" });
  },
};
