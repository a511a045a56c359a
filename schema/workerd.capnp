@0xe6afd26682091c01;
# The configuration of a workerd instance.
#
# A configuration is a constant of type `Config` in a text file that imports this one:
#
#     using Workerd = import "/workerd/workerd.capnp";
#
#     const config :Workerd.Config = (
#       services = [(name = "main", worker = .hello)],
#       sockets = [(name = "http", address = "*:8080", http = (), service = "main")]
#     );
#
#     const hello :Workerd.Worker = (
#       modules = [(name = "worker.js", esModule = embed "worker.js")],
#       compatibilityDate = "2026-01-01"
#     );
#
# and is started with `workerd serve hello.capnp`. The import above works everywhere: the program
# carries this file. A tool can also write the same message in Cap'n Proto's binary form, which
# `workerd serve --binary` reads; `workerd compile --config-only` converts one into the other.
#
# Nothing in a configuration is reachable unless something names it. A service has a name that is
# private to the configuration; a socket exposes a service to the outside, and a binding hands a
# service to a worker. A worker without bindings can reach the public internet and nothing else,
# and even that can be taken away (`Worker.globalOutbound`).
#
# The wire layout is shared with Cloudflare's workerd: a number after `@` is never reused or
# changed. A pointer field that is not set is null, and "not set" below means exactly that.

struct Config {
  # The whole of a configuration.

  services @0 :List(Service);
  # Everything that can answer a request. Names must be unique.
  #
  # Unless the list has a service named "internet", one is added that reaches public addresses:
  #
  #     (name = "internet", network = (allow = ["public"], tlsOptions = (trustBrowserCas = true)))

  sockets @1 :List(Socket);
  # Where to listen, and which service answers there. Default: nowhere, which only suits
  # `workerd test`.

  v8Flags @2 :List(Text);
  # Flags for the JavaScript engine, as on V8's own command line. They apply to the whole
  # process, can break it, and change meaning between V8 versions. Default: none.
  # Example: ["--expose-gc"].

  extensions @3 :List(Extension);
  # Modules that every worker of this configuration can import. Default: none.

  autogates @4 :List(Text);
  # Names of gradual-rollout gates to open. Default: none.

  structuredLogging @5 :Bool = false;
  # Superseded by `logging.structuredLogging`; read only when `logging` is not set.

  logging @6 :LoggingOptions;
  # How console output and the program's own messages are written. Default: as text.

  cluster @7 :ClusterConfig;
  # Joins a group of instances that share Durable Objects. Default: this instance stands alone.
  # Needs `--experimental`.
}

struct ClusterConfig {
  # Membership in a group of instances that share the ownership of Durable Objects through a
  # bucket of an object store. Every instance of the group must have the same configuration.

  bucket @0 :Text;
  # The shared bucket, as a URL with an optional prefix. Required.
  # Example: "s3://company-workers/production" or "gs://company-workers/production".

  bucketOptions @1 :List(Text);
  # `key=value` settings for reaching an `s3://` bucket, each with an environment variable as its
  # default. Example: ["aws_region=auto", "aws_endpoint=https://minio.internal:9000"].

  address @2 :Text;
  # Where this instance listens for the others, `host:port`; port 0 takes any free port. The
  # traffic is authenticated by `key` but not encrypted, so this belongs on a private network.
  # Example: "10.0.0.7:7000".

  advertise @4 :Text;
  # The address the others should use, when it is not `address` as bound: behind address
  # translation, in a container, or when `address` is a wildcard. Example: "10.0.0.7:7000".

  key @3 :Text;
  # A secret of at least 32 bytes that all instances of the group share.

  unsafePublicAddress @5 :Bool = false;
  # Accept a public IP as `address` or `advertise`, although the traffic is not encrypted.

  stopTimeoutMs @6 :UInt32 = 8000;
  # How long, in milliseconds, a stopping instance may take to hand its objects over and to
  # finish its requests.

  unsafeTimeDivisor @7 :UInt32 = 1;
  # For tests: divides the waits of a takeover and of a stop. 0 is an error.
}

struct LoggingOptions {
  # How output is written.

  structuredLogging @0 :Bool = false;
  # Write one JSON object a line, for collectors, in place of text for people.

