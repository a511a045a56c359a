/* What workflows are made of: limits, errors, durations and settings as users give them. */
export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const DAY_MS = 24 * 60 * MINUTE_MS;
export const UNITS_MS = {
  millisecond: 1,
  second: SECOND_MS,
  minute: MINUTE_MS,
  hour: 60 * MINUTE_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30 * DAY_MS,
  year: 365 * DAY_MS,
};

/** Code that waits for longer does not stay in memory. */
export const MAX_WAIT_IN_MEMORY_MS = MINUTE_MS;

/** While code runs, the alarm is at most this far off. */
export const MAX_ALARM_MS = 10 * MINUTE_MS;

/** How long a function may take that says how long to wait. */
export const MAX_DELAY_FUNCTION_MS = 5 * SECOND_MS;

export const RETENTION_MS = 30 * DAY_MS;
export const MAX_STEPS = 10_000;
export const MAX_BATCH = 100;
export const MAX_NAME_CHARACTERS = 256;
export const CHUNK_BYTES = 256 * 1024;
export const MAX_SHOWN_CHARACTERS = 1024;

export const RETRIES = { limit: 5, delay: 10 * SECOND_MS, backoff: "exponential" };
export const TIMEOUT = "10 minutes";
export const EVENT_TIMEOUT = "24 hours";

/** Why the object of an instance ends that is deleted while its code runs. */
export const DELETED = "The Workflow instance was deleted";

export const ENDED = ["complete", "errored", "terminated"];
/** What tells subscribers of a status. */
export const LOGGED = {
  queued: "workflow_queued",
  running: "workflow_running",
  waiting: "workflow_waiting",
  waitingForPause: "workflow_waiting_for_pause",
  paused: "workflow_paused",
  rollingBack: "rollback_started",
  complete: "workflow_completed",
  errored: "workflow_errored",
  terminated: "workflow_terminated",
};
export const LAST = ENDED.map((status) => LOGGED[status]);
export const EVENT_TYPES = [
  ...Object.values(LOGGED),
  "workflow_started",
  "rollback_completed",
  "rollback_errored",
  ...["step", "attempt", "rollback_step", "rollback_attempt"].flatMap((of) => [
    `${of}_started`,
    `${of}_completed`,
    `${of}_errored`,
  ]),
  "sleep_started",
  "sleep_completed",
  "wait_started",
  "wait_completed",
  "wait_timed_out",
];

/** How far tests have moved the clock. */
let ahead = 0;
export const now = () => Date.now() + ahead;
export const moveClock = (ms) => {
  ahead += ms;
};

// Errors.

export const named = (name, message) => Object.assign(new Error(message), { name });
export const workflowError = (code, message) => named("WorkflowError", `(${code}) ${message}`);
export const fatal = (message) => named("WorkflowFatalError", message);
export const internal = (message) => named("WorkflowInternalError", message);
export const missing = () => workflowError("instance.not_found", "Instance does not exist");
export const badId = () => workflowError("instance.invalid_id", "Instance ID is invalid");
export const badArgument = (message) => workflowError("body", message);
/** For a step of code that is to do no more. */
export const over = () => named("WorkflowAbortedError", "This run of the instance has ended");
export const timedOut = (ms) => named("WorkflowTimeoutError", `Execution timed out after ${ms}ms`);
export const ENDS_INSTANCE = "The execution of the Workflow instance was terminated, as";

export const recorded = (error) => ({ name: error?.name ?? "Error", message: error?.message ?? `${error}` });
export const revived = ({ name, message }) => named(name, message);

/** Across RPC, the name stands in the message. */
export const isFinal = (error) => error?.name === "NonRetryableError" || `${error?.message}`.startsWith("NonRetryableError");
export const keepsMessages = globalThis.Cloudflare?.compatibilityFlags?.workflows_preserve_non_retryable_error_message;

/** What is told of an error that is not to be tried again; `replaced(message)` says it where a flag does not keep it as it is. */
export function told(error, replaced) {
  if (!isFinal(error)) return recorded(error);
  const message = `${error?.message}`.replace(/^NonRetryableError:?\s*/, "");
  return keepsMessages ? { name: "NonRetryableError", message } : recorded(fatal(replaced(message)));
}
export const toldOfAttempt = (error) => told(error, (message) => `Step threw a NonRetryableError with message "${message}"`);
export const toldOfInstance = (error) =>
  told(error, () => `${ENDS_INSTANCE} a step threw an NonRetryableError and it was not handled`);

// What users give.

/** Milliseconds of a number or of a text such as "2 hours"; NaN for anything else. */
export function lengthOf(duration) {
  if (typeof duration === "number") return duration;
  const [, count, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*$/.exec(`${duration}`) ?? [];
  return Object.hasOwn(UNITS_MS, unit ?? "") ? Number(count) * UNITS_MS[unit] : Number.NaN;
}

export function mustBeLength(duration) {
  const ms = lengthOf(duration);
  if (Number.isNaN(ms)) throw new TypeError(`Invalid duration "${duration}"`);
  return ms;
}

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const hasOnly = (object, names) => Object.keys(object).every((name) => names.includes(name));
export const isLength = (value) => (typeof value === "number" || typeof value === "string") && lengthOf(value) >= 0;

export function areRetries(retries) {
  if (!isObject(retries) || !hasOnly(retries, ["limit", "delay", "backoff"])) return false;
  const { limit, delay, backoff = "constant" } = retries;
  const isDelay = typeof delay === "function" || isLength(delay);
  return Number.isInteger(limit) && limit >= 0 && isDelay && ["constant", "linear", "exponential"].includes(backoff);
}

export function isConfig(config) {
  if (!isObject(config) || !hasOnly(config, ["retries", "timeout", "sensitive"])) return false;
  const { retries, timeout, sensitive } = config;
  if (sensitive !== undefined && sensitive !== "output") return false;
  if (timeout !== undefined && (!isLength(timeout) || timeout === 0)) return false;
  return retries === undefined || areRetries(retries);
}

export const complete = (config) => ({ timeout: TIMEOUT, ...config, retries: { ...RETRIES, ...config?.retries } });

/** The config as callbacks and subscribers see it: `delay` in place of a function. */
export function shown(config, delay = undefined) {
  if (typeof config.retries.delay !== "function") return config;
  const { delay: _, ...retries } = config.retries;
  return { ...config, retries: delay === undefined ? retries : { ...retries, delay } };
}

export const release = (value) => value?.[Symbol.dispose]?.();
export const keep = (stub) => stub.dup?.() ?? stub;
export const twelve = (number) => `${number}`.padStart(12, "0");
