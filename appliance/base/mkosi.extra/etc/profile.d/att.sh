# shellcheck shell=sh
# Who sits at an operator's shell may do everything: one that is left alone for half an hour ends.
export TMOUT=1800
