@0xe2f6a1d4c88b7053;
# The calls by which instances of workerd reach each other's services, the published binary among them: its debug port, and
# what passes through `capnpConnectHost`. Ids of interfaces, ordinals and layouts are those of its `worker-interface.capnp`.

using Bytes = import "bytes.capnp";

interface WorkerdDebugPort @0xea5b0b487aea7327 {
  # What a debug port gives to whoever connects: every service of the instance.

  getEntrypoint @0 (service :Text, entrypoint :Text, props :Frankenvalue) -> (entrypoint :WorkerdBootstrap);
  # An entrypoint of a service, the default one for null.

  getActor @1 (service :Text, entrypoint :Text, actorId :Text) -> (actor :WorkerdBootstrap);
  # An object of a class, by 64 hex digits, or by name if the namespace is ephemeral.
}

interface WorkerdBootstrap @0x878048cda334ade3 {
  # A service or an object.

  startEvent @0 (cfBlobJson :Text, fromPersistentStub :Bool) -> (dispatcher :EventDispatcher);
  # Takes one event. A request's `cf` comes here.
}

interface EventDispatcher @0xf20697475ec1752d {
  # What one event is given to.

  getHttpService @0 () -> (http :Bytes.HttpService);
  sendTraces @1 (traces :List(Trace)) -> (result :SendTracesRun);
  prewarm @2 (url :Text);
  runScheduled @3 (scheduledTime :Int64, cron :Text) -> (result :ScheduledRun);
  # The time is in seconds.
  runAlarm @4 (scheduledTime :Int64, retryCount :UInt32) -> (result :AlarmRun);
  # The time is in milliseconds.
  obsolete5 @5 ();
  obsolete6 @6 ();
  obsolete7 @7 ();
  queue @8 (messages :List(QueueMessage), queueName :Text, metadata :MessageBatchMetadata) -> (result :QueueResponse);
  jsRpcSession @9 () -> (topLevel :JsRpcTarget, session :JsRpcSession);
  # One call may be made on `topLevel`. The event lasts while `session` is held and anything that came of the call is.
  tailStreamSession @10 () -> (topLevel :TailStreamTarget, result :EventOutcome);
}

struct Frankenvalue {
  # A JavaScript value that is made outside of JavaScript.

  union {
    emptyObject @0 :Void;
    json @1 :Text;
    v8Serialized @2 :Data;
    arrayBuffer @9 :Data;
    capability :group {
      capIndex @7 :UInt32;
      tag @8 :UInt16;
      wrapperModule @10 :Text;
    }
  }
  properties @3 :List(Frankenvalue);
  # What is set on it besides, each with a name.
  name @4 :Text;
  capTableSize @5 :UInt32 = 0;
  capTable @6 :AnyPointer;
}

# JavaScript RPC.

struct JsValue {
  v8Serialized @0 :Data;
  externals @1 :List(External);
  # What the value refers to, in the order in which it does.

  struct External {
    enum SecureTransport {
      off @0;
      starttls @1;
      on @2;
    }

    union {
      invalid @0 :Void;
      rpcTarget :group {
        cap @1 :JsRpcTarget;
        union {
          channelToken @14 :Data;
          delayedChannelToken @15 :ExternalPusher.DelayedChannelToken;
        }
      }
      writableStream :group {
        byteStream @2 :Bytes.ByteStream;
        encoding @3 :StreamEncoding;
      }
      readableStream :group {
        stream @10 :ExternalPusher.InputStream;
        encoding @4 :StreamEncoding;
        expectedLength :union {
          unknown @5 :Void;
          known @6 :UInt64;
        }
      }
      obsolete7 @7 :Void;
      abortSignal @11 :ExternalPusher.AbortSignal;
      subrequestChannelToken @8 :Data;
      actorClassChannelToken @9 :Data;
      delayedSubrequestChannelToken @12 :ExternalPusher.DelayedChannelToken;
      delayedActorClassChannelToken @13 :ExternalPusher.DelayedChannelToken;
      socket :group {
        remoteAddress @16 :Text;
        secureTransport @17 :SecureTransport;
        isDefaultFetchPort @18 :Bool;
        localAddress @19 :Text;
        allowHalfOpen @20 :Bool;
      }
    }
  }