  stdoutPrefix @1 :Text;
  # Put before each line a worker writes to `process.stdout`, with a space after it. Default: "stdout:".

  stderrPrefix @2 :Text;
  # Put before each line a worker writes to `process.stderr`, with a space after it. Default: "stderr:".
}

# ----------------------------------------------------------------------------------------------
# Sockets

struct Socket {
  # A place to listen.

  name @0 :Text;
  # Unique among sockets. The command line uses it to replace the address
  # (`--socket-addr <name>=<addr>`) or to pass a descriptor that is already listening
  # (`--socket-fd <name>=<fd>`).

  address @1 :Text;
  # Where to listen. If not set, the command line must say. One of:
  #
  # - "*:8080": this port of every local address, IPv4 and IPv6
  # - "127.0.0.1:8080", "[::1]:8080": one address and port; port 0 takes any free port
  # - "127.0.0.1", "::1": the protocol's own port, 80 or 443
  # - "localhost:8080": every address the name resolves to
  # - "unix:/run/app.sock": a Unix socket at a path
  # - "unix-abstract:app": a Linux socket in the abstract name space

  union {
    # The protocol spoken on the connections. Default: `http`.

    http @2 :HttpOptions;
    # HTTP without encryption.

    https :group {
      # HTTP over TLS.

      options @3 :HttpOptions;
      # The HTTP inside.

      tlsOptions @4 :TlsOptions;
      # Certificates and versions; `keypair` is required.
    }

    tcp :group {
      # Plain connections, given to the service's `connect()` handler.

      tlsOptions @6 :TlsOptions;
      # If set, connections are encrypted.

      tlsMode @9 :TcpTlsMode = implicit;
      # When encryption starts; matters only with `tlsOptions`.
    }

    udp :group {
      # Datagrams. Those of one peer form a flow, which is given to the service's `connect()`
      # handler; each chunk of the stream is one datagram.

      idleTimeoutMs @7 :UInt32 = 30000;
      # A flow ends after this many milliseconds without a datagram.

      maxPendingBytes @8 :UInt32 = 262144;
      # Datagrams of one flow that wait to be read; what exceeds this many bytes is dropped.
    }
  }

  service @5 :ServiceDesignator;
  # Who answers. Required. Example: "main".

  enum TcpTlsMode {
    # When a TCP socket with `tlsOptions` starts to encrypt.

    implicit @0;
    # From the first byte.

    startTls @1;
    # When the handler calls `startTls()`.
  }
}

# ----------------------------------------------------------------------------------------------
# Services

struct Service {
  # Something with a name that answers requests.

  name @0 :Text;
  # How the rest of the configuration, and the command line, refer to it. Must be unique.

  union {
    unspecified @1 :Void;
    # What a service is when nothing below is given. It is an error.

    worker @2 :Worker;
    # Code.

    network @3 :Network;
    # Whatever host the request's URL names, within limits.

    external @4 :ExternalServer;
    # One given server, whatever host the URL names.

    disk @5 :DiskDirectory;
    # Files of a directory.

    bucket @6 :ClusterBucket;
    # Objects of the cluster's bucket. Needs `Config.cluster` and `--experimental`.

    assets @7 :AssetsService;
    # Static files with the rules of Cloudflare's assets. Needs `--experimental`.
  }
}

struct ClusterBucket {
  # A part of the cluster's bucket as an HTTP service: GET, PUT and DELETE of `/<file>`.

  path @0 :Text;
  # Which part: one or more names separated by `/`. Required. Example: "uploads".
}

struct AssetsService {
  # Static files in front of a worker, as Cloudflare serves a worker's assets.

  path @0 :Text;
  # The directory. A relative path starts at the directory the server is started in.

  config @1 :Text;
  # The rules as JSON, with the names of wrangler's `assets` section. Default: "{}".
  # Example: "{\"not_found_handling\": \"single-page-application\"}".

  userWorker @2 :ServiceDesignator;
  # The worker behind the files. Default: none, so that only files are served.

  compatibilityDate @3 :Text;
  # As `Worker.compatibilityDate`; used only without `userWorker`.

  compatibilityFlags @4 :List(Text);
  # As `Worker.compatibilityFlags`; used only without `userWorker`.
}

