/*
 * node:os: a machine with one core, no memory figures and no network, as workers see it.
 */

const { ObjectAssign, ObjectFreeze } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { errno, priority, signals, dlopen } = require("node/common/system_constants");
const { validateNumber, validateObject } = require("node/common/validators");

const constants = ObjectFreeze({ __proto__: null, UV_UDP_REUSEADDR: 4, dlopen, errno, signals, priority });

function userInfo(options = {}) {
  validateObject(options, "options");
  const { encoding = null } = options;
  if (encoding !== null && encoding !== "buffer" && !Buffer.isEncoding(encoding)) {
    throw new ERR_INVALID_ARG_VALUE("options.encoding", encoding, "must be a valid encoding");
  }
  return {};
}

const os = {
  EOL: "\n",
  devNull: "/dev/null",
  constants,
  availableParallelism: () => 1,
  arch: () => "x64",
  cpus: () => [],
  endianness: () => "LE",
  freemem: () => 0,
  getPriority(pid) {
    if (pid !== undefined) validateNumber(pid, "pid");
    return 0;
  },
  homedir: () => "/tmp/",
  hostname: () => "localhost",
  loadavg: () => [0, 0, 0],
  machine: () => "x86_64",
  networkInterfaces: () => ({}),
  platform: () => "linux",
  release: () => "",
  setPriority(pid, level) {
    validateNumber(pid, "pid");
    validateNumber(level, "priority");
  },
  tmpdir: () => "/tmp/",
  totalmem: () => 0,
  type: () => "Linux",
  uptime: () => 0,
  userInfo,
  version: () => "",
};

ObjectAssign(exports, os, { default: os });
