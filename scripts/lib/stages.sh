# shellcheck shell=bash
# Stages of a long run: each is timed, its output kept, and shown where it failed.
# Neighbour: test.
# shellcheck disable=SC2034 # STAGE_OK is read by test

STAGE_LOG=$ROOT/target/test-log
declare -a STAGE_ROWS=()
STAGES_FAILED=0
STAGES_SKIPPED=0
STAGE_OK=1  # whether the last one passed
STAGE_WANTED=() # names given on the command line; none means all

wanted() {
    local name
    [ ${#STAGE_WANTED[@]} -gt 0 ] || return 0
    for name in "${STAGE_WANTED[@]}"; do [ "$name" != "$1" ] || return 0; done
    return 1
}

# stage NAME COMMAND...: goes on after a failure, which the end reports; never call it
# where bash ignores -e (after "if", before "||"), or failures inside would be ignored too.
# A command that returns 99 had a reason not to run; its last line says which.
stage() {
    local name=$1 start=$SECONDS code=0 log word
    shift
    STAGE_OK=1
    wanted "$name" || return 0
    log=$STAGE_LOG/$name.log
    mkdir -p "$STAGE_LOG"
    printf '\n== %s\n' "$name"
    # In a subshell of its own, so that -e holds inside and "exit" ends the stage only.
    set +e
    (
        set -e
        "$@"
    ) </dev/null >"$log" 2>&1
    code=$?
    set -e
    case $code in
    0)
        word=ok
        # Runners end with a line that says how many tests ran.
        grep -aE '^ *(Summary|Starting) \[?|^test result:|^[0-9]+ passed, |^xtask: |^crash points: |^(vm|vm-ota|vm-uboot|build|setup|static): |^total  ' "$log" | tail -n 12 || true
        ;;
    99)
        word=skipped
        STAGES_SKIPPED=$((STAGES_SKIPPED + 1))
        tail -n 1 "$log"
        ;;
    *)
        word=FAILED
        STAGES_FAILED=$((STAGES_FAILED + 1))
        tail -n 200 "$log"
        printf 'test: stage %s failed with %s; all of it is in %s\n' "$name" "$code" "${log#"$ROOT"/}"
        ;;
    esac
    STAGE_ROWS+=("$(printf '%-12s %-8s %5d s' "$name" "$word" $((SECONDS - start)))")
    printf '%s: %s, %d s\n' "$name" "$word" $((SECONDS - start))
    [ "$word" != FAILED ] || STAGE_OK=''
}

skip() {
    echo "skipped: $*"
    exit 99
}

# both NAME-A COMMAND-A -- NAME-B COMMAND-B: two functions at once, fails where either does.
both() {
    local first=() code=0 pids=() pid
    while [ "$1" != -- ]; do
        first+=("$1")
        shift
    done
    shift
    "${first[@]}" &
    pids+=("$!")
    "$@" &
    pids+=("$!")
    for pid in "${pids[@]}"; do wait "$pid" || code=$?; done
    return "$code"
}

stages_end() {
    local total=${#STAGE_ROWS[@]}
    printf '\n%-12s %-8s %7s\n' stage result time
    printf '%s\n' "${STAGE_ROWS[@]}"
    printf '%-12s %-8s %5d s\n\n' total '' "$SECONDS"
    printf 'stages: %d passed, %d failed, %d skipped\n' \
        $((total - STAGES_FAILED - STAGES_SKIPPED)) "$STAGES_FAILED" "$STAGES_SKIPPED"
    [ "$STAGES_FAILED" = 0 ]
}
