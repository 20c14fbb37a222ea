#!/usr/bin/env bash
# The one door to everything: sets up what is missing, then builds, runs, tests, measures.
set -Eeuo pipefail
cd "$(dirname "$0")"
# Whatever ends it, the last line says where.
trap 'echo "build.sh: line $LINENO: $BASH_COMMAND: exit $?" >&2' ERR

usage() {
    cat <<'TEXT'
./build.sh run                  open a browser with the extension on the lab's home (without a display: screenshots)
./build.sh run lab              show the command line judge the lab's homes and attackers, offline
./build.sh run https://HOST     judge a real address
./build.sh run www              serve the web page on this machine, and print its address
./build.sh run ARGUMENTS…       run the command line
./build.sh test [home]          everything that has to be green: format, lints, licences, tests, wasm and its size, both browsers; with "home" real Home Assistants, too
./build.sh check                format, lints and the unit tests of core, guard and command line: for between two changes
./build.sh test-browsers [FILE [NAME]]  the browser tests alone; those of one file, of a build made in seconds, and of these those with NAME in their name.
                                DOORLIGHT_BROWSER=firefox or chromium for one browser, DOORLIGHT_FIREFOX=PATH for another Firefox than the ESR
./build.sh test-home [VERSION]  against real Home Assistants, 2025.4.4 and 2026.11.0 or the named one, which are installed for it (Python 3.13 and 3.14, the latter
                                in a Debian in a folder where the machine has none, with root or sudo; three gigabytes, once)
./build.sh package              both packages of the extension and the web page, in target/package
./build.sh bench                speed and size, as ratios against pkijs, OpenSSL and a browser without the extension
./build.sh races [ROUNDS]       a tab that leaves the home for a look-alike at eleven moments, thirty times each
./build.sh battery              every way of asking, whoever asks, in every state of a shut gate: writes the tables of docs/threat-model.md
./build.sh starts [COUNT]       starts and crashes of each browser on the home's address: what slips before the rules hold
./build.sh soak [MINUTES]       a long day in each browser, thirty minutes each
./build.sh screenshots          every page in every state, in target/pictures; those that the README shows go to docs/images
./build.sh fuzz [MINUTES]       the fuzzers, ten minutes each
./build.sh codes                make docs/codes.md from the table of codes
./build.sh renew samples        new certificates for the web page to try
./build.sh renew log-list       take the list of logs from Debian's source of Chromium (a large download)
./build.sh renew advisories     ask PyPI what became known against releases of Home Assistant
TEXT
}

# What comes next, and how many seconds in it begins.
say() { printf '\n== %s [%s s]\n' "$*" "$SECONDS" >&2; }

# Installs Debian packages of which something is missing. Pairs of PROGRAM=PACKAGE or /FILE=PACKAGE.
need() {
    local missing=() pair what
    for pair in "$@"; do
        what=${pair%%=*}
        [[ -e $what ]] || command -v "$what" >/dev/null || missing+=("${pair#*=}")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    local root=()
    ((EUID == 0)) || root=(sudo)
    "${root[@]}" apt-get update -qq && "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        { echo "could not install ${missing[*]}: install them by hand and try again" >&2; return 1; }
}

setup_rust() {
    need gcc=gcc g++=g++ make=make
    if ! command -v cargo >/dev/null && [[ -x $HOME/.cargo/bin/cargo ]]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    if ! command -v rustup >/dev/null && ! command -v cargo >/dev/null; then
        need rustup=rustup || true
        command -v rustup >/dev/null ||
            { echo "Rust is missing and this Debian has no package rustup: install it from https://rustup.rs" >&2; exit 1; }
    fi
    # rust-toolchain.toml names the version, its components and the wasm target.
    if command -v rustup >/dev/null; then
        rustup show active-toolchain >/dev/null 2>&1 || rustup toolchain install >/dev/null
        rustup target add wasm32-unknown-unknown >/dev/null 2>&1 ||
            echo "could not add the wasm target: the browser builds will fail" >&2
    fi
}

setup_wasm() {
    need node=nodejs npm=npm brotli=brotli
    node --eval 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' ||
        { echo "Node.js $(node --version) is too old: 20 or newer is needed" >&2; exit 1; }
}

setup_browsers() {
    need chromium=chromium firefox-esr=firefox-esr certutil=libnss3-tools pk12util=libnss3-tools jq=jq zip=zip Xvfb=xvfb xdotool=xdotool
    tools/packages tests/browser
}

# The extension and the lab's home, for whatever drives browsers.
build_for_browsers() {
    setup_rust
    setup_wasm
    setup_browsers
    say "the extension and its size"
    tools/extension target/extension
    cargo build --quiet --package doorlight-lab --bin lab-home
    export DOORLIGHT_EXTENSION=$PWD/target/extension
    DOORLIGHT_LAB=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/lab-home
    export DOORLIGHT_LAB
    say "the web page and its size"
    tools/www target/www
    export DOORLIGHT_WWW=$PWD/target/www/page
}

# The command line, for whatever compares with it.
build_command_line() {
    local profile=release
    [[ -z ${DOORLIGHT_DRAFT-} ]] || profile=dev
    cargo build --quiet --profile "$profile" --package doorlight-cli
    DOORLIGHT_CLI=$(realpath "${CARGO_TARGET_DIR:-target}")/${profile/dev/debug}/doorlight
    export DOORLIGHT_CLI
}

run() {
    if ((!$#)); then
        build_for_browsers
        node tests/browser/show.mjs
        return
    fi
    setup_rust
    if [[ $1 == www ]]; then
        setup_wasm
        tools/www target/www
        exec node tools/serve.mjs target/www/page
    fi
    cargo build --quiet --release --package doorlight-cli
    local target=${CARGO_TARGET_DIR:-target}
    case $1 in
        lab) cargo run --quiet --package doorlight-lab --bin lab -- "$target/release/doorlight" ;;
        https://*) "$target/release/doorlight" check "$@" ;;
        *) "$target/release/doorlight" "$@" ;;
    esac
}

# node_test COUNT FILE…: so many files at once. What hangs ends after half an hour, and nothing that a failed test left open keeps the run from ending. Prints node's
# counts of passed and failed.
node_test() {
    node --test --test-concurrency="$1" --test-timeout=1800000 --test-force-exit --test-reporter=spec "${@:2}"
}

# Two files at once: each waits for its browser most of the time, and none measures it.
test_browsers() {
    say "real browsers: $(chromium --version 2>/dev/null), $("${DOORLIGHT_FIREFOX:-firefox-esr}" --version 2>/dev/null)"
    if (($#)); then
        node_test 1 ${2:+--test-name-pattern="$2"} "tests/browser/${1%.test.mjs}.test.mjs"
    else
        node_test 2 tests/browser/*.test.mjs
    fi
}

# What fails mostly fails here. Nothing for browsers is built, and nothing installed but Rust.
check() {
    setup_rust
    say "format and lints"
    cargo fmt --all --check
    cargo clippy --quiet --package doorlight --package doorlight-guard --package doorlight-cli --package doorlight-extension --all-targets -- --deny warnings
    say "unit tests"
    cargo test --quiet --package doorlight --package doorlight-guard --package doorlight-extension --lib
    cargo test --quiet --package doorlight-cli --bins
}

# With real Home Assistants: what each answers is what was written down of it, and what is tested with the lab's double elsewhere holds with it too. Without an
# argument, of every version that was written down: one that cannot be had is named and fails the whole, after the others were tested.
test_home() {
    local version versions=("$@") missing=()
    if ((!$#)); then
        versions=(tests/home/recorded/*.json)
        versions=("${versions[@]##*/}")
        versions=("${versions[@]%.json}")
    fi
    for version in "${versions[@]}"; do
        say "a real Home Assistant $version"
        DOORLIGHT_HOME_ASSISTANT=$(tests/home/install "$version") || { missing+=("$version"); continue; }
        export DOORLIGHT_HOME_ASSISTANT
        tests/home/record --check "$version"
        DOORLIGHT_REAL_HOME=1 node_test 1 tests/home/*.test.mjs tests/browser/home_assistant.test.mjs
        say "all green with Home Assistant $("$DOORLIGHT_HOME_ASSISTANT" --version)"
    done
    ((!${#missing[@]})) || { echo "NOT TESTED with Home Assistant ${missing[*]}: could not be had, see above" >&2; return 1; }
}

# Of some hundred pictures, the repository holds those that the README shows.
screenshots() {
    local picture
    rm -rf target/pictures
    node tests/browser/screenshots.mjs target/pictures
    node tests/browser/screenshots-www.mjs target/pictures
    for picture in $(grep --only-matching 'docs/images/[a-z0-9-]*\.png' README.md | sort --unique); do
        cp "target/pictures/${picture##*/}" "$picture"
    done
}