struct ServiceDesignator {
  # Names a service. As everywhere in this language, a value for the first field alone may stand
  # for the struct: `service = "main"` means `service = (name = "main")`.

  name @0 :Text;
  # The service's name in `Config.services`. Required.

  entrypoint @1 :Text;
  # Which of the worker's exports to call. Default: its default export.
  # Example: "Admin", for `export class Admin extends WorkerEntrypoint`.

  props :union {
    # What the callee finds in `ctx.props`.

    empty @2 :Void;
    # An empty object, the default.

    json @3 :Text;
    # The value of this JSON. Example: "{\"tenant\": 7}".
  }
}

struct WorkflowsEngine {
  # Lets a worker run its own workflows.

  actorClass @0 :ServiceDesignator;
  # The Durable Object class that runs them.

  workflows @1 :List(Workflow);
  # The workflows that get a binding in `ctx.exports`.

  struct Workflow {
    # One workflow of the worker.

    className @0 :Text;
    # The exported class, a `WorkflowEntrypoint`.

    name @1 :Text;
    # The workflow's name.

    bindingService @2 :ServiceDesignator;
    # The service behind the binding's API.
  }
}

struct Worker {
  # Code and what it may reach.

  union {
    modules @0 :List(Module);
    # The modules of the worker. The first is the main one; its exports are the entrypoints.

    serviceWorkerScript @1 :Text;
    # One script in the older style, which calls `addEventListener()`.
    # Example: embed "worker.js".

    inherit @2 :Text;
    # The name of another worker whose code and settings this one takes over. `bindings` given here
    # fill in its parameters, or replace others of the same name and type; outbound services, tails and
    # the like are replaced where given. Compatibility settings and Durable Object classes cannot be.
    # Of inherited classes this worker has objects of its own: it must say by `durableObjectStorage`
    # where, and by `durableObjectUniqueKeyModifier` which.
  }

  struct Module {
    # Something that `import` can name.

    name @0 :Text;
    # The name to import it by; relative imports are resolved against it. Example: "lib/a.js".

    union {
      esModule @1 :Text;
      # JavaScript with `import` and `export`.

      commonJsModule @2 :Text;
      # JavaScript with `require()` and `module.exports`.

      text @3 :Text;
      # Imports as a string.

      data @4 :Data;
      # Imports as an ArrayBuffer.

      wasm @5 :Data;
      # WebAssembly code; imports as a `WebAssembly.Module`.

      json @6 :Text;
      # Imports as the value of this JSON.

      obsolete @7 :Text;
      # Not in use.

      pythonModule @8 :Text;
      # Python source. A worker with such modules runs in the Python runtime.

      obsoletePythonRequirement @9 :Text;
      # Not in use.

      bundled @11 :Text;
      # A module that comes with the program, by its path, such as "/workerd/kv.js". Needs
      # `--experimental`.
    }

    namedExports @10 :List(Text);
    # For `commonJsModule`: the names that an `import { name }` of it may use. Default: none.
  }

  compatibilityDate @3 :Text;
  # The date whose behaviour the worker was written for, `YYYY-MM-DD`. Required, unless `inherit`
  # is used, which takes the other worker's. Changes that could break a worker apply only from
  # their own date on. Example: "2026-01-01".

  compatibilityFlags @4 :List(Text);
  # Single changes to switch on or off, whatever the date says. Default: none.
  # Example: ["nodejs_compat"].

  bindings @5 :List(Binding);
  # What the worker may reach: properties of `env`, or global variables of a service worker
  # script. Default: none.

  struct Binding {
    # One value or resource given to the worker.

    name @0 :Text;
    # The name the worker knows it by.

    union {
      unspecified @1 :Void;
      # What a binding is when nothing below is given. It is an error.

      parameter :group {
        # A hole that a worker with `inherit` fills. A worker with holes that must be filled can only be
        # inherited: nothing else may refer to it.

        type @2 :Type;
        # What may fill it.

        optional @3 :Bool;
        # Whether it may stay empty, without a property of `env`. Default: false.
      }

      text @4 :Text;
      # A string.

      data @5 :Data;
      # An ArrayBuffer.

      json @6 :Text;
      # The value of this JSON.

