# CUPS' test printer in a network of its own: only loopback, its own message bus and announcer, which it insists on.
# Usage: unshare --net --mount --fork bash ippeveprinter.sh FOLDER COMMAND...
set -u
folder=$1
shift
python3 -c "
import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh', b'lo', 0x41))" # SIOCSIFFLAGS: up and running
mkdir -p /run/avahi-daemon "$folder/tls" "$folder/spool"
mount -t tmpfs tmpfs /run/avahi-daemon
cat > "$folder/bus.conf" <<CONF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=$folder/bus</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*"/><allow own="*"/><allow eavesdrop="true"/></policy></busconfig>
CONF
printf '[server]\nhost-name=test\nuse-ipv6=no\nallow-interfaces=lo\nenable-dbus=yes\n' > "$folder/avahi.conf"
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$folder/bus
dbus-daemon --config-file="$folder/bus.conf" --nofork --nopidfile 2> "$folder/bus.log" &
for _ in $(seq 100); do [ -S "$folder/bus" ] && break; sleep 0.05; done
avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$folder/avahi.conf" 2> "$folder/avahi.log" &
for _ in $(seq 100); do grep -q "startup complete" "$folder/avahi.log" && break; sleep 0.05; done
ippeveprinter -K "$folder/tls" -d "$folder/spool" -k -p 8631 -n localhost -r off -s 600 -f application/pdf Labels \
    > "$folder/printer.log" 2>&1 &
for _ in $(seq 100); do python3 -c "
import socket; socket.create_connection(('localhost', 8631), 1).close()" 2>/dev/null && break; sleep 0.1; done
"$@"
code=$?
kill $(jobs -p) 2>/dev/null
exit $code