# The same bytes from the same sources: files in order, with one date, without anything of this machine.
package() {
    unset DOORLIGHT_DRAFT
    setup_rust
    local published age
    published=$(sed -n 's/.*"log_list_timestamp": *"\([^"]*\)".*/\1/p' data/log_list.json | head -n 1)
    age=$((($(date +%s) - $(date --date="$published" +%s)) / 86400))
    # What is older judges no number of logs (70 days, `src/ct/policy.rs`) till the first renewal.
    ((age <= 60)) || echo "WARNING: the list of logs that is packed is $age days old ($published): ./build.sh renew log-list" >&2
    say "licences and advisories"
    deny strict
    build_for_browsers
    local version browser folder=$PWD/target/package
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    mkdir -p "$folder"
    for browser in chromium firefox; do
        local archive=$folder/doorlight-$version-$browser.zip
        rm -f "$archive"
        find "target/extension/$browser" -exec touch --date=@315619200 {} +
        (cd "target/extension/$browser" && find . -type f | LC_ALL=C sort | TZ=UTC zip -q -X -9 "$archive" -@)
        echo "$(sha256sum "$archive" | cut -c1-64)  ${archive#"$PWD/"}  $(stat --format %s "$archive") bytes"
    done
    local site=$folder/doorlight-$version-www
    rm -rf "$site" "$site.zip"
    cp -r target/www/page "$site"
    find "$site" -exec touch --date=@315619200 {} +
    (cd "$site" && find . -type f | LC_ALL=C sort | TZ=UTC zip -q -X -9 "$site.zip" -@)
    echo "$(sha256sum "$site.zip" | cut -c1-64)  ${site#"$PWD/"}.zip  $(stat --format %s "$site.zip") bytes, and the same as a folder"
    say "Mozilla's linter"
    # A folder of its own: the linter brings two hundred packages that nothing else here needs.
    tools/packages tools/linter
    tools/linter/node_modules/.bin/addons-linter --no-config-discovery "target/extension/firefox"
}

# Licences, sources and bans are checked offline; advisories need their database. What became known about a dependency today is said, and fails nothing that did not
# change; with "strict" it does, so that nothing is packaged with it.
deny() {
    PATH=$PATH:$PWD/.tools/bin
    if ! command -v cargo-deny >/dev/null; then
        say "installing cargo-deny (some minutes, once)"
        # Not optimised: it runs for a second, and is built on each fresh machine.
        CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root .tools cargo-deny@0.20.2
    fi
    cargo deny --log-level error check bans licenses sources
    if timeout 60 cargo deny --log-level error fetch db >/dev/null 2>&1; then
        cargo deny --log-level error check --disable-fetch advisories ||
            { echo "advisories: FOUND, see above"; [[ ${1-} != strict ]]; }
    else
        echo "advisories: NOT CHECKED, their database could not be reached"
    fi
}

test_all() {
    setup_rust
    setup_wasm
    # The judge of the paths that the tests make at random.
    need openssl=openssl
    say "format and lints"
    cargo fmt --all --check
    cargo clippy --quiet --workspace --all-targets -- --deny warnings
    # The fuzzers are a workspace of their own, and go on compiling.
    cargo check --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}"
    say "licences and advisories"
    deny
    say "the web page's module and its size"
    tools/www target/www
    tools/wasm doorlight-passwords target/passwords
    say "tests"
    local log ignored=()
    log=$(mktemp)
    # Real material that is not part of the project; without it these tests are reported as ignored.
    export DOORLIGHT_CORPORA=${DOORLIGHT_CORPORA:-$PWD/../shared/corpora}
    [[ ! -d $DOORLIGHT_CORPORA ]] || ignored=(--include-ignored)
    DOORLIGHT_WASM=$PWD/target/www/module DOORLIGHT_PASSWORDS=$PWD/target/passwords cargo test --workspace --lib --bins --tests -- --show-output "${ignored[@]}" 2>&1 | tee "$log"
    say "the core without signatures of its own"
    cargo check --quiet --package doorlight --lib
    say "documentation"
    RUSTDOCFLAGS="--deny warnings" cargo doc --quiet --no-deps --workspace --lib
    say "all green"
    awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 } END { print passed " passed, " failed " failed, " ignored " ignored" }' "$log"
    rm "$log"
    build_for_browsers
    build_command_line
    test_browsers
    say "all green, browsers too"
}

