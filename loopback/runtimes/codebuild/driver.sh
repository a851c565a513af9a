# The one shell of a build. It reads "number succeeding" lines from descriptor 9, sources the command file of that number
# and answers "begun number 0", then "done number status", on descriptor 8. When a command has ended the shell, the next one takes up what this
# one has kept: folder, exported variables, options. $1 is the folder of the command files.
# Commands may set any option: what is written here holds with -e, -u, -f, -x, -C and with another IFS.
__cb=$1
shift
__cb_keep() {
    { export -p; set +o; printf '__cb_flags=%s\n' "$__cb_flags"; } >|"$__cb/state" 2>/dev/null
    printf '%s\n' "$PWD" >|"$__cb/folder"
}
__cb_flags=$-
if [ -f "$__cb/state" ]; then
    . "$__cb/state"
    IFS= read -r __cb_folder <"$__cb/folder" && cd "$__cb_folder"
fi
trap '{ __cb_flags=$-; set +ex; __cb_keep; } 2>/dev/null' EXIT
while IFS=" " read -r __cb_number __cb_succeeding <&9; do
    printf 'begun %s 0\n' "$__cb_number" >&8
    CODEBUILD_BUILD_SUCCEEDING=$__cb_succeeding
    export CODEBUILD_BUILD_SUCCEEDING
    case $__cb_flags in *e*) set -e ;; esac
    case $__cb_flags in *x*) set -x ;; esac
    . "$__cb/$__cb_number" 8>&- 9<&-
    { __cb_status=$?; __cb_flags=$-; set +ex; } 2>/dev/null
    __cb_keep
    printf 'done %s %s\n' "$__cb_number" "$__cb_status" >&8
done
