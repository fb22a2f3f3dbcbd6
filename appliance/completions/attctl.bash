# shellcheck shell=bash
# Read at the first TAB after attctl: what it completes is said by the release that runs then.
eval "$(attctl completion bash)"
