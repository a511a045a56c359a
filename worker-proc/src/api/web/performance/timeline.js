/*
 * User Timing: marks and measures, the timeline that holds them, and observers, which are told of nothing, as in the
 * published runtime. Installed on `performance` where the compat flags say so. Relies on `performance`.
 */

const {
  ArrayPrototypeFilter,
  ArrayPrototypePush,
  ArrayPrototypeShift,
  ArrayPrototypeSlice,
  ArrayPrototypeSplice,
  DateNow,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  ReflectGetOwnPropertyDescriptor,
  ReflectOwnKeys,
} = primordials;
const {
  argumentError,
  constructorError,
  defineInterface,
  defineIterator,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  isObject,
  published,
  toDOMString,
  toDictionary,
} = require("webidl");
const { DONE, iteratorFactory } = require("webidl/iterators");
const { EventTarget } = require("events");
const { Performance, checkPerformance } = require("performance");

/** The timeline of an isolate keeps this many entries; the oldest goes first. */
const MAX_TIMELINE_ENTRIES = 10_000;

const timeline = [];

function add(entry) {
  if (timeline.length >= MAX_TIMELINE_ENTRIES) ArrayPrototypeShift(timeline);
  ArrayPrototypePush(timeline, entry);
  return entry;
}

function remove(type, name) {
  for (let i = timeline.length - 1; i >= 0; i--) {
    const state = stateOf(timeline[i]);
    if (state.entryType === type && (name === undefined || state.name === name)) ArrayPrototypeSplice(timeline, i, 1);
  }
}

const kCreate = { __proto__: null };
let stateOf;

class PerformanceEntry {
  #state;

  constructor(token, state) {
    if (token !== kCreate) throw illegalConstructor();
    this.#state = state;
  }

  static {
    stateOf = (entry) => {
      try {
        return entry.#state;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  get name() {
    return stateOf(this).name;
  }
  get entryType() {
    return stateOf(this).entryType;
  }
  get startTime() {
    return stateOf(this).startTime;
  }
  get duration() {
    return stateOf(this).duration;
  }
  toJSON() {
    const { name, entryType, startTime, duration } = stateOf(this);
    return { name, entryType, startTime, duration };
  }
}

function detailOf(members) {
  const { detail } = members;
  if (detail === undefined) return null;
  if (!isObject(detail)) throw fieldError("Options", "detail", "Object");
  return detail;
}

function markState(name, members) {
  const startTime = members.startTime === undefined ? DateNow() : +members.startTime;
  return { __proto__: null, name, entryType: "mark", startTime, duration: 0, detail: detailOf(members) };
}

/** The detail goes into JSON where there is one. */
const withDetail = (json, detail) => (detail === null ? json : { ...json, detail });

class PerformanceMark extends PerformanceEntry {
  constructor(name, options) {
    if (name === kCreate) {
      super(kCreate, options);
      return;
    }
    if (arguments.length < 1) throw constructorError("PerformanceMark", 1, "string");
    const members = toDictionary(options, () => constructorError("PerformanceMark", 2, "Options"));
    super(kCreate, markState(toDOMString(name), members ?? { __proto__: null }));
  }
  get detail() {
    return stateOf(this).detail;
  }
  toJSON() {
    return withDetail(super.toJSON(), stateOf(this).detail);
  }
}

class PerformanceMeasure extends PerformanceEntry {
  get detail() {
    return stateOf(this).detail;
  }
  toJSON() {
    return withDetail(super.toJSON(), stateOf(this).detail);
  }
}

class PerformanceResourceTiming extends PerformanceEntry {}

const SUPPORTED_ENTRY_TYPES = ["measure", "mark"];

class PerformanceObserver {
  constructor(callback) {
    if (typeof callback !== "function") throw constructorError("PerformanceObserver", 1, "function");
  }
  static get supportedEntryTypes() {
    return ArrayPrototypeSlice(SUPPORTED_ENTRY_TYPES);
  }
  disconnect() {}
  observe() {}
  takeRecords() {
    return [];
  }
}

class PerformanceObserverEntryList {
  constructor() {
    throw illegalConstructor();
  }
  getEntries() {
    return [];
  }
  getEntriesByType() {
    return [];
  }
  getEntriesByName() {
    return [];
  }
}

/** The time of the first mark of a name, or `fallback`. */
function markTime(name, fallback) {
  for (let i = 0; i < timeline.length; i++) {
    const state = stateOf(timeline[i]);
    if (state.entryType === "mark" && state.name === name) return state.startTime;
  }
  return fallback;
}

/** Start, end and detail of a measure's second and third arguments. */
function measured(start, end) {
  const now = DateNow();
  if (start === undefined) return { __proto__: null, startTime: 0, endTime: now, detail: null };
  if (!isObject(start)) {
    const startTime = markTime(toDOMString(start), 0);
    const endTime = end === undefined ? now : markTime(toDOMString(end), now);
    return { __proto__: null, startTime, endTime, detail: null };
  }
  const detail = detailOf(start);
  const startTime = start.start === undefined ? 0 : +start.start;
  let endTime = now;
  if (start.end !== undefined) endTime = +start.end;
  else if (start.duration !== undefined) endTime = startTime + +start.duration;
  return { __proto__: null, startTime, endTime, detail };
}

const matching = (type, name) =>
  ArrayPrototypeFilter(timeline, (entry) => {
    const state = stateOf(entry);
    return (type === undefined || state.entryType === type) && (name === undefined || state.name === name);
  });

const optional = (value) => (value === undefined ? undefined : toDOMString(value));

/** Counts of the events that a page handled: none, ever. */
class EventCounts {
  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
  }
  get size() {
    return 0;
  }
  get() {
    return undefined;
  }
  has() {
    return false;
  }
  entries() {
    return noEntries();
  }
  keys() {
    return noEntries();
  }
  values() {
    return noEntries();
  }
  forEach(callback) {
    if (typeof callback !== "function") throw argumentError("EventCounts", "forEach", 1, "function");
  }
}

const noEntries = () => emptyIterator(() => DONE);

/** The methods that User Timing adds to `performance`. */
class UserTiming {
  mark(name, options) {
    checkPerformance(this);
    if (arguments.length < 1) throw argumentError("Performance", "mark", 1, "string");
    const members = toDictionary(options, () => argumentError("Performance", "mark", 2, "Options"));
    return add(new PerformanceMark(kCreate, markState(toDOMString(name), members ?? { __proto__: null })));
  }
  measure(name, startOrOptions, end) {
    checkPerformance(this);
    if (arguments.length < 1) throw argumentError("Performance", "measure", 1, "string");
    name = toDOMString(name);
    const { startTime, endTime, detail } = measured(startOrOptions, end);
    const duration = endTime >= startTime ? endTime - startTime : 0;
    const state = { __proto__: null, name, entryType: "measure", startTime, duration, detail };
    return add(new PerformanceMeasure(kCreate, state));
  }
  clearMarks(name) {
    checkPerformance(this);
    remove("mark", optional(name));
  }
  clearMeasures(name) {
    checkPerformance(this);
    remove("measure", optional(name));
  }
  clearResourceTimings() {
    checkPerformance(this);
  }
  setResourceTimingBufferSize() {
    checkPerformance(this);
  }
  getEntries() {
    checkPerformance(this);
    return ArrayPrototypeSlice(timeline);
  }
  getEntriesByName(name, type) {
    checkPerformance(this);
    if (arguments.length < 1) throw argumentError("Performance", "getEntriesByName", 1, "string");
    return matching(optional(type), toDOMString(name));
  }
  getEntriesByType(type) {
    checkPerformance(this);
    if (arguments.length < 1) throw argumentError("Performance", "getEntriesByType", 1, "string");
    return matching(toDOMString(type), undefined);
  }
  toJSON() {
    checkPerformance(this);
    return { timeOrigin: 0 };
  }
  get eventCounts() {
    checkPerformance(this);
    return eventCounts;
  }
}

/** Milestones of Node's start, which this runtime does not have. */
class PerformanceNodeTiming extends PerformanceEntry {
  nodeStart = 0;
  v8Start = 0;
  bootstrapComplete = 0;
  environment = 0;
  loopStart = 0;
  loopExit = 0;
  idleTime = 0;
  uvMetricsInfo = { loopCount: 0, events: 0, eventsWaiting: 0 };