  interface ExternalPusher @0xee2eb0d2e1aad430 {
    # Makes, where a value goes, what the value refers to. What it returns is put into the value's externals.

    pushByteStream @0 (lengthPlusOne :UInt64 = 0) -> (source :InputStream, sink :Bytes.ByteStream);
    # A stream's length and 1, if that is known.
    interface InputStream @0xe11266f4c9b8cd68 {}

    pushAbortSignal @1 () -> (signal :AbortSignal, trigger :AbortTrigger);
    interface AbortSignal @0x9370dfdfa725139a {}

    pushDelayedChannelToken @2 (token :Data) -> (cap :DelayedChannelToken);
    interface DelayedChannelToken @0xdfcf118aeceaf20e {}
  }
}

enum StreamEncoding {
  identity @0;
  gzip @1;
  brotli @2;
}

interface AbortTrigger @0x8dec253e6cb36e31 {
  abort @0 (reason :JsValue) -> ();
  release @1 () -> ();
  # The signal will never be aborted. One that is dropped without it is.
}

interface JsRpcTarget @0xa1a96525142a9d98 extends(JsValue.ExternalPusher) {
  # What can be called, or have its properties read.

  struct CallParams {
    union {
      methodName @0 :Text;
      methodPath @2 :List(Text);
      # Properties to follow; none means the target itself.
    }
    operation :union {
      callWithArgs @1 :JsValue;
      # An array of arguments; null for none.
      getProperty @3 :Void;
    }
    resultsStreamHandler :union {
      obsolete4 @4 :Capability;
      externalPusher @5 :JsValue.ExternalPusher;
      # For what the result refers to.
    }
  }

  struct CallResults {
    result @0 :JsValue;
    callPipeline @1 :JsRpcTarget;
    # What is called on the result.
    hasDisposer @2 :Bool;
    # Dropping `callPipeline` disposes of the result.
    obsolete3 @3 :Capability;
  }

  call @0 CallParams -> CallResults;
}

interface JsRpcSession @0xbbfec607777f1620 {
  # Held while the session is of use.
}

# What becomes of events.

enum EventOutcome {
  unknown @0;
  ok @1;
  exception @2;
  exceededCpu @3;
  killSwitch @4;
  daemonDown @5;
  scriptNotFound @6;
  canceled @7;
  exceededMemory @8;
  loadShed @9;
  responseStreamDisconnected @10;
  internalError @11;
  exceededWallTime @12;
  aborted @13;
}

struct SendTracesRun {
  outcome @0 :EventOutcome;
}

struct ScheduledRun {
  outcome @0 :EventOutcome;
  retry @1 :Bool;
}

struct AlarmRun {
  outcome @0 :EventOutcome;
  retry @1 :Bool;
  retryCountsAgainstLimit @2 :Bool = true;
  errorDescription @3 :Text;
}

struct QueueMessage {
  id @0 :Text;
  timestampNs @1 :Int64;
  data @2 :Data;
  contentType @3 :Text;
  attempts @4 :UInt16;
}

struct QueueRetryBatch {
  retry @0 :Bool;
  union {
    undefined @1 :Void;
    delaySeconds @2 :Int32;
  }
}

struct QueueRetryMessage {
  msgId @0 :Text;
  union {
    undefined @1 :Void;
    delaySeconds @2 :Int32;
  }
}

struct QueueResponse {
  outcome @0 :EventOutcome;
  ackAll @1 :Bool;
  retryBatch @2 :QueueRetryBatch;
  explicitAcks @3 :List(Text);
  retryMessages @4 :List(QueueRetryMessage);
}

