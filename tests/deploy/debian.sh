#!/bin/bash
# The life of the package in a Debian that systemd runs: installed, served from, upgraded, purged. A service runs this; /report, a
# pipe, is told of each step, and /go says when to go on.
exec >/log 2>&1 3>/report
set -Eeux
# On standard error: it may be a substitution that fails.
trap 'journalctl --no-pager --lines=60 >&2; echo "failed at line $LINENO" >&3; systemctl --no-block poweroff' ERR

# All files but what changes by itself, as logs do, and what dpkg knows.
files() { find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/tmp -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/lib/systemd \) -prune -o -print | sort; }
install() { apt-get install -y -o Dpkg::Options::=--force-confold "$1"; }
program() { readlink "/proc/$(systemctl show -p MainPID --value workerd)/exe"; }

files >/tmp/before
# A port that the other side has chosen.
mkdir -p /etc/default && cp /workerd.default /etc/default/workerd
install /1.deb
[ "$(systemctl is-enabled workerd)" = enabled ]
[ "$(systemctl is-active workerd)" = active ]
[ "$(systemctl is-enabled workerd.socket || true)" = disabled ]
systemd-analyze verify --man=no --recursive-errors=no /usr/lib/systemd/system/workerd.service /usr/lib/systemd/system/workerd.socket
systemd-analyze security --threshold=20 workerd >/dev/null
[ "$(stat -c %U /run/workerd/admin.sock)" = workerd ]
# Of the sandbox that this kernel has, the unit leaves nothing out.
if workerd doctor | grep -q '^ok .*Landlock'; then
    mkdir /etc/systemd/system/workerd.service.d
    printf '[Service]\nExecStartPre=/usr/bin/workerd doctor\n' >/etc/systemd/system/workerd.service.d/doctor.conf
    systemctl daemon-reload
    systemctl restart workerd
    rm -r /etc/systemd/system/workerd.service.d
    systemctl daemon-reload
fi
pid=$(systemctl show -p MainPID --value workerd)
grep -x 'CapEff:	0000000000000000' "/proc/$pid/status"
grep -x 'Seccomp:	2' "/proc/$pid/status"
bash -nc '. /usr/share/bash-completion/completions/workerd'
echo installed >&3
read -r _ </go
for _ in 1 2 3; do systemctl reload workerd; done
echo reloaded >&3
read -r _ </go
old=$(sha256sum </usr/bin/workerd)
install /2.deb
[ "$(program)" = /usr/bin/workerd ]
[ "$(systemctl show -p MainPID --value workerd)" = "$pid" ]
[ "$(sha256sum </usr/bin/workerd)" = "$old" ]
echo upgraded >&3
read -r _ </go
# Instances are others: they have users and folders of their own.
sed 's/127.0.0.1:8080/unix:\/run\/workerd-other\/http/' /etc/workerd/config.capnp >/etc/workerd/other.capnp
systemctl enable --now workerd@other
[ "$(stat -c %u /run/workerd-other/http)" != "$(id -u workerd)" ]
[ "$(stat -c %u /run/workerd-other/http)" -gt 0 ]
rm /etc/workerd/other.capnp
apt-get purge -y workerd
[ "$(systemctl is-active workerd workerd@other || true)" = "$(printf 'inactive\ninactive')" ]
files >/tmp/after
diff /tmp/before /tmp/after
[ -z "$(getent passwd workerd || true)" ]
echo purged >&3
systemctl --no-block poweroff
