#!/bin/sh
# boot.sh ROOT: systemd as pid 1 of the Debian in ROOT. To be run as pid 1 of new mount, pid, uts, ipc and cgroup
# namespaces: nothing of the machine's own root, /tmp or /run is reached from within.
set -eu
root=$1

mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mkdir -p old
mount -t proc proc proc
# Read-only, as in every container: this systemd must not set what belongs to the machine.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for each in null zero full random urandom tty; do
    touch "dev/$each"
    mount --bind "/dev/$each" "dev/$each"
done
hostname framed-test
pivot_root . old
cd /
umount -l /old
exec env -i container=framed-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal \
    < /dev/null > /dev/null 2>&1