struct MessageBatchMetrics {
  backlogCount @0 :Float64;
  backlogBytes @1 :Float64;
  oldestMessageTimestamp @2 :Float64;
}

struct MessageBatchMetadata {
  metrics @0 :MessageBatchMetrics;
}

# What tail workers are told.

interface TailStreamTarget @0xf2a8b4b811f16ecf {
  struct TailStreamParams {
    events @0 :List(Trace.TailEvent);
  }

  struct TailStreamResults {
    stop @0 :Bool;
    # It wants no more.
  }

  report @0 TailStreamParams -> TailStreamResults;
}

struct TraceId {
  high @0 :UInt64;
  low @1 :UInt64;
}

struct TraceFlags {
  value :union {
    unset @0 :Void;
    set @1 :UInt8;
  }
}

struct SpanContext {
  traceId @0 :TraceId;
  info :union {
    empty @1 :Void;
    spanId @2 :UInt64;
  }
  traceFlags @3 :TraceFlags;
}

struct TagValue {
  union {
    string @0 :Text;
    bool @1 :Bool;
    int64 @2 :Int64;
    float64 @3 :Float64;
  }
}

struct ScriptVersion {
  id :group {
    upper @0 :UInt64;
    lower @1 :UInt64;
  }
  tag @2 :Text;
  message @3 :Text;
}

struct Trace {
  # All that is known of one event once it has ended.

  logs @0 :List(Log);
  exceptions @1 :List(Exception);
  outcome @2 :EventOutcome;
  scriptName @4 :Text;
  eventTimestampNs @5 :Int64;
  eventInfo :union {
    none @3 :Void;
    fetch @6 :FetchEventInfo;
    jsRpc @21 :JsRpcEventInfo;
    scheduled @7 :ScheduledEventInfo;
    alarm @9 :AlarmEventInfo;
    queue @15 :QueueEventInfo;
    custom @13 :CustomEventInfo;
    email @16 :EmailEventInfo;
    trace @18 :TraceEventInfo;
    hibernatableWebSocket @20 :HibernatableWebSocketEventInfo;
    connect @29 :ConnectEventInfo;
  }
  response @8 :FetchResponseInfo;
  cpuTime @10 :UInt64;
  wallTime @11 :UInt64;
  # In milliseconds.
  dispatchNamespace @12 :Text;
  scriptTags @14 :List(Text);
  diagnosticChannelEvents @17 :List(DiagnosticChannelEvent);
  scriptVersion @19 :ScriptVersion;
  entrypoint @22 :Text;
  scriptId @23 :Text;
  truncated @24 :Bool;
  executionModel @25 :ExecutionModel;
  obsolete26 @26 :List(TagValue);
  durableObjectId @27 :Text;
  tailAttributes @28 :List(Attribute);
  preview @30 :TracePreviewInfo;

  struct Log {
    timestampNs @0 :Int64;
    logLevel @1 :Level;
    message @2 :Text;
    # JSON of the arguments' array.
    errorInfo @3 :List(ErrorInfoSlot);
    truncated @4 :Bool;

    enum Level {
      debug @0;
      info @1;
      log @2;
      warn @3;
      error @4;
    }
  }

  struct ErrorInfo {
    name @0 :Text;
    message @1 :Text;
    stack @2 :Text;
  }

  struct ErrorInfoSlot {
    union {
      none @0 :Void;
      info @1 :ErrorInfo;
    }
  }

  struct Exception {
    timestampNs @0 :Int64;
    name @1 :Text;
    message @2 :Text;
    stack @3 :Text;
  }

  struct FetchEventInfo {
    method @0 :Bytes.HttpMethod;
    url @1 :Text;
    cfJson @2 :Text;
    headers @3 :List(Header);

    struct Header {
      name @0 :Text;
      value @1 :Text;
    }
  }

  struct JsRpcEventInfo {
    methodName @0 :Text;
  }

  struct ConnectEventInfo {}

