# What the launchers share. Sourced, not run; a launcher's --help is the comment at its head.

case "${1:-}" in
  -h | --help)
    sed -n '2,/^set /{/^#SBATCH/d;/^#/s/^# \{0,1\}//p}' "$0"
    exit 0
    ;;
esac

REPO_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# Ends with the user's mistake in one line and exit status 2.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

# is_on NAME: whether a switch (a variable's name) is on. Takes 0, 1, false, true; anything else is a mistake.
is_on() {
  case "${!1:-0}" in
    1 | true | True) return 0 ;;
    0 | false | False) return 1 ;;
    *) die "$1 is '${!1}': 0 or 1" ;;
  esac
}

# vLLM has some functions compiled whatever it is told. On a CPU that takes longer than it saves, and needs a C++ compiler.
if is_on VIDEOKR_CPU; then
  export TORCH_COMPILE_DISABLE=1
fi

# numeric NAME...: each variable, where set, is a number.
numeric() {
  local name
  for name in "$@"; do
    [[ -z "${!name:-}" || "${!name}" =~ ^([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$ ]] || die "${name} is '${!name}': a number is needed"
  done
}

# positive NAME...: each variable, where set, is a number above 0.
positive() {
  local name
  numeric "$@"
  for name in "$@"; do
    [[ -z "${!name:-}" || "${!name}" =~ ^[0.]*[1-9] ]] || die "${name} is '${!name}': a number above 0 is needed"
  done
}

# whole NAME...: each variable, where set, is a whole number of at least 1.
whole() {
  local name
  for name in "$@"; do
    [[ -z "${!name:-}" || "${!name}" =~ ^0*[1-9][0-9]*$ ]] || die "${name} is '${!name}': a whole number of at least 1 is needed"
  done
}

# stage_python STAGE MODULE: sets PYTHON to the stage's interpreter: VIDEOKR_PYTHON, else the environment that
# setup_env.sh built, else python3. The host's module must be importable there. Refuses what the fast path to videos
# could not use.
stage_python() {
  local stage="$1" module="$2" built="${REPO_DIR}/.venvs/$1/bin/python"
  # Two releases of vLLM that share a cache throw each other's entries away, and look at the model's class anew: ten seconds.
  [[ -z "${HOME:-}" ]] || export VLLM_CACHE_ROOT="${VLLM_CACHE_ROOT:-${XDG_CACHE_HOME:-${HOME}/.cache}/vllm/${stage}}"
  [[ "${VIDEOKR_FAST_VIDEO:-1}" =~ ^[01]$ ]] || die "VIDEOKR_FAST_VIDEO is '${VIDEOKR_FAST_VIDEO}': 0 or 1"
  [[ -z "${VIDEOKR_PROXIES:-}" || -d "${VIDEOKR_PROXIES}" ]] ||
    die "VIDEOKR_PROXIES '${VIDEOKR_PROXIES}' is no folder: videokr proxy build makes one"
  if [[ -n "${VIDEOKR_PYTHON:-}" ]]; then
    PYTHON="${VIDEOKR_PYTHON}"
  elif [[ -x "${built}" ]]; then
    PYTHON="${built}"
  else
    PYTHON="$(command -v python3)" || die "no python3; run: bash local_script/setup_env.sh ${stage}"
  fi
  command -v "${PYTHON}" >/dev/null || die "VIDEOKR_PYTHON '${PYTHON}' is not there; run: bash local_script/setup_env.sh ${stage}"
  is_on DRY_RUN && return
  "${PYTHON}" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('${module}') is None)" ||
    die "${PYTHON} has no ${module}; run: bash local_script/setup_env.sh ${stage}"
}

# known_address: refuses a MASTER_ADDR that this machine cannot find, for which torchrun and Ray would try for minutes.
known_address() {
  getent ahosts "${MASTER_ADDR}" >/dev/null || die "MASTER_ADDR is '${MASTER_ADDR}': no machine of that name is known here"
}

# torchrun_nodes: sets NODES to the words by which torchrun finds its nodes; one node alone takes any free port.
torchrun_nodes() {
  whole NNODES MASTER_PORT
  numeric NODE_RANK
  if [[ ! "${NODE_RANK:-0}" =~ ^[0-9]+$ ]] || ((10#${NODE_RANK:-0} >= 10#${NNODES:-1})); then
    die "NODE_RANK is '${NODE_RANK}': of ${NNODES:-1} nodes the ranks are whole numbers from 0"
  fi
  ((10#${MASTER_PORT:-29500} <= 65535)) || die "MASTER_PORT is '${MASTER_PORT}': a port is at most 65535"
  [[ "${NNODES:-1}" == 1 || (-n "${NODE_RANK:-}" && -n "${MASTER_ADDR:-}") ]] ||
    die "NNODES is ${NNODES}: NODE_RANK (0, 1, ...) and MASTER_ADDR (the node with rank 0) are needed on every node"
  [[ "${NNODES:-1}" == 1 ]] || known_address
  # shellcheck disable=SC2034 # the launchers read it
  NODES=(--standalone)
  if [[ "${NNODES:-1}" != 1 || -n "${MASTER_PORT:-}" ]]; then
    # shellcheck disable=SC2034
    NODES=(
      --nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}"
      --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${MASTER_PORT:-29500}"
    )
  fi
}

# print_command ARG...: the command as it can be typed; under DRY_RUN=1 nothing follows.
print_command() {
  printf '+'
  printf ' %q' "$@"
  printf '\n'
  if is_on DRY_RUN; then
    exit 0
  fi
}

# cpu_dtype MODEL: what vLLM computes in on a CPU: Gated DeltaNet in bfloat16 alone. What is wrong with a model is said later.
cpu_dtype() {
  case "$("${PYTHON}" -m videokr.family "$1" 2>/dev/null)" in
    *": qwen3_5") echo bfloat16 ;;
    *) echo float32 ;;
  esac
}
