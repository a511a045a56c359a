// Modules of Node that a worker cannot have: their functions tell the parameters that they would take.
import { deepStrictEqual } from "node:assert";
import childProcess from "node:child_process";
import cluster, { Cluster } from "node:cluster";
import dgram from "node:dgram";
import domain from "node:domain";
import inspector from "node:inspector";
import perfHooks from "node:perf_hooks";
import readline from "node:readline";
import repl from "node:repl";
import tty from "node:tty";
import v8 from "node:v8";
import { WASI } from "node:wasi";
import workerThreads from "node:worker_threads";

const lengths = (object, names) => names.split(" ").map((name) => object[name].length);

export const parameters = {
  test() {
    const told = [
      lengths(childProcess, "exec execFile execFileSync execSync fork spawn spawnSync"),
      lengths(childProcess.ChildProcess.prototype, "kill send"),
      lengths(Cluster.prototype, "fork setupPrimary disconnect"),
      lengths(cluster.Worker.prototype, "destroy kill send"),
      lengths(dgram.Socket.prototype, "bind connect send addMembership address"),
      lengths(domain.Domain.prototype, "add remove run"),
      lengths(inspector, "open close url"),
      lengths(inspector.Network, "dataSent webSocketClosed"),
      lengths(perfHooks, "eventLoopUtilization timerify createHistogram"),
      lengths(readline.promises.Readline.prototype, "clearLine cursorTo moveCursor commit"),
      lengths(repl.REPLServer.prototype, "setupHistory defineCommand displayPrompt"),
      lengths(tty, "isatty"),
      lengths(tty.WriteStream.prototype, "clearLine cursorTo getWindowSize"),
      lengths(v8, "deserialize serialize queryObjects writeHeapSnapshot takeCoverage"),
      lengths(v8.Serializer.prototype, "writeValue writeUint64 writeHeader"),
      lengths(WASI.prototype, "start initialize getImportObject"),
      lengths(workerThreads, "markAsUntransferable moveMessagePortToContext postMessageToThread"),
      lengths(process, "kill dlopen execve cpuUsage binding initgroups"),
    ];
    deepStrictEqual(told, [
      [3, 4, 3, 2, 3, 0, 3],
      [1, 4],
      [1, 1, 0],
      [1, 1, 4],
      [3, 3, 6, 2, 0],
      [1, 1, 1],
      [3, 0, 0],
      [1, 1],
      [2, 1, 0],
      [1, 2, 2, 0],
      [2, 2, 1],
      [1],
      [2, 3, 0],
      [1, 1, 1, 1, 0],
      [1, 2, 0],
      [1, 1, 0],
      [1, 2, 4],
      [2, 3, 3, 1, 1, 2],
    ]);
  },
};