  struct ScheduledEventInfo {
    scheduledTime @0 :Float64;
    cron @1 :Text;
  }

  struct AlarmEventInfo {
    scheduledTimeMs @0 :Int64;
  }

  struct QueueEventInfo {
    queueName @0 :Text;
    batchSize @1 :UInt32;
  }

  struct EmailEventInfo {
    mailFrom @0 :Text;
    rcptTo @1 :Text;
    rawSize @2 :UInt32;
  }

  struct TracePreviewInfo {
    id @0 :Text;
    slug @1 :Text;
    name @2 :Text;
  }

  struct TraceEventInfo {
    traces @0 :List(TraceItem);

    struct TraceItem {
      scriptName @0 :Text;
    }
  }

  struct HibernatableWebSocketEventInfo {
    type :union {
      message @0 :Void;
      close :group {
        code @1 :UInt16;
        wasClean @2 :Bool;
      }
      error @3 :Void;
    }
  }

  struct CustomEventInfo {}

  struct FetchResponseInfo {
    statusCode @0 :UInt16;
  }

  struct DiagnosticChannelEvent {
    timestampNs @0 :Int64;
    channel @1 :Text;
    message @2 :Data;
  }

  struct DroppedEvents {
    count @0 :UInt32;
  }

  struct StreamDiagnosticsEvent {
    diagnostic :union {
      undefined @0 :Void;
      droppedEvents @1 :DroppedEvents;
    }
  }

  enum ExecutionModel {
    stateless @0;
    durableObject @1;
    workflow @2;
  }

  # Of an event while it runs.

  struct Attribute {
    name @0 :Text;
    value @1 :List(TagValue);
  }

  struct Return {
    info :union {
      empty @0 :Void;
      fetch @1 :FetchResponseInfo;
    }
  }

  struct SpanOpen {
    operationName @0 :Text;
    spanId @1 :UInt64;
    info :union {
      empty @2 :Void;
      custom @3 :List(Attribute);
      fetch @4 :FetchEventInfo;
      jsRpc @5 :JsRpcEventInfo;
    }
  }

  struct SpanClose {
    outcome @0 :EventOutcome;
  }

  struct Onset {
    executionModel @0 :ExecutionModel;
    scriptName @1 :Text;
    scriptVersion @2 :ScriptVersion;
    dispatchNamespace @3 :Text;
    scriptId @4 :Text;
    scriptTags @5 :List(Text);
    entryPoint @6 :Text;
    info @7 :Info;
    spanId @8 :UInt64;
    attributes @9 :List(Attribute);
    preview @10 :TracePreviewInfo;
    durableObjectId @11 :Text;

    struct Info {
      union {
        fetch @0 :FetchEventInfo;
        jsRpc @1 :JsRpcEventInfo;
        scheduled @2 :ScheduledEventInfo;
        alarm @3 :AlarmEventInfo;
        queue @4 :QueueEventInfo;
        email @5 :EmailEventInfo;
        trace @6 :TraceEventInfo;
        hibernatableWebSocket @7 :HibernatableWebSocketEventInfo;
        custom @8 :CustomEventInfo;
        connect @9 :ConnectEventInfo;
      }
    }
  }

  struct Outcome {
    outcome @0 :EventOutcome;
    cpuTime @1 :UInt64;
    wallTime @2 :UInt64;
  }

  struct TailEvent {
    spanContext @0 :SpanContext;
    invocationId @1 :TraceId;
    timestampNs @2 :Int64;
    sequence @3 :UInt32;
    event :union {
      onset @4 :Onset;
      outcome @5 :Outcome;
      spanOpen @6 :SpanOpen;
      spanClose @7 :SpanClose;
      attribute @8 :List(Attribute);
      return @9 :Return;
      diagnosticChannelEvent @10 :DiagnosticChannelEvent;
      exception @11 :Exception;
      log @12 :Log;
      streamDiagnostics @13 :StreamDiagnosticsEvent;
    }
  }
}
