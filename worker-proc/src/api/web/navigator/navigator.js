/*
 * `navigator`: the runtime's name, and beacons, which are POST requests that the event waits for.
 * Relies on `fetch` and the event's lifetime, both at call time.
 */

const { ObjectDefineProperty, PromisePrototypeThen, ReflectDeleteProperty, ReflectOwnKeys } = primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, toDOMString } = require("webidl");

const kCreate = { __proto__: null };
let checkNavigator;

class Navigator {
  #brand;
  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
  }

  static {
    checkNavigator = (value) => {
      if (value === null || typeof value !== "object" || !(#brand in value)) throw illegalInvocation();
    };
  }

  sendBeacon(url, body) {
    checkNavigator(this);
    if (arguments.length < 1) throw argumentError("Navigator", "sendBeacon", 1, "string");
    url = toDOMString(url);
    if (!ops.inEvent()) return false;
    const { release, retain } = require("event");
    const { fetch } = require("fetch").globals;
    retain();
    PromisePrototypeThen(fetch(url, { __proto__: null, method: "POST", body }), release, release);
    return true;
  }
}

defineInterface(Navigator);
const navigator = new Navigator(kCreate);

const defineFields = function (fields) {
  const keys = ReflectOwnKeys(fields);
  for (let i = 0; i < keys.length; i++) {
    ObjectDefineProperty(navigator, keys[i], {
      __proto__: null,
      value: fields[keys[i]],
      writable: false,
      enumerable: true,
      configurable: true,
    });
  }
};

exports.navigator = navigator;
exports.globals = { Navigator };
exports.install = function (global, flags, scope, defineLazy) {
  if (flags.webFileSystem) {
    const names = ["FileSystemHandle", "FileSystemFileHandle", "FileSystemDirectoryHandle", "StorageManager"];
    for (let i = 0; i < names.length; i++) defineLazy(scope, names[i], "file_system/handles");
    defineLazy(scope, "FileSystemWritableFileStream", "file_system/writable");
    defineLazy(navigator, "storage", "file_system/handles");
  }
  if (flags.enableNavigatorLanguage) defineFields({ __proto__: null, languages: ["en"], language: "en" });
  defineFields({ __proto__: null, platform: "", hardwareConcurrency: 1, userAgent: "Cloudflare-Workers" });
  if (flags.globalNavigator) {
    ObjectDefineProperty(global, "navigator", {
      __proto__: null,
      value: navigator,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  } else {
    ReflectDeleteProperty(scope, "Navigator");
  }
};
