# The loops of daily work. `just` is one program: `cargo install just`, or the package rust-just of npm or PyPI.

# What there is.
default:
    @{{ just_executable() }} --list --unsorted

# Clippy on changed crates, and the tests nearest to what has changed or to FILES; JavaScript is read from the tree.
fast *FILES:
    .ci/fast {{ FILES }}

# All tests whose names contain NAME: of Rust functions, of .wd-test files by their paths, of samples by their folders.
test NAME:
    cargo test --no-fail-fast {{ quote(NAME) }}

# The same test on the published binary.
published NAME:
    . .ci/published.sh && published && \
    WORKERD_BIN=$PUBLISHED_WORKERD cargo test --test wd_test --test samples --test surface {{ quote(NAME) }}

# Every workload on a release build and on its peers, some of which npm has; `just bench --help` tells the options.
bench *OPTIONS:
    cargo build --release && . .ci/published.sh && peers && tests/bench/run.py {{ OPTIONS }}

# Every fuzzer for SECONDS: of the HTTP front, of what JavaScript calls, of proxied exchanges, of the config readers; and
# many histories of alarms.
fuzz SECONDS="60":
    PROPTEST_CASES=20000 cargo test --package storage --lib no_alarm_is_lost
    FUZZ_SECONDS={{ SECONDS }} cargo test --test http_front --test api_surface --test proxied
    tests/fuzz/run.sh {{ SECONDS }}

# All that must pass before a change lands.
all:
    .ci/run
