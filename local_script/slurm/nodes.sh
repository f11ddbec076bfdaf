# What the SLURM templates share. Sourced in the repository's root, by a template and again on every node.

# shellcheck source=local_script/launch.sh
source local_script/launch.sh
[[ -n "${SLURM_JOB_ID:-}" ]] || die "not in a job of SLURM: sbatch local_script/slurm/..."
CLUSTER_ENV="${CLUSTER_ENV:-local_script/slurm/cluster.env}"
# A mistake in it would end this shell without a word, or go unseen: a strict one reads it first, to its end.
# shellcheck disable=SC2016 # the other shell expands it
wrong="$(bash -euc 'trap "exit 1" EXIT; . "$1"; trap - EXIT' bash "${CLUSTER_ENV}" 2>&1 >/dev/null)" ||
  die "CLUSTER_ENV '${CLUSTER_ENV}' cannot be read: $(head -n 1 <<<"${wrong:-a command in it fails, or ends it}")"
set -a # all of it reaches what is started here
# shellcheck source=local_script/slurm/cluster.env
source "${CLUSTER_ENV}"
mapfile -t NODE_NAMES < <(scontrol show hostnames "${SLURM_JOB_NODELIST}")
NNODES="${#NODE_NAMES[@]}"
MASTER_ADDR="${MASTER_ADDR:-${NODE_NAMES[0]}}"
MASTER_PORT="${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 10000))}"
set +a
whole GRACE_SECONDS JOIN_SECONDS
JOB="${JOB_FOLDER:-${REPO_DIR}/outputs/slurm}/${SLURM_JOB_ID}"
readonly GRACE_SECONDS="${GRACE_SECONDS:-20}" # in which the other nodes may say, too, why they end

# on_nodes end|stay COMMAND...: a function of this file on every node at once. Where it fails on one, all end, or stay.
on_nodes() {
  local failing=(--kill-on-bad-exit=1)
  [[ "$1" == end ]] || failing=(--kill-on-bad-exit=0 --no-kill)
  # shellcheck disable=SC2016 # the node expands it
  srun --nodes="${NNODES}" --ntasks="${NNODES}" --ntasks-per-node=1 --cpu-bind=none "${failing[@]}" \
    bash -c 'cd "$1" && source local_script/slurm/nodes.sh && "${@:2}"' node "${REPO_DIR}" "${@:2}"
}

