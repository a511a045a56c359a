/*
 * node:v8: the engine tells a worker nothing of its heap; figures are zero, the rest throws.
 */

const {
  ArrayPrototypeMap,
  Object,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectFromEntries,
  ReflectApply,
  StringPrototypeSplit,
} = primordials;
const { ERR_INVALID_ARG_VALUE, ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { setLengths, unsupported } = require("node/common/unsupported");
const { validateBoolean, validateFunction, validateObject, validateOneOf, validateString, validateUint32 } =
  require("node/common/validators");

const zeros = (names) => ObjectFromEntries(ArrayPrototypeMap(StringPrototypeSplit(names, " "), (name) => [name, 0]));

function checkSnapshotOptions(options = {}) {
  validateObject(options, "options");
  const { exposeInternals = false, exposeNumericValues = false } = options;
  validateBoolean(exposeInternals, "options.exposeInternals");
  validateBoolean(exposeNumericValues, "options.exposeNumericValues");
}

/** A function that checks its arguments, then throws. */
const checked = (name, check) =>
  ({
    [name](...args) {
      ReflectApply(check, undefined, args);
      throw new ERR_METHOD_NOT_IMPLEMENTED(name);
    },
  })[name];

/** A class whose constructor throws, with methods that would. */
function absentClass(name, methods, Base = Object) {
  const Class = {
    [name]: class extends Base {
      constructor() {
        super();
        throw new ERR_METHOD_NOT_IMPLEMENTED(name);
      }
    },
  }[name];
  for (let i = 0; i < methods.length; i++) {
    const method = methods[i];
    ObjectDefineProperty(Class.prototype, method, { value: unsupported(method), writable: true, configurable: true });
  }
  return Class;
}

const Serializer = absentClass("Serializer", [
  "writeHeader",
  "writeValue",
  "releaseBuffer",
  "transferArrayBuffer",
  "writeUint32",
  "writeUint64",
  "writeDouble",
  "writeRawBytes",
  "_getDataCloneError",
  "_getSharedArrayBufferId",
  "_setTreatArrayBufferViewsAsHostObjects",
  "_writeHostObject",
]);
const Deserializer = absentClass("Deserializer", [
  "readHeader",
  "readValue",
  "transferArrayBuffer",
  "getWireFormatVersion",
  "readUint32",
  "readUint64",
  "readDouble",
  "readRawBytes",
  "_readHostObject",
]);

class GCProfiler {}
for (let i = 0, names = ["start", "stop"]; i < names.length; i++) {
  const name = names[i];
  GCProfiler.prototype[name] = unsupported(name, `GCProfiler.${name}`);
}

const promiseHooks = {};
for (let i = 0, names = ["createHook", "onInit", "onBefore", "onAfter", "onSettled"]; i < names.length; i++) {
  const name = names[i];
  promiseHooks[name] = unsupported(name, `promiseHooks.${name}`);
}

const startupSnapshot = { isBuildingSnapshot: () => false };
for (
  let i = 0, names = ["addSerializeCallback", "addDeserializeCallback", "setDeserializeMainFunction"];
  i < names.length;
  i++
) {
  const name = names[i];
  startupSnapshot[name] = unsupported(name, `startupSnapshot.${name}`);
}

const v8 = {
  cachedDataVersionTag: () => 0,
  getHeapSnapshot: checked("getHeapSnapshot", checkSnapshotOptions),
  getHeapStatistics: () =>
    zeros(
      "total_heap_size total_heap_size_executable total_physical_size total_available_size used_heap_size " +
        "heap_size_limit malloced_memory peak_malloced_memory does_zap_garbage number_of_native_contexts " +
        "number_of_detached_contexts total_global_handles_size used_global_handles_size external_memory " +
        "total_allocated_bytes",
    ),
  getHeapSpaceStatistics: () => [],
  getHeapCodeStatistics: () =>
    zeros("code_and_metadata_size bytecode_and_metadata_size external_script_source_size cpu_profiler_metadata_size"),
  getCppHeapStatistics(type = "detailed") {
    validateOneOf(type, "type", ["brief", "detailed"]);
    return {
      committed_size_bytes: 0,
      resident_size_bytes: 0,
      used_size_bytes: 0,
      space_statistics: [],
      type_names: [],
      detail_level: type,
    };
  },
  setFlagsFromString: checked("setFlagsFromString", (flags) => validateString(flags, "flags")),
  Serializer,
  Deserializer,
  DefaultSerializer: absentClass("DefaultSerializer", [], Serializer),
  DefaultDeserializer: absentClass("DefaultDeserializer", [], Deserializer),
  deserialize: unsupported("deserialize"),
  takeCoverage: unsupported("takeCoverage"),
  stopCoverage: unsupported("stopCoverage"),
  serialize: unsupported("serialize"),
  writeHeapSnapshot: checked("writeHeapSnapshot", (filename, options) => {
    if (filename !== undefined) validateString(filename, "filename");
    checkSnapshotOptions(options);
  }),
  promiseHooks,
  queryObjects: checked("queryObjects", (constructor, options = {}) => {
    validateFunction(constructor, "constructor");
    validateObject(options, "options");
    const format = options.format || "count";
    if (format !== "count" && format !== "summary") throw new ERR_INVALID_ARG_VALUE("options.format", format);
  }),
  startupSnapshot,
  setHeapSnapshotNearHeapLimit: checked("setHeapSnapshotNearHeapLimit", (limit) => validateUint32(limit, "limit", true)),
  GCProfiler,
  isStringOneByteRepresentation: checked("isStringOneByteRepresentation", (content) => validateString(content, "content")),
};

setLengths(Deserializer.prototype, "readRawBytes/1 transferArrayBuffer/2");
setLengths(
  Serializer.prototype,
  "_getDataCloneError/1 _getSharedArrayBufferId/1 _setTreatArrayBufferViewsAsHostObjects/1 _writeHostObject/1 " +
    "transferArrayBuffer/2 writeDouble/1 writeRawBytes/1 writeUint32/1 writeUint64/2 writeValue/1",
);
setLengths(promiseHooks, "createHook/1 onAfter/1 onBefore/1 onInit/1 onSettled/1");
setLengths(startupSnapshot, "addDeserializeCallback/2 addSerializeCallback/2 setDeserializeMainFunction/2");
setLengths(
  v8,
  "DefaultDeserializer/1 Deserializer/1 deserialize/1 isStringOneByteRepresentation/1 queryObjects/1 serialize/1 " +
    "setFlagsFromString/1 setHeapSnapshotNearHeapLimit/1 writeHeapSnapshot/1",
);

ObjectAssign(exports, v8, { default: v8 });
