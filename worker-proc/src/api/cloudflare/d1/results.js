/* What a D1 service answers, as users get it, and what a span tells of it. */
const { ArrayIsArray, ArrayPrototypePush, Error, ObjectKeys } = primordials;

/** `{ success, meta, results }`, or `{ success: false, error }`; the service says no more of a failure than its error. */
function outcomeOf(answer) {
  if (answer.error) return { success: false, error: answer.error };
  const outcome = { success: true, meta: answer.meta };
  if ("results" in answer) outcome.results = answer.results;
  return outcome;
}

/** One result of the RPC method `query`. */
function outcomeOfQuery({ meta, data }) {
  if (data.kind !== "raw") throw new Error(`Unsupported D1 query result kind: ${data.kind}`);
  const { columns, rows } = data;
  return { success: true, meta, results: { columns, rows } };
}

/** An outcome whose results are objects, one a row. Older services send them so, or nothing. */
function withObjects(outcome) {
  const { results } = outcome;
  if (!("results" in outcome)) return { ...outcome, results: [] };
  if (ArrayIsArray(results)) return { ...outcome, results };
  const { columns, rows } = results;
  const objects = [];
  for (let i = 0; i < rows.length; i++) {
    const object = {};
    for (let j = 0; j < rows[i].length; j++) define(object, columns[j], rows[i][j]);
    ArrayPrototypePush(objects, object);
  }
  return { ...outcome, results: objects };
}

/** A column may have any name, `__proto__` too. */
const define = (object, name, value) =>
  primordials.ObjectDefineProperty(object, name, {
    __proto__: null,
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });

/** An outcome's rows as arrays; before them the columns' names, if asked for. */
function withArrays(outcome, isNamed) {
  const { results } = outcome;
  const all = [];
  if (!("results" in outcome)) return all;
  if (!ArrayIsArray(results)) {
    if (isNamed) ArrayPrototypePush(all, results.columns);
    for (let i = 0; i < results.rows.length; i++) ArrayPrototypePush(all, results.rows[i]);
    return all;
  }
  for (let i = 0; i < results.length; i++) {
    const keys = ObjectKeys(results[i]);
    if (isNamed && i === 0) ArrayPrototypePush(all, keys);
    const row = [];
    for (let j = 0; j < keys.length; j++) ArrayPrototypePush(row, results[i][keys[j]]);
    ArrayPrototypePush(all, row);
  }
  return all;
}

const RESPONSE = "cloudflare.d1.response.";

function tellMeta(span, meta) {
  span.setAttributes({
    [`${RESPONSE}size_after`]: meta.size_after,
    [`${RESPONSE}rows_read`]: meta.rows_read,
    [`${RESPONSE}rows_written`]: meta.rows_written,
    [`${RESPONSE}last_row_id`]: meta.last_row_id,
    [`${RESPONSE}changed_db`]: meta.changed_db,
    [`${RESPONSE}changes`]: meta.changes,
    [`${RESPONSE}served_by_region`]: meta.served_by_region,
    [`${RESPONSE}served_by_colo`]: meta.served_by_colo,
    [`${RESPONSE}served_by_primary`]: meta.served_by_primary,
    [`${RESPONSE}sql_duration_ms`]: meta.timings?.sql_duration_ms,
    [`${RESPONSE}total_attempts`]: meta.total_attempts,
  });
}

/** Members that several statements' add up in, and those of which the last one holds. */
const SUMS = ["rows_read", "rows_written", "changes"];
const LAST = ["served_by_region", "served_by_colo", "served_by_primary"];

/** Tells of several outcomes as of one. */
function tellAll(span, outcomes) {
  if (outcomes.length === 0) return;
  const total = {
    __proto__: null,
    size_after: 0,
    rows_read: 0,
    rows_written: 0,
    last_row_id: 0,
    changed_db: false,
    changes: 0,
  };
  for (let i = 0; i < outcomes.length; i++) if (outcomes[i].meta) addMeta(total, outcomes[i].meta);
  tellMeta(span, total);
}

function addMeta(total, meta) {
  total.size_after = meta.size_after ?? 0;
  total.last_row_id = meta.last_row_id ?? 0;
  for (let i = 0; i < SUMS.length; i++) total[SUMS[i]] += meta[SUMS[i]] ?? 0;
  for (let i = 0; i < LAST.length; i++) if (meta[LAST[i]]) total[LAST[i]] = meta[LAST[i]];
  if (meta.changed_db) total.changed_db = true;
  if (meta.timings?.sql_duration_ms) {
    total.timings = { sql_duration_ms: (total.timings?.sql_duration_ms ?? 0) + meta.timings.sql_duration_ms };
  }
  if (meta.total_attempts) total.total_attempts = (total.total_attempts ?? 0) + meta.total_attempts;
}

exports.outcomeOf = outcomeOf;
exports.outcomeOfQuery = outcomeOfQuery;
exports.tellAll = tellAll;
exports.tellMeta = tellMeta;
exports.withArrays = withArrays;
exports.withObjects = withObjects;
