/* The module `cloudflare-internal:pipeline-transform`: the class of entrypoints that a pipeline sends batches through. */
const {
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  Error,
  JSONParse,
  JSONStringify,
  StringPrototypeSplit,
  StringPrototypeTrim,
  TypedArrayPrototypeGetByteLength,
} = primordials;
const { WorkerEntrypoint } = require("workers/entrypoints");
const { encodeUtf8 } = require("encoding");
const { fromBytes, readAllText } = require("streams");

/** Records as lines of JSON. */
const JSON_STREAM = "json_stream";

class PipelineTransformImpl extends WorkerEntrypoint {
  #isUsed = false;

  /** What users override: the records that others become. */
  async run(_records, _metadata) {
    throw new Error("should be implemented by parent");
  }

  /** Called by the pipeline to learn whether they have. */
  async _ping() {
    if (this.run === PipelineTransformImpl.prototype.run) {
      throw new Error("the run method must be overridden by the PipelineTransformationEntrypoint subclass");
    }
  }

  /** Called by the pipeline with a batch, once for each entrypoint: the batch of what its records become. */
  async _run(batch, metadata) {
    if (this.#isUsed) throw new Error("pipeline entrypoint has already been initialized");
    this.#isUsed = true;
    if (batch.format !== JSON_STREAM) {
      throw new Error("PipelineTransformationEntrypoint run supports only the JSON_STREAM batch format");
    }
    const records = await this.run(parseRecords(await readAllText(batch.data)), metadata);
    if (!ArrayIsArray(records)) throw new Error("transformations must return an array of PipelineRecord");
    const bytes = encodeUtf8(formatRecords(records));
    const { id, shard, ts } = batch;
    const size = { bytes: TypedArrayPrototypeGetByteLength(bytes), rows: records.length };
    return { id, shard, ts, format: JSON_STREAM, size, data: fromBytes(bytes) };
  }
}

function parseRecords(text) {
  const lines = StringPrototypeSplit(text, "\n");
  const records = [];
  for (let i = 0; i < lines.length; i++) {
    if (StringPrototypeTrim(lines[i]) !== "") ArrayPrototypePush(records, JSONParse(lines[i]));
  }
  return records;
}

function formatRecords(records) {
  const lines = [];
  for (let i = 0; i < records.length; i++) ArrayPrototypePush(lines, `${JSONStringify(records[i])}\n`);
  return ArrayPrototypeJoin(lines, "");
}

exports.PipelineTransformImpl = PipelineTransformImpl;
