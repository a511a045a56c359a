/*
 * node:async_hooks. The storage classes are real; hooks and ids exist for callers that expect them.
 */

const { ArrayPrototypeMap, ObjectAssign, ObjectFromEntries, RegExpPrototypeSymbolSplit, StringPrototypeTrim } = primordials;
const { AsyncLocalStorage, AsyncResource } = require("async_context/async_local_storage");

class AsyncHook {
  enable() {
    return this;
  }

  disable() {
    return this;
  }
}

const providerNames = `
NONE DIRHANDLE DNSCHANNEL ELDHISTOGRAM FILEHANDLE FILEHANDLECLOSEREQ BLOBREADER FSEVENTWRAP FSREQCALLBACK
FSREQPROMISE GETADDRINFOREQWRAP GETNAMEINFOREQWRAP HEAPSNAPSHOT HTTP2SESSION HTTP2STREAM HTTP2PING HTTP2SETTINGS
HTTPINCOMINGMESSAGE HTTPCLIENTREQUEST LOCKS JSSTREAM JSUDPWRAP MESSAGEPORT PIPECONNECTWRAP PIPESERVERWRAP PIPEWRAP
PROCESSWRAP PROMISE QUERYWRAP QUIC_ENDPOINT QUIC_LOGSTREAM QUIC_SESSION QUIC_STREAM QUIC_UDP SHUTDOWNWRAP SIGNALWRAP
STATWATCHER STREAMPIPE TCPCONNECTWRAP TCPSERVERWRAP TCPWRAP TTYWRAP UDPSENDWRAP UDPWRAP SIGINTWATCHDOG WORKER
WORKERCPUPROFILE WORKERCPUUSAGE WORKERHEAPPROFILE WORKERHEAPSNAPSHOT WORKERHEAPSTATISTICS WRITEWRAP ZLIB
CHECKPRIMEREQUEST PBKDF2REQUEST KEYPAIRGENREQUEST KEYGENREQUEST KEYEXPORTREQUEST ARGON2REQUEST CIPHERREQUEST
DERIVEBITSREQUEST HASHREQUEST RANDOMBYTESREQUEST RANDOMPRIMEREQUEST SCRYPTREQUEST SIGNREQUEST TLSWRAP VERIFYREQUEST
QUIC_PACKET`;

const asyncWrapProviders = ObjectFromEntries(
  ArrayPrototypeMap(RegExpPrototypeSymbolSplit(/\s+/, StringPrototypeTrim(providerNames)), (name) => [name, 0]),
);

const asyncHooks = {
  AsyncLocalStorage,
  AsyncResource,
  asyncWrapProviders,
  createHook: () => new AsyncHook(),
  executionAsyncId: () => 0,
  executionAsyncResource: () => ({ __proto__: null }),
  triggerAsyncId: () => 0,
};

ObjectAssign(exports, asyncHooks, { default: asyncHooks });
