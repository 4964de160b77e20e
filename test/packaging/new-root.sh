# Sourced: makes "$root", a copy of this machine's root that forgets everything, with no Node, no network and nothing of
# this checkout. The process must have namespaces of its own.
work=$(mktemp -d)
root=$work/root
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$root"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/work" 2>/dev/null || true
ip link set lo up
for node in $(type -ap node npm); do rm -f "$root$node"; done
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# The pages of all manuals are not listed again for those of one package.
rm -f "$root/var/lib/man-db/auto-update"
