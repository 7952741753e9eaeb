# For the scripts of this folder: 'check WHAT COMMAND…' counts what passes and what fails, and tells the latter with
# what the command printed; 'within SECONDS COMMAND…' tries until it holds.
# shellcheck shell=sh
passed=0
failed=0

check() {
    what=$1
    shift
    if said=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s: %s\n%s\n' "$what" "$*" "$said"
    fi
}

within() {
    tries=$(($1 * 10))
    shift
    while [ "$tries" -gt 0 ]; do
        ! "$@" >/dev/null 2>&1 || return 0
        tries=$((tries - 1))
        sleep 0.1
    done
    "$@"
}

is() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "'$1' has no '$2'"; return 1 ;; esac; }
no() { ! "$@"; }
