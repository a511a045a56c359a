/* A session of D1 with its service. Statements are `{ sql, params }`: a POST asks for them, or under a flag an RPC call. */
const {
  ArrayIsArray,
  ArrayPrototypePush,
  Error,
  JSONParse,
  JSONStringify,
  StringPrototypeLocaleCompare,
  StringPrototypeTrim,
} = primordials;
const flags = require("flags");
const { call, fetchFrom, headerOf, textOf } = require("wrapped/calls");
const { outcomeOf, outcomeOfQuery } = require("d1/results");

/** What a session may begin with instead of a bookmark: the primary for its first query, or any replica. */
const FIRST_PRIMARY = "first-primary";
const FIRST_UNCONSTRAINED = "first-unconstrained";

const BOOKMARK = "x-cf-d1-session-commit-token";
const UNKNOWN = "Something went wrong";

/** `D1_ERROR: message`, caused by an error of the bare message. */
const failure = (prefix, message) => new Error(`${prefix}: ${message}`, { __proto__: null, cause: new Error(message) });

class Connection {
  #fetcher;
  /** A bookmark or what stands for one; null if the session always asks the primary. */
  #bookmark;

  constructor(fetcher, bookmark) {
    this.#fetcher = fetcher;
    this.#bookmark = bookmark;
  }

  get bookmark() {
    return this.#bookmark === FIRST_PRIMARY || this.#bookmark === FIRST_UNCONSTRAINED ? null : this.#bookmark;
  }

  /** The newest bookmark counts: answers may come in another order than they were made. */
  #learn(bookmark) {
    if (this.#bookmark === null || !bookmark) return;
    const learnt = StringPrototypeTrim(bookmark);
    const known = this.bookmark;
    if (learnt !== "" && (known === null || StringPrototypeLocaleCompare(known, learnt) < 0)) this.#bookmark = learnt;
  }

  /** A promise of the response to a POST. */
  async post(path, body = undefined) {
    const headers = { __proto__: null, "content-type": "application/json" };
    if (this.#bookmark) headers[BOOKMARK] = this.#bookmark;
    const response = await fetchFrom(this.#fetcher, `http://d1${path}`, { __proto__: null, method: "POST", headers, body });
    this.#learn(headerOf(response, BOOKMARK));
    return response;
  }

  /** The outcomes of a POST of one statement or an array of them: an array, or one, as the service answers. */
  async #send(path, statements, span) {
    const response = await this.post(path, JSONStringify(statements));
    try {
      const answer = parse(await textOf(response));
      if (!ArrayIsArray(answer)) return outcomeOf(answer);
      const outcomes = [];
      for (let i = 0; i < answer.length; i++) ArrayPrototypePush(outcomes, outcomeOf(answer[i]));
      return outcomes;
    } catch (error) {
      const message = error.message || UNKNOWN;
      span.setAttribute("error.type", message);
      throw failure("D1_ERROR", message);
    }
  }

  /** The outcomes of an RPC call for an array of statements. */
  async #query(queries, span, prefix) {
    try {
      const request = { queries };
      if (this.#bookmark) request.bookmark = this.#bookmark;
      const { results, bookmark } = await query(this.#fetcher, request);
      this.#learn(bookmark);
      const outcomes = [];
      for (let i = 0; i < results.length; i++) ArrayPrototypePush(outcomes, outcomeOfQuery(results[i]));
      return outcomes;
    } catch (error) {
      const message = error instanceof Error ? error.message : `${error}`;
      span.setAttribute("error.type", message);
      throw new Error(`${prefix}: ${message}`, { __proto__: null, cause: error });
    }
  }

  /** The outcomes of statements, all of which have succeeded. */
  async batch(statements, span) {
    if (flags.d1BindingJsrpc) return this.#query(statements, span, "D1_ERROR");
    return succeeded(await this.#send("/query?resultsFormat=ROWS_AND_COLUMNS", statements, span), span);
  }

  /** The outcome of one statement; with no results where `isSilent`. */
  async one(statement, isSilent, span) {
    if (flags.d1BindingJsrpc) return (await this.#query([statement], span, "D1_ERROR"))[0];
    const path = isSilent ? "/execute?resultsFormat=NONE" : "/query?resultsFormat=ROWS_AND_COLUMNS";
    return firstOf(succeeded(await this.#send(path, statement, span), span));
  }

  /** The outcomes of lines of SQL. */
  async exec(lines, span) {
    const statements = [];
    for (let i = 0; i < lines.length; i++) ArrayPrototypePush(statements, { sql: lines[i] });
    if (flags.d1BindingJsrpc) return this.#query(statements, span, "D1_EXEC_ERROR");
    const sent = await this.#send("/execute?resultsFormat=NONE", statements, span);
    const outcomes = ArrayIsArray(sent) ? sent : [sent];
    for (let i = 0; i < outcomes.length; i++) {
      if (outcomes[i].success) continue;
      span.setAttribute("error.type", `Error in line ${i + 1}`);
      throw failure("D1_EXEC_ERROR", `Error in line ${i + 1}: ${lines[i]}: ${outcomes[i].error || UNKNOWN}`);
    }
    return outcomes;
  }
}

function parse(text) {
  try {
    return JSONParse(text);
  } catch {
    throw new Error(`Failed to parse body as JSON, got: ${text}`);
  }
}

const firstOf = (outcomes) => (ArrayIsArray(outcomes) ? outcomes[0] : outcomes);

/** The outcomes, unless the first is a failure, which then is all of them. */
function succeeded(outcomes, span) {
  const first = firstOf(outcomes);
  if (first.success) return outcomes;
  span.setAttribute("error.type", first.error);
  throw failure("D1_ERROR", first.error);
}

/** The RPC method: a promise of `{ results, bookmark }`. Older services wrap them and their errors. */
async function query(fetcher, request) {
  const answer = await call(fetcher, "query", [request]);
  if (!("success" in answer)) return answer;
  if (!answer.success) throw answer.error;
  const { queryResults: results, bookmark } = answer.results;
  return bookmark === undefined ? { results } : { results, bookmark };
}

exports.Connection = Connection;
exports.FIRST_UNCONSTRAINED = FIRST_UNCONSTRAINED;
exports.failure = failure;
exports.query = query;
