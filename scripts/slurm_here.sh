#!/usr/bin/env bash
# A Slurm cluster on this machine alone, for tests and to try things out: a controller and a few nodes of one core each.
#
#     scripts/slurm_here.sh start FOLDER [NODES]     # 4 nodes; prints what to export
#     scripts/slurm_here.sh restart FOLDER           # the controller anew, with what it knew
#     scripts/slurm_here.sh stop FOLDER
#
# Needs Debian's slurm-wlm and munge, and no other rights than to run them. All files are in FOLDER.
set -euo pipefail

action=${1:?start, restart or stop}
mkdir -p "${2:?a folder}"
folder=$(cd "$2" && pwd)
nodes=${3:-4}
export SLURM_CONF=$folder/slurm.conf
export PATH=$PATH:/usr/sbin

configure() {
    local user host first
    user=$(id -un)
    host=$(hostname -s)
    # Ports that no cluster of another folder has, most likely.
    first=$((20000 + $(printf %s "$folder" | cksum | cut -d' ' -f1) % 20000))
    cat >"$SLURM_CONF" <<EOF
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
CredType=cred/munge
SlurmctldPort=$first
SlurmctldPidFile=$folder/slurmctld.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdPidFile=$folder/%n.pid
SlurmdLogFile=$folder/%n.log
SlurmdSpoolDir=$folder/spool/%n
StateSaveLocation=$folder/state
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/linear
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,sched_interval=2,bf_interval=2
MessageTimeout=60
JobRequeue=1
ReturnToService=2
KillWait=10
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((first + 1))-$((first + nodes))] CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
}

start_munge() {
    if [ ! -e "$folder/munge.key" ]; then
        (umask 077 && head -c 1024 /dev/urandom >"$folder/munge.key")
    fi
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"
}

# Ends the process of a file, and waits for it.
end() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
}

wait_for_nodes() {
    for _ in $(seq 300); do
        if [ "$(sinfo --noheader --Node --states=idle,alloc --format=%N 2>/dev/null | sort -u | wc -l)" -ge "$1" ]; then
            return 0
        fi
        sleep 0.1
    done
    echo "the nodes did not come up within 30 s; $folder/slurmctld.log and $folder/n1.log say why" >&2
    return 1
}

case $action in
start)
    mkdir -p "$folder/state" "$folder/spool"
    configure
    start_munge
    slurmctld
    for node in $(seq "$nodes"); do
        mkdir -p "$folder/spool/n$node"
        slurmd -N "n$node"
    done
    wait_for_nodes "$nodes"
    echo "export SLURM_CONF=$SLURM_CONF"
    ;;
restart)
    end "$folder/slurmctld.pid"
    slurmctld
    ;;
stop)
    # What still runs would outlive its node.
    timeout 10 scancel --user="$(id -un)" 2>/dev/null || true
    sleep 1
    for pid in "$folder"/n*.pid "$folder/slurmctld.pid" "$folder/munged.pid"; do
        end "$pid"
    done
    ;;
*)
    echo "unknown action $action: start, restart or stop" >&2
    exit 2
    ;;
esac