# check_nodes STAGE MODULE WORD...: ends the job before anything is loaded where a node is unlike the first: it has
# another commit or other packages, or lacks a path that the words name (a word, what is behind its `=`, the parts
# between commas) and the first node has.
check_nodes() {
  local word part parts paths=("${JOB}") line first name
  declare -A said
  printf 'variables of the cluster: %s (CLUSTER_ENV)\n' "${CLUSTER_ENV}"
  known_address
  mkdir -p "${JOB}" || die "JOB_FOLDER '${JOB%/*}' cannot be made"
  rm -f "${JOB}"/*
  for word in "${@:3}"; do
    IFS=, read -ra parts <<<"${word#*=}"
    for part in "${parts[@]}"; do
      [[ ! -e "${part}" ]] || paths+=("${part}")
    done
  done
  while IFS= read -r line; do
    [[ "${line}" != *$'\t'* ]] || said["${line%%$'\t'*}"]="${line#*$'\t'}"
  done < <(on_nodes stay node_facts "$1" "$2" "${paths[@]}")
  first="${said[${NODE_NAMES[0]}]:-}"
  for name in "${NODE_NAMES[@]}"; do
    line="${said[${name}]:-}"
    [[ -n "${line}" ]] || die "node '${name}' has not answered: are '${REPO_DIR}' and the file of CLUSTER_ENV there?"
    [[ "${line}" == "commit "* ]] || die "node '${name}': ${line}"
    [[ "${line}" == "${first}" ]] || die "node '${name}' has ${line}; node '${NODE_NAMES[0]}' has ${first}"
  done
}

# node_facts STAGE MODULE PATH...: a line: the node, and what has to be the same on all, or what is wrong with it.
node_facts() {
  local path wrong="" changes
  wrong="$(stage_python "$1" "$2" 2>&1)" || true
  for path in "${@:3}"; do
    [[ -n "${wrong}" || -e "${path}" ]] || wrong="'${path}' is not there"
  done
  if [[ -z "${wrong}" ]]; then
    stage_python "$1" "$2"
    changes="$(git diff HEAD 2>/dev/null | sha256sum | cut -c 1-8)"
    wrong="commit $(git rev-parse --short=12 HEAD 2>/dev/null || echo none) with changes ${changes}, packages $(
      "${PYTHON}" -c 'from importlib.metadata import distributions as found
print(*sorted({f"{one.name}=={one.version}" for one in found()}), sep="\n")' | sha256sum | cut -c 1-12
    )"
  fi
  printf '%s\t%s\n' "${SLURMD_NODENAME}" "${wrong#error: }"
}

# run_on_nodes COMMAND...: the launcher on every node, with its NODE_RANK; says last which node ended it.
run_on_nodes() {
  local name status worst="" culprit=""
  DRY_RUN=1 NODE_RANK=0 "$@" >/dev/null || exit # its checks here first: a mistake is told once, not by every node
  if on_nodes end node_run "$@"; then
    return
  fi
  # A process that was killed ends the others, which then fail by themselves, perhaps before it is seen.
  for name in $(cd "${JOB}" && ls -tr); do
    status="$(<"${JOB}/${name}")"
    [[ "${status}" != running && "${status}" != 0 ]] || continue
    if [[ -z "${culprit}" ]] || ((status > 128 && worst <= 128)); then
      culprit="${name}" worst="${status}"
    fi
  done
  [[ -n "${culprit}" ]] || die "no node said why it ended: srun names the one that is gone; submit it again to go on"
  ((worst != 2)) || exit 2 # it has said what is wrong
  printf "error: node '%s' ended the run, with status %d (see above); the same command goes on from what is saved\n" \
    "${culprit}" "${worst}" >&2
  exit 1
}

# node_run COMMAND...: notes how the command ended here.
node_run() {
  local status=0
  echo running >"${JOB}/${SLURMD_NODENAME}"
  NODE_RANK="${SLURM_PROCID}" "$@" || status=$?
  echo "${status}" >"${JOB}/${SLURMD_NODENAME}"
  ((status == 0 || status == 2)) || sleep "${GRACE_SECONDS}"
  exit "${status}"
}

# run_on_ray STAGE MODULE COMMAND...: the command on the first node, in a Ray cluster of all; ends as the command does,
# whatever srun says of a node that is gone.
run_on_ray() {
  on_nodes stay node_ray "$@" || true
  [[ -s "${JOB}/ended" ]] || die "node '${NODE_NAMES[0]}', the first, is gone; submit it again to go on"
  exit "$(<"${JOB}/ended")"
}

# node_ray STAGE MODULE COMMAND...: this node's part of the cluster, for as long as the command runs.
node_ray() {
  local ray flags start=(--block --disable-usage-stats "--node-name=${SLURMD_NODENAME}") status=0
  stage_python "$1" "$2"
  ray="$(dirname "$("${PYTHON}" -c 'import sys; print(sys.executable)')")/ray"
  read -ra flags <<<"${RAY_START_FLAGS:-}"
  export RAY_ADDRESS="${MASTER_ADDR}:${MASTER_PORT}"
  if ((SLURM_PROCID == 0)); then
    start+=(--head "--port=${MASTER_PORT}" --include-dashboard=false)
  else
    until "${ray}" health-check --address "${RAY_ADDRESS}" >/dev/null 2>&1; do
      [[ ! -e "${JOB}/ended" ]] || exit 0
      sleep 1
    done
    start+=("--address=${RAY_ADDRESS}")
  fi
  # The command has ended when Ray is told to: it need not wait for its nodes to fall idle.
  RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0 "${ray}" start "${start[@]}" "${flags[@]}" >"${JOB}/${SLURMD_NODENAME}.ray" 2>&1 &
  trap end_ray EXIT
  local deadline=$((SECONDS + ${JOIN_SECONDS:-300}))
  until ((SLURM_PROCID != 0)) || timeout 30 "${ray}" health-check --address "${RAY_ADDRESS}" >/dev/null 2>&1; do
    kill -0 $! 2>/dev/null || {
      echo 2 >"${JOB}/ended"
      die "node '${SLURMD_NODENAME}': Ray has not started, see '${JOB}/${SLURMD_NODENAME}.ray'"
    }
    ((SECONDS < deadline)) || {
      echo 2 >"${JOB}/ended"
      die "Ray of the first node does not answer at ${RAY_ADDRESS}: is MASTER_ADDR '${MASTER_ADDR}' that node, '${SLURMD_NODENAME}'?"
    }
  done
  if ((SLURM_PROCID != 0)); then
    while [[ ! -e "${JOB}/ended" ]] && kill -0 $! 2>/dev/null; do sleep 1; done
    [[ -e "${JOB}/ended" ]] || echo "node '${SLURMD_NODENAME}': Ray has ended here, see '${JOB}/${SLURMD_NODENAME}.ray'" >&2
  else
    if join_nodes; then
      "${@:3}" || status=$?
    else
      status=1
    fi
    echo "${status}" >"${JOB}/ended"
  fi
  exit "${status}"
}

# end_ray: ends this node's Ray, which would leave its address to the next `ray.init` here.
end_ray() {
  local left="${RAY_TMPDIR:-/tmp}/ray/ray_current_cluster"
  kill -TERM $! 2>/dev/null || true
  wait
  [[ ! -e "${left}" || "$(<"${left}")" != *":${MASTER_PORT}" ]] || rm -f "${left}"
}

# join_nodes: waits until every node is part of the cluster; names those that are not in time.
join_nodes() {
  "${PYTHON}" - "${JOIN_SECONDS:-300}" "${NODE_NAMES[@]}" <<'PYTHON'
import sys
import time

import ray

seconds, *names = sys.argv[1:]
deadline = time.monotonic() + float(seconds)
while True:
    try:
        ray.init(log_to_driver=False, logging_level="error", ignore_reinit_error=True)
        missing = set(names) - {node["NodeName"] for node in ray.nodes() if node["Alive"]}
    except ConnectionError:  # the head is starting
        missing = set(names)
    if not missing:
        break
    if time.monotonic() > deadline:
        sys.exit(f"error: node '{min(missing)}' has not joined the Ray cluster in {seconds} s")
    time.sleep(1)
PYTHON
}