      wasmModule @7 :Data;
      # A `WebAssembly.Module`; only for service worker scripts. Others use a `wasm` module.

      cryptoKey @8 :CryptoKey;
      # A `CryptoKey`, which the code can use without seeing the key, unless it is extractable.

      service @9 :ServiceDesignator;
      # A service, for `fetch()` and, if it is a worker, calls of its methods.

      durableObjectClass @26 :ServiceDesignator;
      # A Durable Object class without storage of its own, for facets. Needs `--experimental`.

      durableObjectNamespace @10 :DurableObjectNamespaceDesignator;
      # A namespace of Durable Objects. For a class of this same worker the name suffices:
      # `durableObjectNamespace = "Counter"`.

      kvNamespace @11 :ServiceDesignator;
      # A key-value namespace; its operations become HTTP requests to the service.

      r2Bucket @12 :ServiceDesignator;
      # An R2 bucket; its operations become HTTP requests to the service.

      obsolete0 @13 :ServiceDesignator;
      # Not in use; it is an error.

      wrapped @14 :WrappedBinding;
      # An API made of other bindings by a module of an extension.

      queue @15 :ServiceDesignator;
      # A queue to send to; messages become HTTP requests to the service.

      fromEnvironment @16 :Text;
      # The environment variable of this name, as a string, or null if it is not set.

      analyticsEngine @17 :ServiceDesignator;
      # A data set to write to; points become HTTP requests to the service. Needs
      # `--experimental`.

      hyperdrive :group {
        # A database behind a connection pool.

        designator @18 :ServiceDesignator;
        # The service that leads to the database.

        database @19 :Text;
        # Its name.

        user @20 :Text;
        # Whom to log in as.

        password @21 :Text;
        # With which password.

        scheme @22 :Text;
        # The protocol of the connection string. Example: "postgresql".
      }

      unsafeEval @23 :Void;
      # The power to compile strings as code. Needs `--experimental`.

      memoryCache :group {
        # A cache in memory. Needs `--experimental`.

        id @24 :Text;
        # Bindings with the same id share one cache, in all processes. Default: a cache of its own.

        limits @25 :MemoryCacheLimits;
        # How large it may grow. Required.
      }

      workerLoader :group {
        # The power to start workers from code at run time. Needs `--experimental`.

        id @27 :Text;
        # Bindings with the same id share the loaded workers. Default: no sharing.
      }

      workerdDebugPort @28 :Void;
      # Connects to the debug port of any instance. Needs `--experimental`.
    }

    struct Type {
      # What may fill a parameter: one of the binding types above.

      union {
        unspecified @0 :Void;
        # Not given. It is an error.

        text @1 :Void;
        data @2 :Void;
        json @3 :Void;
        wasm @4 :Void;

        cryptoKey @5 :List(CryptoKey.Usage);
        # A key that permits at least these uses.

        service @6 :Void;
        durableObjectNamespace @7 :Void;
        kvNamespace @8 :Void;
        r2Bucket @9 :Void;
        obsolete0 @10 :Void;
        queue @11 :Void;
        analyticsEngine @12 :Void;
        hyperdrive @13 :Void;
        durableObjectClass @14 :Void;
        workerdDebugPort @15 :Void;
      }
    }

    struct DurableObjectNamespaceDesignator {
      # Names a namespace of Durable Objects.

      className @0 :Text;
      # The class, as in `Worker.durableObjectNamespaces`. Required.

      serviceName @1 :Text;
      # The worker that has the class. Default: the worker with the binding.

      obsolete2 @2 :AnyPointer;
      # Not in use.
    }

    struct CryptoKey {
      # What `crypto.subtle.importKey()` takes.

      union {
        # The key material. Text and data can come from a file: embed "key.pem".

        raw @0 :Data;
        # The bytes of a symmetric key.

        hex @1 :Text;
        # The same in hexadecimal.

        base64 @2 :Text;
        # The same in base64.

        pkcs8 @3 :Text;
        # A private key, PEM with the label PRIVATE KEY.

        spki @4 :Text;
        # A public key, PEM with the label PUBLIC KEY.

        jwk @5 :Text;
        # A key as JSON.
      }