  toJSON() {
    return { ...super.toJSON(), ...this };
  }
}

/** What Node has on `performance` beside; none of it measures anything. */
class NodeTiming {
  eventLoopUtilization() {
    checkPerformance(this);
    return { idle: 0, active: 0, utilization: 0 };
  }
  markResourceTiming() {
    checkPerformance(this);
  }
  get nodeTiming() {
    checkPerformance(this);
    const state = { __proto__: null, name: "node", entryType: "node", startTime: 0, duration: 0 };
    return new PerformanceNodeTiming(kCreate, state);
  }
  timerify(fn) {
    checkPerformance(this);
    if (typeof fn !== "function") throw argumentError("Performance", "timerify", 1, "function");
    return fn;
  }
}

defineInterface(PerformanceEntry);
defineInterface(PerformanceMark);
defineInterface(PerformanceMeasure);
defineInterface(PerformanceResourceTiming);
defineInterface(PerformanceObserver);
defineInterface(PerformanceObserverEntryList);
defineInterface(EventCounts);
defineIterator(EventCounts, "entries");
defineInterface(UserTiming);
defineInterface(NodeTiming);
defineInterface(PerformanceNodeTiming);

const eventCounts = new EventCounts(kCreate);
const emptyIterator = iteratorFactory("EntryIterator");

const classes = {
  __proto__: null,
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceResourceTiming,
  PerformanceObserver,
  PerformanceObserverEntryList,
};
for (const name in classes) classes[name] = published(classes[name]);

/** Gives `performance` the members of a class. */
function addMembers(Class) {
  const names = ReflectOwnKeys(Class.prototype);
  for (let i = 0; i < names.length; i++) {
    if (typeof names[i] !== "string" || names[i] === "constructor") continue;
    ObjectDefineProperty(Performance.prototype, names[i], ReflectGetOwnPropertyDescriptor(Class.prototype, names[i]));
  }
}

exports.classes = classes;
exports.install = function (global, flags, scope) {
  ObjectSetPrototypeOf(Performance.prototype, EventTarget.prototype);
  addMembers(UserTiming);
  if (flags.enableNodeJsPerfHooksModule) addMembers(NodeTiming);
  for (const name in classes) {
    ObjectDefineProperty(scope, name, {
      __proto__: null,
      value: classes[name],
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
};
