# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_workerd_global_optspecs
    string join \n verbose h/help V/version
end

function __fish_workerd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_workerd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_workerd_using_subcommand
    set -l cmd (__fish_workerd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c workerd -n "__fish_workerd_needs_command" -l verbose -d 'Log informational messages to standard error'
complete -c workerd -n "__fish_workerd_needs_command" -s h -l help -d 'Print help'
complete -c workerd -n "__fish_workerd_needs_command" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_needs_command" -f -a "serve" -d 'Serve requests as a config says'
complete -c workerd -n "__fish_workerd_needs_command" -f -a "compile" -d 'Make one self-contained executable of a config and all it needs'
complete -c workerd -n "__fish_workerd_needs_command" -f -a "test" -d 'Run the tests of a config'
complete -c workerd -n "__fish_workerd_needs_command" -f -a "objects" -d 'List, check, export and import what Durable Objects have stored'
complete -c workerd -n "__fish_workerd_needs_command" -f -a "doctor" -d 'Tell what the sandbox of runtime processes holds on this machine, and why not more'
complete -c workerd -n "__fish_workerd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s I -l import-path -d 'Look for imports that begin with a slash in <dir> too; may be given several times' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s d -l directory-path -d 'Serve the disk service <name> from <path>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s e -l external-addr -d 'Reach the external service <name> at <addr>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s s -l socket-addr -d 'Listen on <addr> for the socket <name>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s i -l inspector-addr -d 'Let programs such as Chrome\'s DevTools debug the workers at <addr>, which anyone who reaches it may use' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l perfetto-trace -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l async-trace -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l async-trace-stacks -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l pyodide-package-disk-cache-dir -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l pyodide-bundle-disk-cache-dir -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l python-load-snapshot -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l python-snapshot-dir -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s S -l socket-fd -d 'Listen on the open descriptor <fd> for the socket <name>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l debug-port -d 'Let other instances of workerd reach every service of this one at <addr>, by Cap\'n Proto RPC; for local development' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l control-fd -d 'Report on descriptor <fd>, one JSON object a line: the port of each socket when it accepts' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l processes -d 'Serve with N processes, or with one for each CPU that this program may use' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l admin-addr -d 'Show metrics, processes and live Durable Objects to browsers and programs at <addr>: a loopback address or unix:<path>, or with --admin-token-file any address' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l admin-token-file -d 'Have who asks at --admin-addr send the token in <path>, 16 bytes at least: `Authorization: Bearer <token>`, or as a password; not for /healthz and /readyz' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l admin-host -d 'Let requests to --admin-addr name <host>, besides its own address and this machine\'s loopback names; may be given several times' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l start-timeout -d 'How long a process may take to load the config and its workers; over it, the start has failed, and a reload changes nothing' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l watchdog -d 'How long a process\'s event loop may stand still; what the process does is logged then, and it is replaced. 0 is for ever' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l drain-timeout -d 'How long a stop, or the old processes of a reload, may take to answer what was accepted; one that is still busy then is killed' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l pitr-days -d 'For how many days a Durable Object on disk can be taken back to what it was; 0 keeps no history' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l limit-cpu-ms -d 'Milliseconds of processor time that a worker may use for one request or other event; what uses more is ended, and answered 503' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l limit-heap-mb -d 'MiB that a worker\'s heap may hold in each process, and its buffers; one that holds more is replaced, and what it had under way is answered 503' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l max-connections -d 'Connections open at once in one process; more wait until one closes' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l max-header-bytes -d 'Bytes of the head of one request; a longer one is answered 431' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l max-header-count -d 'Header fields of one request; more are answered 431' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l header-read-timeout -d 'How long the head of a request may take to arrive before the connection is closed' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l idle-timeout -d 'How long a connection may stay open between two requests' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l body-read-timeout -d 'How long the body of a request may not go on while it is waited for, before the answer is 408; 0 waits for ever' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l send-timeout -d 'How long a client may take nothing of an answer that is ready before the connection is closed; 0 waits for ever' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l min-body-rate -d 'Bytes a second that a client must send of a body or take of an answer, on average while it is waited for and after 10 seconds; slower ones are treated as above; 0 for any rate' -r
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l verbose -d 'Log informational messages to standard error'
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s b -l binary -d 'The config is an encoded Cap\'n Proto message, as `compile --config-only` writes, rather than text'
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s w -l watch -d 'Reload when a file of the config, or this program, changes; for development'
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l experimental -d 'Allow features that may change or go away in a future release'
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l async-trace-promises
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l python-save-snapshot
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l python-save-baseline-snapshot
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l report-phases -d 'On --control-fd, also report every change of a process\'s phase and the end of every reload'
complete -c workerd -n "__fish_workerd_using_subcommand serve" -l no-sandbox -d 'Let runtime processes keep all that this program may do, rather than give up what serving the config does not need'
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c workerd -n "__fish_workerd_using_subcommand serve" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_using_subcommand compile" -s I -l import-path -d 'Look for imports that begin with a slash in <dir> too; may be given several times' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand compile" -l verbose -d 'Log informational messages to standard error'
complete -c workerd -n "__fish_workerd_using_subcommand compile" -s b -l binary -d 'The config is an encoded Cap\'n Proto message, as `compile --config-only` writes, rather than text'
complete -c workerd -n "__fish_workerd_using_subcommand compile" -l config-only -d 'Write the encoded config alone, as `serve --binary` reads it'
complete -c workerd -n "__fish_workerd_using_subcommand compile" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c workerd -n "__fish_workerd_using_subcommand compile" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_using_subcommand test" -s I -l import-path -d 'Look for imports that begin with a slash in <dir> too; may be given several times' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand test" -s d -l directory-path -d 'Serve the disk service <name> from <path>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -s e -l external-addr -d 'Reach the external service <name> at <addr>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -s s -l socket-addr -d 'Listen on <addr> for the socket <name>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -s i -l inspector-addr -d 'Let programs such as Chrome\'s DevTools debug the workers at <addr>, which anyone who reaches it may use' -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l perfetto-trace -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l async-trace -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l async-trace-stacks -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l pyodide-package-disk-cache-dir -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l pyodide-bundle-disk-cache-dir -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l python-load-snapshot -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l python-snapshot-dir -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l processes -d 'Run N processes, as `serve` does: the tests in the first, Durable Objects in all' -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l compat-date -d 'The compatibility date of every worker, none of which may have its own in the config; from 0000-00-00 to 9999-12-31' -r
complete -c workerd -n "__fish_workerd_using_subcommand test" -l verbose -d 'Log informational messages to standard error'
complete -c workerd -n "__fish_workerd_using_subcommand test" -s b -l binary -d 'The config is an encoded Cap\'n Proto message, as `compile --config-only` writes, rather than text'
complete -c workerd -n "__fish_workerd_using_subcommand test" -s w -l watch -d 'Reload when a file of the config, or this program, changes; for development'
complete -c workerd -n "__fish_workerd_using_subcommand test" -l experimental -d 'Allow features that may change or go away in a future release'
complete -c workerd -n "__fish_workerd_using_subcommand test" -l async-trace-promises
complete -c workerd -n "__fish_workerd_using_subcommand test" -l python-save-snapshot
complete -c workerd -n "__fish_workerd_using_subcommand test" -l python-save-baseline-snapshot
complete -c workerd -n "__fish_workerd_using_subcommand test" -l no-verbose -d 'Do not log informational messages, which tests do otherwise to show uncaught exceptions'
complete -c workerd -n "__fish_workerd_using_subcommand test" -l predictable -d 'Use fixed values where random numbers and the time of day are used otherwise'
complete -c workerd -n "__fish_workerd_using_subcommand test" -l gc-stress -d 'Collect garbage at every turn: very slow'
complete -c workerd -n "__fish_workerd_using_subcommand test" -l all-autogates -d 'Turn every autogate on'
complete -c workerd -n "__fish_workerd_using_subcommand test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c workerd -n "__fish_workerd_using_subcommand test" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and not __fish_seen_subcommand_from list check export import help" -s h -l help -d 'Print help'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and not __fish_seen_subcommand_from list check export import help" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and not __fish_seen_subcommand_from list check export import help" -f -a "list" -d 'List objects: id, size, keys, rows, next alarm, history, integrity, name'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and not __fish_seen_subcommand_from list check export import help" -f -a "check" -d 'Check that objects are whole and belong where they are; exit status 1 if one does not'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and not __fish_seen_subcommand_from list check export import help" -f -a "export" -d 'Write an archive of objects'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and not __fish_seen_subcommand_from list check export import help" -f -a "import" -d 'Put the objects of an archive into a folder'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and not __fish_seen_subcommand_from list check export import help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -s I -l import-path -d 'Look for imports of the config that begin with a slash in <dir> too; may be given several times' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -s d -l directory-path -d 'The disk service <name> is at <path>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -l const-name -d 'The constant to use, when the config file defines several configs' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -l id -d 'The object of this id alone; may be given several times' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -l name -d 'The object that idFromName() gives for this name; may be given several times' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -s b -l binary -d 'The config is an encoded Cap\'n Proto message rather than text'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object a line; times are milliseconds since 1970'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -l brief -d 'Do not open the objects\' files: no keys, rows, history and integrity'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from check" -s I -l import-path -d 'Look for imports of the config that begin with a slash in <dir> too; may be given several times' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from check" -s d -l directory-path -d 'The disk service <name> is at <path>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from check" -l const-name -d 'The constant to use, when the config file defines several configs' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from check" -l id -d 'The object of this id alone; may be given several times' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from check" -l name -d 'The object that idFromName() gives for this name; may be given several times' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from check" -s b -l binary -d 'The config is an encoded Cap\'n Proto message rather than text'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from check" -l json -d 'Print one JSON object a line for each problem'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from export" -s I -l import-path -d 'Look for imports of the config that begin with a slash in <dir> too; may be given several times' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from export" -s d -l directory-path -d 'The disk service <name> is at <path>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from export" -l const-name -d 'The constant to use, when the config file defines several configs' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from export" -l id -d 'The object of this id alone; may be given several times' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from export" -l name -d 'The object that idFromName() gives for this name; may be given several times' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from export" -s o -l output -d 'Write to <file>, which is replaced when the archive is whole; standard output if not given' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from export" -s b -l binary -d 'The config is an encoded Cap\'n Proto message rather than text'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -s I -l import-path -d 'Look for imports of the config that begin with a slash in <dir> too; may be given several times' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -s d -l directory-path -d 'The disk service <name> is at <path>, instead of where the config says' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -l const-name -d 'The constant to use, when the config file defines several configs' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -l id -d 'The object of this id alone; may be given several times' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -l name -d 'The object that idFromName() gives for this name; may be given several times' -r
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -s i -l input -d 'Read the archive from <file>; standard input if not given' -r -F
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -s b -l binary -d 'The config is an encoded Cap\'n Proto message rather than text'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -l overwrite -d 'Put the archive\'s objects in place of those that are there'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from help" -f -a "list" -d 'List objects: id, size, keys, rows, next alarm, history, integrity, name'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check that objects are whole and belong where they are; exit status 1 if one does not'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write an archive of objects'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from help" -f -a "import" -d 'Put the objects of an archive into a folder'
complete -c workerd -n "__fish_workerd_using_subcommand objects; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c workerd -n "__fish_workerd_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c workerd -n "__fish_workerd_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c workerd -n "__fish_workerd_using_subcommand help; and not __fish_seen_subcommand_from serve compile test objects doctor help" -f -a "serve" -d 'Serve requests as a config says'
complete -c workerd -n "__fish_workerd_using_subcommand help; and not __fish_seen_subcommand_from serve compile test objects doctor help" -f -a "compile" -d 'Make one self-contained executable of a config and all it needs'
complete -c workerd -n "__fish_workerd_using_subcommand help; and not __fish_seen_subcommand_from serve compile test objects doctor help" -f -a "test" -d 'Run the tests of a config'
complete -c workerd -n "__fish_workerd_using_subcommand help; and not __fish_seen_subcommand_from serve compile test objects doctor help" -f -a "objects" -d 'List, check, export and import what Durable Objects have stored'
complete -c workerd -n "__fish_workerd_using_subcommand help; and not __fish_seen_subcommand_from serve compile test objects doctor help" -f -a "doctor" -d 'Tell what the sandbox of runtime processes holds on this machine, and why not more'
complete -c workerd -n "__fish_workerd_using_subcommand help; and not __fish_seen_subcommand_from serve compile test objects doctor help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c workerd -n "__fish_workerd_using_subcommand help; and __fish_seen_subcommand_from objects" -f -a "list" -d 'List objects: id, size, keys, rows, next alarm, history, integrity, name'
complete -c workerd -n "__fish_workerd_using_subcommand help; and __fish_seen_subcommand_from objects" -f -a "check" -d 'Check that objects are whole and belong where they are; exit status 1 if one does not'
complete -c workerd -n "__fish_workerd_using_subcommand help; and __fish_seen_subcommand_from objects" -f -a "export" -d 'Write an archive of objects'
complete -c workerd -n "__fish_workerd_using_subcommand help; and __fish_seen_subcommand_from objects" -f -a "import" -d 'Put the objects of an archive into a folder'