      algorithm :union {
        # The algorithm the key is for.

        name @6 :Text;
        # Only a name. Example: "AES-GCM".

        json @7 :Text;
        # A JSON object. Example: "{\"name\": \"HMAC\", \"hash\": \"SHA-256\"}".
      }

      extractable @8 :Bool = false;
      # Whether code may export the key material.

      usages @9 :List(Usage);
      # What code may do with the key. Default: nothing.

      enum Usage {
        # The uses of the WebCrypto standard.

        encrypt @0;
        decrypt @1;
        sign @2;
        verify @3;
        deriveKey @4;
        deriveBits @5;
        wrapKey @6;
        unwrapKey @7;
      }
    }

    struct MemoryCacheLimits {
      # How large an in-memory cache may grow; what exceeds a limit is evicted or refused.

      maxKeys @0 :UInt32;
      # Entries.

      maxValueSize @1 :UInt32;
      # Bytes in one value.

      maxTotalValueSize @2 :UInt64;
      # Bytes in all values together.
    }

    struct WrappedBinding {
      # An API made of other bindings.

      moduleName @0 :Text;
      # An internal module, of an extension of this configuration. Required.

      entrypoint @1 :Text = "default";
      # The function that the module exports under this name is called once with the inner
      # bindings; what it returns is the binding's value.

      innerBindings @2 :List(Binding);
      # The bindings that the function gets. The worker itself does not see them.
    }
  }

  globalOutbound @6 :ServiceDesignator = (name = "internet");
  # The service behind the global `fetch()` and `connect()`.

  cacheApiOutbound @11 :ServiceDesignator;
  # The service behind the Cache API. Default: none, so that nothing is ever cached.

  durableObjectNamespaces @7 :List(DurableObjectNamespace);
  # The Durable Object classes of this worker. Default: none.

  struct DurableObjectNamespace {
    # A class whose instances are Durable Objects.

    className @0 :Text;
    # The exported class. It may be renamed freely as long as `uniqueKey` stays.

    union {
      uniqueKey @1 :Text;
      # A string found nowhere else in the world, and never lost or changed: object ids and the
      # names of stored files derive from it. Example: "4d0ff1f1c5c84a1a9a3b4ff27a2c35a5".

      ephemeralLocal @2 :Void;
      # Objects without storage, named by any string. Needs `--experimental`.
    }

    preventEviction @3 :Bool;
    # Keep idle objects in memory. Default: false, they leave after 10 seconds.

    enableSql @4 :Bool;
    # Offer `ctx.storage.sql`. Default: false.

    container @5 :ContainerOptions;
    # If set, each object has a container.

    struct ContainerOptions {
      # The container of an object.

      imageName @0 :Text;
      # The image to start when the code names none. A name without a tag means "latest".

      privileges @1 :ContainerPrivileges;
      # Extra rights of the container. Default: none. They can open the host to it.

      images @2 :List(NamedImage);
      # Images that the code finds in `ctx.container.images`.

      struct NamedImage {
        # An image under a name.

        name @0 :Text;
        # The name in the code.

        image @1 :Text;
        # The image.
      }

      struct ContainerPrivileges {
        # Rights passed to the container engine unchecked.

        capabilities @0 :List(Text);
        # Kernel capabilities to add. Example: ["NET_ADMIN"].

        devices @1 :List(Device);
        # Devices of the host to pass through.

        securityOpt @2 :List(Text);
        # Security options. Example: ["no-new-privileges"].

        struct Device {
          # One device.

          pathOnHost @0 :Text;
          pathInContainer @1 :Text;
          cgroupPermissions @2 :Text;
          # Of the letters r, w and m (make node).
        }
      }
    }
  }

  durableObjectUniqueKeyModifier @8 :Text;
  # Mixed into the `uniqueKey` of each class, so that the objects of a worker with `inherit` differ
  # from those of others that inherit the same. As precious as `uniqueKey` itself: the key becomes
  # `<uniqueKey>-` and the first 32 hexadecimal digits of the SHA-256 of the key's length (8 bytes, the
  # first one highest), the key and the modifier.

  durableObjectStorage :union {
    # Where the objects of this worker keep their data.

    none @9 :Void;
    # Nowhere, the default: only for workers without durable classes.

    inMemory @10 :Void;
    # In memory, until the server ends.

    localDisk @12 :Text;
    # In the writable `disk` service of this name: one SQLite file an object,
    # `<uniqueKey>/<id>.sqlite`.
  }

  moduleFallback @13 :Text;
  # The address of an HTTP server to ask for modules that are not in `modules`, for local
  # development. Default: none.

  tails @14 :List(ServiceDesignator);
  # Workers whose `tail()` handler gets the logs of this one after each request. Default: none.

  streamingTails @15 :List(ServiceDesignator);
  # Workers whose `tailStream()` handler gets the events of this one as they happen. Default:
  # none.

  containerEngine :union {
    # What starts the containers of `DurableObjectNamespace.container`.

    none @16 :Void;
    # Nothing, the default.

    localDocker @17 :DockerConfiguration;
    # A Docker daemon on this machine.
  }

  struct DockerConfiguration {
    # How to use the Docker daemon.

    socketPath @0 :Text;
    # Its socket. Example: "/var/run/docker.sock".

    containerEgressInterceptorImage @1 :Text;
    # The image of a helper that routes a container's outgoing traffic through the worker.

    sessionId @2 :Text;
    # Put into the names and labels of everything created, so that sessions stay apart and can be
    # cleaned up. Letters, digits, `_`, `.` and `-`.
  }

  accessBlobHeader @18 :Text;
  # A request header whose JSON, with `app_aud` and optionally `jwt_claims`, becomes
  # `ctx.access`. Default: none. Needs `--experimental`.

  accessBindingService @19 :ServiceDesignator;
  # The worker that answers `ctx.access.getIdentity()`. Default: none; the answer is undefined.

  workflowsEngine @20 :WorkflowsEngine;
  # Runs the workflows that this worker defines. Default: none.
}

struct ExternalServer {
  # One server, such as a back end on the internal network. A request goes there whatever host and
  # scheme its URL has.

  address @0 :Text;
  # Where it is. If not set, the command line must say (`--external-addr <name>=<addr>`). The
  # forms are those of `Socket.address`, without "*". Example: "10.0.0.9:8000".

  union {
    # The protocol to speak. Default: `http`.

    http @1 :HttpOptions;
    # HTTP without encryption.

    https :group {
      # HTTP over TLS.

      options @2 :HttpOptions;
      # The HTTP inside.

      tlsOptions @3 :TlsOptions;
      # Whom to trust.

      certificateHost @4 :Text;
      # The host name that the certificate must be for. Default: the one in `address`.
    }

    tcp :group {
      # Plain connections, for `connect()`; `fetch()` is an error.

      tlsOptions @5 :TlsOptions;
      # If set, connections are encrypted.

      certificateHost @6 :Text;
      # The host name that the certificate must be for. Default: the one in `address`.
    }
  }
}

struct Network {
  # Any host, limited by address.

  allow @0 :List(Text) = ["public"];
  # The addresses that may be reached. Each entry is a block such as "192.0.2.0/24" or
  # "2001:db8::/32", or one of:
  #
  # - "public": everything that is not "private"
  # - "private": reserved for private use, such as 10.0.0.0/8, and everything "local"
  # - "local": this machine, such as 127.0.0.0/8 and Unix sockets
  # - "network": everything that is not "local"
  # - "unix", "unix-abstract": Unix sockets of either kind
  #
  # A host name counts as its addresses; those that may not be reached are as if they were not
  # there.

  deny @1 :List(Text);
  # Exceptions to `allow`, in the same form. The narrower block wins. Default: none.

  tlsOptions @2 :TlsOptions;
  # Whom to trust when the URL is `https:`. Default: nobody, so that `https:` fails.
}

struct DiskDirectory {
  # A directory as an HTTP service. GET of a file gives its bytes; GET of a directory gives JSON,
  # `[{"name": "a.txt", "type": "file"}]`. Types of content are not guessed: a worker in front can.

  path @0 :Text;
  # The directory. If not set, the command line must say (`--directory-path <name>=<path>`). A
  # relative path starts at the directory the server is started in, not at the configuration.

  writable @1 :Bool = false;
  # Whether PUT and DELETE are accepted. A PUT appears whole or not at all, and makes the
  # directories above it.

