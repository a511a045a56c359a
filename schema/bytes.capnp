@0xb7c0f3c95d0e4a61;
# Byte streams and HTTP as calls of Cap'n Proto RPC, as kj's `byte-stream.capnp` and `http-over-capnp.capnp` have them: what
# passes between instances of workerd, the published binary among them. Ids of interfaces, ordinals and layouts are theirs.

interface ByteStream @0xd2e7d8a0dc0a9766 {
  # What bytes are written to.

  write @0 (bytes :Data) -> stream;
  # The next of them.

  end @1 ();
  # There are no more. A stream that is dropped without it has broken off.

  getSubstream @2 (callback :SubstreamCallback, limit :UInt64 = 0xffffffffffffffff) -> (substream :ByteStream);
  # Another stream to the same place, for at most so many bytes. Nothing is written here before the callback is called.

  startTls @3 (expectedServerHostname :Text) -> stream;
  # What follows is encrypted, to a server with a certificate for that host.

  interface SubstreamCallback @0xb23c0a13cf65c36e {
    # How a substream says that it is done.

    ended @0 (byteCount :UInt64);
    # It has been ended, after so many bytes; the stream that it is of has not.

    reachedLimit @1 () -> (next :ByteStream);
    # All of the bytes that it may take were written. What follows goes to the next stream.
  }
}

interface HttpService @0x92963bfdad2beb6a {
  # What answers requests. A call ends when the request has been answered whole; dropping it cancels the request.

  request @1 (request :HttpRequest, context :ClientRequestContext) -> (requestBody :ByteStream);
  # The body is written to a pipelined stream, unless it is known to be empty.

  startRequest @0 (request :HttpRequest, context :ClientRequestContext)
      -> (requestBody :ByteStream, context :ServerRequestContext);
  # An older form: it returns at once, and the context stands for the call.

  connect @2 (host :Text, headers :List(HttpHeader), down :ByteStream, context :ConnectClientRequestContext,
              settings :ConnectSettings) -> (up :ByteStream);
  # A CONNECT request. `down` takes what comes from there, `up` what goes there.

  interface ClientRequestContext @0xea3256705c0b63ba {
    # What takes the answer: one call.

    startResponse @0 (response :HttpResponse) -> (body :ByteStream);
    # There is no stream if the body is known to be empty.

    startWebSocket @1 (headers :List(HttpHeader), upSocket :WebSocket) -> (downSocket :WebSocket);
    # The server takes what the client sends by `upSocket`, the client the other direction by `downSocket`.
  }

  interface ConnectClientRequestContext @0xda572939a4c3d728 {
    # The same for CONNECT.

    startConnect @0 (response :HttpResponse);
    # It is connected.

    startError @1 (response :HttpResponse) -> (body :ByteStream);
    # It was refused.
  }

  interface ServerRequestContext @0x99ae26bfd34f3f3b {
    # A promise that is kept when the request has been answered whole.
  }
}

struct ConnectSettings {
  useTls @0 :Bool;
  # Encrypted from the start.
}

interface WebSocket @0xb09c33a9f4caa823 {
  # What takes the messages of one direction. One that is dropped without a close has been cut off.

  sendText @0 (text :Text) -> stream;
  sendData @1 (data :Data) -> stream;
  close @2 (code :UInt16, reason :Text);
}

struct HttpRequest {
  method @0 :HttpMethod;
  url @1 :Text;
  headers @2 :List(HttpHeader);
  bodySize :union {
    unknown @3 :Void;
    fixed @4 :UInt64;
  }
}

struct HttpResponse {
  statusCode @0 :UInt16;
  statusText @1 :Text;
  # Null for the usual one.
  headers @2 :List(HttpHeader);
  bodySize :union {
    unknown @3 :Void;
    fixed @4 :UInt64;
  }
}

enum HttpMethod {
  get @0;
  head @1;
  post @2;
  put @3;
  delete @4;
  patch @5;
  purge @6;
  options @7;
  trace @8;
  copy @9;
  lock @10;
  mkcol @11;
  move @12;
  propfind @13;
  proppatch @14;
  search @15;
  unlock @16;
  acl @17;
  report @18;
  mkactivity @19;
  checkout @20;
  merge @21;
  msearch @22;
  notify @23;
  subscribe @24;
  unsubscribe @25;
  query @26;
  ban @27;
}

struct HttpHeader {
  # Names that are common have numbers, of which this runtime reads all and writes none.

  union {
    common :group {
      name @0 :UInt16;
      # By the order of the names below, from 1.
      union {
        commonValue @1 :UInt16;
        # 1 stands for "gzip, deflate".
        value @2 :Text;
      }
    }
    uncommon @3 :NameValue;
  }

  struct NameValue {
    name @0 :Text;
    value @1 :Text;
  }
}

const commonHeaders :List(Text) = [
  "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "accept", "access-control-allow-origin", "age", "allow",
  "authorization", "cache-control", "content-disposition", "content-encoding", "content-language", "content-length",
  "content-location", "content-range", "content-type", "cookie", "date", "etag", "expect", "expires", "from", "host", "if-match",
  "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "link", "location", "max-forwards",
  "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh", "retry-after", "server", "set-cookie",
  "strict-transport-security", "transfer-encoding", "user-agent", "vary", "via", "www-authenticate",
];
