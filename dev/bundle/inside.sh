#!/bin/sh
# Runs a command in a build root, within the namespaces that unshare made: inside.sh ROOT RELEASES BUILD TOOL [VAR=value...] COMMAND...
set -eu
root=$1 releases=$2 build=$3 tool=$4
shift 4
mount --bind "$root" "$root"
mount --bind "$releases" "$root/opt/att/releases"
mount --bind "$build" "$root/build"
mount -o remount,bind,ro "$root/build"
mount --bind "$tool" "$root/mnt/tool"
mount -o remount,bind,ro "$root/mnt/tool"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 TZ=UTC "$@"
