"""What the processes of a server use: processor time and memory of whole trees, from /proc."""

import os
import socket

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """The fields of /proc/PID/stat behind the program's name; None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def tree(roots):
    """The process ids of these processes and all below them."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        if (stat := _stat(name)) is not None:
            children.setdefault(int(stat[1]), []).append(int(name))
    found, left = [], list(roots)
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def cpu_seconds(roots):
    """User and system time of the trees so far; of children that have ended, too, if they were waited for."""
    stats = [stat for stat in map(_stat, tree(roots)) if stat is not None]
    return sum(sum(map(int, stat[11:15])) for stat in stats) / TICKS_PER_SECOND


def busiest_thread_seconds(pid):
    """How long the process's busiest thread has run, or could have run but for want of a processor."""
    times = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            ran, waited, _slices = map(int, file.read().split())
            times.append((ran + waited) / 1e9)
    return max(times)


def pss_kib(roots):
    """Memory of the trees: what several share is divided by them."""
    total = 0
    for pid in tree(roots):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            continue
    return total


def machine_cpu_seconds():
    """Seconds that all processors of the machine were busy so far."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _wait, irq, soft_irq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + soft_irq + steal) / TICKS_PER_SECOND


def free_ports(count):
    """Ports of 127.0.0.1 that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports
