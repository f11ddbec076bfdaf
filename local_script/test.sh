#!/usr/bin/env bash
# Every check and test, each in the environment it needs; environments are built where missing.
# `fast` leaves out the tests that need a host.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"

[[ $# -eq 0 || ("$1" == "fast" && $# -eq 1) ]] || die "usage: bash local_script/test.sh [fast]"
readonly STAGE_MINUTES=40 # GRPO's tests alone took 28 on two cores with other work beside them

cd "${REPO_DIR}"
exec </dev/null
unset PYTHONDONTWRITEBYTECODE # the hosts are imported in dozens of processes: compiled once, that takes a third
WORK="$(mktemp -d)"
BESIDE="" # the process that runs tests beside the others
trap '[[ -z "${BESIDE}" ]] || pkill -P "${BESIDE}" || true; rm -rf "${WORK}"' EXIT
: >"${WORK}/failed"

# section NAME COMMAND...: runs it, and prints one line with its time; a failure is noted, and the rest still runs.
section() {
  local name="$1" start="${SECONDS}" verdict="ok" status=0
  shift
  printf '\n== %s\n' "${name}"
  "$@" || status=$?
  if ((status != 0)); then
    verdict="FAILED (exit status ${status})"
    printf '%s\n' "${name}" >>"${WORK}/failed" # a file: half of the sections run in a process of their own
  fi
  printf '== %s: %s, %d s\n' "${name}" "${verdict}" "$((SECONDS - start))"
  return "${status}"
}

# run_pytest STAGE ARGUMENT...: pytest in the stage's environment. No test collected is a failure: its status 5 stays.
run_pytest() {
  local stage="$1"
  shift
  timeout --kill-after=30 "${STAGE_MINUTES}m" \
    ".venvs/${stage}/bin/python" -m pytest -q --durations=12 --junitxml="${WORK}/${stage}.xml" "$@"
}

# host_tests [STAGE]: the test files that need a host, or this one. The others could not even import them.
host_tests() {
  grep -rlE --include="test_*.py" "pytest\.mark\.${1:-(sft|rl|eval)}\b" tests || true
}

# whole_file_host_tests: of these, the ones of which every test needs the host.
whole_file_host_tests() {
  grep -rlE --include="test_*.py" "^pytestmark = .*pytest\.mark\.(sft|rl|eval)\b" tests || true
}

# install_chromium: a browser for the tests of the report's page, where packages may be installed; else it says so.
install_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "${name}" >/dev/null; then
      printf '%s\n' "${name} is there"
      return
    fi
  done
  if [[ "${EUID}" == 0 ]] && command -v apt-get >/dev/null; then
    local install=(env DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -qq -y --no-install-recommends chromium)
    "${install[@]}" >"${WORK}/chromium.log" 2>&1 ||
      { timeout 300 apt-get update -qq && "${install[@]}"; } >"${WORK}/chromium.log" 2>&1 || tail -n 1 "${WORK}/chromium.log"
  fi
  if command -v chromium >/dev/null; then
    printf 'chromium is installed\n'
  else
    printf 'no Chromium, and none can be installed here: the tests of the report in a browser are skipped\n'
  fi
}

# summary: adds up what every pytest run reported.
summary() {
  .venvs/dev/bin/python - "${WORK}/failed" "${WORK}"/*.xml <<'PYTHON'
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

failed_sections, *reports = map(Path, sys.argv[1:])
total = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
for report in filter(Path.is_file, reports):
    for suite in ElementTree.parse(report).iter("testsuite"):
        for name in total:
            total[name] += int(suite.get(name, 0))
failed = total["failures"] + total["errors"]
passed = total["tests"] - failed - total["skipped"]
# A section may fail without a failed test: a check, a build, a run that collected nothing or never ended.
failed = max(failed, len(failed_sections.read_text().splitlines()))
print(f"{passed} passed, {failed} failed, {total['skipped']} skipped")
PYTHON
}

section "environment dev" bash local_script/setup_env.sh dev || die "the dev environment could not be built"
BIN=".venvs/dev/bin"
section "ruff check" "${BIN}/ruff" check . || true
section "ruff format" "${BIN}/ruff" format --check . || true
section "mypy" "${BIN}/mypy" || true
section "shellcheck" "${BIN}/shellcheck" --shell=bash --external-sources --source-path=SCRIPTDIR \
  local_script/*.sh local_script/slurm/*.sh benchmarks/*.sh tests/support/slurm/* .ci/run || true

section "browser" install_chromium || true

# host_stage STAGE: the tests that need its host; `section` notes a failure, and the rest still runs.
host_stage() {
  local files
  mapfile -t files < <(host_tests "$1")
  section "tests in $1" run_pytest "$1" -m "$1" "${files[@]}" || true
}

# last_stage: the tests of SFT, once: by whichever half has ended first.
last_stage() {
  mkdir "${WORK}/last" 2>/dev/null || return 0
  host_stage sft
}

if [[ "${1:-}" != "fast" ]]; then
  for stage in sft rl eval; do # all before any test: `videokr parity` asks all three
    section "environment ${stage}" bash local_script/setup_env.sh "${stage}" --cpu || die "it could not be built"
  done
  # GRPO's processes wait for each other half of the time: its tests run beside the others, and are shown last.
  set -m # without it, bash would have what it starts beside ignore Ctrl-C, which tests send
  { host_stage rl && last_stage; } >"${WORK}/beside.log" 2>&1 &
  BESIDE="$!"
  set +m
fi
mapfile -t elsewhere < <(whole_file_host_tests)
section "tests without a host" run_pytest dev -m "not sft and not rl and not eval" "${elsewhere[@]/#/--ignore=}" || true
if [[ "${1:-}" != "fast" ]]; then
  host_stage eval
  last_stage
  printf '\n... what ran beside\n'
  wait "${BESIDE}" || printf 'what ran beside ended by itself\n' >>"${WORK}/failed"
  BESIDE=""
  cat "${WORK}/beside.log"
fi

printf '\n%d s in all\n' "${SECONDS}"
summary
[[ ! -s "${WORK}/failed" ]]