  allowDotfiles @2 :Bool = false;
  # Whether names that start with a dot are visible. "." and ".." never are.
}

# ----------------------------------------------------------------------------------------------
# Protocols

struct HttpOptions {
  # Details of HTTP, for a socket or an external server. Mostly of use around proxies.

  style @0 :Style = host;
  # The form of the request line.

  enum Style {
    host @0;
    # The path only; the host is in the `Host` header.

    proxy @1;
    # The whole URL, as spoken to a forward proxy.
  }

  forwardedProtoHeader @1 :Text;
  # The header in which a proxy in front says whether the client came by "http" or "https"; it
  # decides the scheme of the request's URL, and is set on requests to an external server.
  # Ignored with `proxy` style. Default: none. Example: "X-Forwarded-Proto".

  cfBlobHeader @2 :Text;
  # The header that carries `request.cf` as JSON. Default: none; `cf` is neither sent nor read.

  injectRequestHeaders @3 :List(Header);
  # Headers to set on every request, in place of what it has. Default: none.

  injectResponseHeaders @4 :List(Header);
  # Headers to set on every response, in place of what it has. Default: none.

  struct Header {
    # A header to set or to remove.

    name @0 :Text;
    # Case does not matter.

    value @1 :Text;
    # The value. If not set, the header is removed.
  }

  capnpConnectHost @5 :Text;
  # The `host:port` whose CONNECT request starts a Cap'n Proto session, which carries calls that
  # are not HTTP, such as those of worker methods. Default: none.
}

struct TlsOptions {
  # Encryption, for either side of a connection.

  keypair @0 :Keypair;
  # Our own key and certificate. Required to serve; a client may go without.

  struct Keypair {
    # A key with its certificate, both PEM. They can come from files: embed "key.pem".
    #
    # A socket may have several, in the same two texts: a client is shown the certificate for the name that it asks for,
    # or the first. Programs that know of one keypair alone take the first.

    privateKey @0 :Text;
    # PKCS#8, or the older RSA and EC forms. One key, or several behind each other.

    certificateChain @1 :Text;
    # The leaf first, then the certificates that signed it; of several keys, one such chain behind the other.
  }

  requireClientCerts @1 :Bool = false;
  # For a server: refuse clients without a certificate signed by a trusted authority.

  trustBrowserCas @2 :Bool = false;
  # Trust the authorities that browsers trust.

  trustedCertificates @3 :List(Text);
  # Further authorities to trust, each PEM. Default: none.

  minVersion @4 :Version = goodDefault;
  # The oldest protocol version to speak. There is none older than TLS 1.2, so that asking for one is an error.

  enum Version {
    goodDefault @0;
    # Chosen by this program; it may move up over time.

    ssl3 @1;
    tls1Dot0 @2;
    tls1Dot1 @3;
    tls1Dot2 @4;
    tls1Dot3 @5;
  }

  cipherList @5 :Text;
  # The permitted ciphers of TLS 1.2, as OpenSSL writes them, with colons between; those of 1.3 are
  # not for choice, and neither is an order. Names that this program does not know say nothing, but
  # a list that permits none that it knows is an error. Default: chosen by this program.
  # Example: "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256".
}

# ----------------------------------------------------------------------------------------------
# Extensions

struct Extension {
  # A set of modules added to the runtime.

  modules @0 :List(Module);
  # Its modules.

  struct Module {
    # A module of an extension.

    name @0 :Text;
    # The full specifier. Example: "my-extension:api".

    internal @1 :Bool = false;
    # Importable by other modules of extensions only, not by workers.

    esModule @2 :Text;
    # JavaScript with `import` and `export`.
  }
}

# ----------------------------------------------------------------------------------------------
# The module fallback service

struct FallbackServiceRequest {
  # The JSON body of a request to `Worker.moduleFallback`. Not part of a configuration.

  type @0 :Text;
  # "import" or "require".

  specifier @1 :Text;
  # The full name of the module.

  rawSpecifier @2 :Text;
  # The name as the code has it.

  referrer @3 :Text;
  # The module that asks.

  struct Attribute {
    # An import attribute, such as `type: "json"`.

    name @0 :Text;
    value @1 :Text;
  }

  attributes @4 :List(Attribute);
  # The attributes of the import.
}
