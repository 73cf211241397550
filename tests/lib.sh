# shellcheck shell=bash
# What tests/run and the judges share. Sourced, never run.
# shellcheck disable=SC2034 # The variables are for those who source this.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-$root/target}
# Whatever is installed beside the system's packages lives here, so that `cargo clean` takes it away.
tools=$target/tools
mkdir -p "$tools"

# The judges run the programs that the tests built, so both must build in the same way.
if [ "${CI:-}" = true ]; then
    export CARGO_INCREMENTAL=0
fi

die() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

# need COMMAND PACKAGE: installs the Debian package unless its command is there already.
need() {
    command -v "$1" >/dev/null && return
    command -v apt-get >/dev/null || die "$1 is missing and this system has no apt-get to install it with"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "$1 is missing: install the package $2 as root, then run this again"
        as_root=(sudo)
    fi
    # RUNLEVEL=1 keeps a server's package from starting its service: the judges start their own.
    local install=(env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
        apt-get install --yes --quiet --no-install-recommends "$2")
    # The package lists of a fresh machine are empty or old: only then is an update worth its time.
    "${as_root[@]}" "${install[@]}" || {
        "${as_root[@]}" apt-get update --quiet
        "${as_root[@]}" "${install[@]}"
    }
    command -v "$1" >/dev/null || die "the package $2 brought no $1"
}

# python_packages FILE: installs the requirements that FILE lists; their interpreter is $python.
python=$tools/python/bin/python
python_packages() {
    need python3 python3
    [ -x "$python" ] || python3 -m venv "$tools/python"
    "$python" -m pip install --quiet --disable-pip-version-check --requirement "$1"
}

# node_packages PACKAGE@VERSION...: installs them, without their scripts, into $node_modules.
node_modules=$tools/node/node_modules
node_packages() {
    need node nodejs
    need npm npm
    mkdir -p "$tools/node"
    local package missing=()
    for package in "$@"; do
        local folder=$node_modules/${package%@*}
        if [ ! -e "$folder/package.json" ] ||
            [ "$(node -p 'require(process.argv[1]).version' "$folder/package.json")" != "${package##*@}" ]; then
            missing+=("$package")
        fi
    done
    [ "${#missing[@]}" -eq 0 ] ||
        npm install --prefix "$tools/node" --no-audit --no-fund --ignore-scripts --loglevel=error "${missing[@]}"
}