# Chromium carries the list in its source. The newest version that the mirror has is taken.
renew_log_list() {
    need xz=xz-utils
    local folder options version found
    folder=$(mktemp -d)
    trap "rm -rf '$folder'" EXIT
    mkdir -p "$folder/lists/partial" "$folder/parts"
    if [[ -e /etc/apt/sources.list.d/debian.sources ]]; then
        sed 's/^Types: deb$/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$folder/parts/source.sources"
    else
        sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$folder/parts/source.list"
    fi
    options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$folder/parts" -o "Dir::State::lists=$folder/lists")
    apt-get "${options[@]}" update -qq
    cd "$folder"
    for version in $(apt-cache "${options[@]}" showsrc chromium | awk '/^Version:/ { print $2 }' | sort --version-sort --reverse --unique); do
        say "chromium $version"
        apt-get "${options[@]}" source --download-only -qq "chromium=$version" && break
        rm -f chromium_*
    done
    tar -xJf chromium_*.orig.tar.xz --wildcards '*/components/certificate_transparency/data/log_list.json'
    cd - >/dev/null
    found=$(find "$folder" -path '*/certificate_transparency/data/log_list.json')
    install -m 644 "$found" data/log_list.json
    grep -m1 log_list_timestamp data/log_list.json
    echo "now run ./build.sh test, and commit data/log_list.json"
}

# The last patch of each of the last 26 months, one question each. What is new is printed, and has to be read by somebody.
renew_advisories() {
    setup_rust
    need curl=curl jq=jq
    local folder index=https://pypi.org/pypi/homeassistant version silent=0 whole=(--whole)
    folder=$(mktemp -d)
    trap "rm -rf '$folder'" EXIT
    curl --fail --silent --show-error --proto =https --max-time 60 --output "$folder/newest.json" "$index/json" ||
        { echo "the index gave no answer to use: the table stays as it is" >&2; return 69; }
    for version in $(jq --raw-output '.releases | keys[] | select(test("^20[0-9]+[.][0-9]+[.][0-9]+$"))' "$folder/newest.json" |
        sort --version-sort | awk -F. '$1 "." $2 != month && NR > 1 { print last } { month = $1 "." $2; last = $0 } END { print last }' | tail -n 26); do
        curl --fail --silent --show-error --proto =https --max-time 60 --output "$folder/$version.json" "$index/$version/json" 2>/dev/null ||
            { silent=$((silent + 1)); whole=(); rm -f "$folder/$version.json"; }
        sleep 1
    done
    cargo run --quiet --package doorlight-cli -- advisories --table data/advisories.json "${whole[@]}" "$folder"/*.json
    ((silent == 0)) || echo "of $silent releases the index told nothing: NOT CHECKED, so the table keeps its date; a mirror may hold the newest alone"
    echo "now read what is new, run ./build.sh test, and commit data/advisories.json"
}

command=${1:-help}
(($# == 0)) || shift
case $command in
    run) run "$@" ;;
    test)
        test_all
        [[ ${1-} != home ]] || test_home ;;
    check) check ;;
    test-browsers)
        ((!$#)) || export DOORLIGHT_DRAFT=1
        build_for_browsers
        build_command_line
        test_browsers "$@" ;;
    test-home) build_for_browsers; test_home "$@" ;;
    package) package ;;
    soak) build_for_browsers; for browser in chromium firefox; do node tests/browser/soak.mjs "${1:-30}" "$browser"; done ;;
    races) build_for_browsers; node tests/browser/races.mjs "${1:-30}" ;;
    battery) build_for_browsers; DOORLIGHT_WRITE_BATTERY=1 node_test 1 tests/browser/battery.test.mjs ;;
    starts)
        build_for_browsers
        for browser in chromium firefox; do
            for how in starts crashes; do node tests/browser/count.mjs $how $browser "${1:-20}" || true; done
        done ;;
    screenshots) build_for_browsers; screenshots ;;
    bench) setup_rust; setup_wasm; need chromium=chromium /usr/include/openssl/ssl.h=libssl-dev; bench/run "$@"; build_for_browsers; node bench/extension.mjs; node bench/www.mjs ;;
    fuzz) setup_rust; fuzz/run "$@" ;;
    codes) setup_rust; cargo run --quiet --package doorlight-cli -- codes >docs/codes.md.new; mv docs/codes.md.new docs/codes.md ;;
    renew)
        case ${1:-} in
            log-list) renew_log_list ;;
            advisories) renew_advisories ;;
            samples) setup_rust; cargo run --quiet --package doorlight-lab --bin samples -- www/samples; echo "now run ./build.sh test, and commit www/samples" ;;
            *) usage >&2; exit 64 ;;
        esac ;;
    help | --help | -h) usage ;;
    *) usage >&2; exit 64 ;;
esac
