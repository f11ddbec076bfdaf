#!/usr/bin/env bash
# The whole job on a CPU, small but real: data, SFT, GRPO, merge, evaluation, one table.
#   bash local_script/demo.sh [qwen3vl|qwen3vl_moe|qwen2_5vl|qwen3_5|qwen3_5_moe] [agentic]
# agentic: dialogues that look again (docs/dialogues.md), of videos of a minute of which a second is asked about.
# A finished stage is not run again; DEMO_DIR (outputs/demo) and SEED (0) choose another run. Ctrl-C stops everything.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
cd "${REPO_DIR}"

FAMILY="${1:-qwen3vl}"
[[ "${FAMILY}" =~ ^(qwen2_5vl|(qwen3vl|qwen3_5)(_moe)?)$ ]] ||
  die "unknown family '${FAMILY}': qwen2_5vl, qwen3vl, qwen3vl_moe, qwen3_5 or qwen3_5_moe"
RECIPE="${2:-}"
[[ -z "${RECIPE}" || "${RECIPE}" == agentic ]] || die "unknown recipe '${RECIPE}': agentic, or none"
SEED="${SEED:-0}"
RUN="${DEMO_DIR:-${REPO_DIR}/outputs/demo}/${FAMILY}${RECIPE:+-${RECIPE}}-seed${SEED}"
CORPUS="${RUN}/corpus" DATA="${RUN}/data" MODEL="${RUN}/base" SFT="${RUN}/sft" GRPO="${RUN}/grpo" MERGED="${RUN}/merged"
STAGES=10 NUMBER=0 CLIPS=clips SAMPLING=max_new_tokens=96
# Dialogues are drawn as rollouts are: a greedy answer would show which of two ways is the commoner, and not how common.
[[ -z "${RECIPE}" ]] || STAGES=9 CLIPS=long_clips SAMPLING=max_new_tokens=128,temperature=1,top_p=1
mkdir -p "${RUN}/logs"
exec 9>"${RUN}/.lock"
flock --nonblock 9 || die "another demo is at work in '${RUN}'"

unset PYTHONDONTWRITEBYTECODE # a dozen processes import the same hosts: compiled once, that takes a third
export VIDEOKR_CPU=1 HF_HUB_OFFLINE=1 HF_DATASETS_CACHE="${RUN}/cache" TOKENIZERS_PARALLELISM=false
# Every process of a stage carries this mark, so that none is left behind: Ray and vLLM start sessions of their own.
MARK="videokr-demo-$$-${RANDOM}"

# marked: the processes that a stage started.
marked() {
  grep -lzsx "VIDEOKR_DEMO_MARK=${MARK}" /proc/[0-9]*/environ | grep -o '[0-9]\+' || true
}

# sweep: ends what a stage left running.
sweep() {
  local signal
  for signal in TERM KILL; do
    mapfile -t left < <(marked)
    ((${#left[@]})) || return 0
    kill -s "${signal}" "${left[@]}" 2>/dev/null || true
    for _ in $(seq 20); do
      [[ -n "$(marked)" ]] || return 0
      sleep 0.25
    done
  done
}
trap sweep EXIT
trap 'printf "\ninterrupted; run it again to go on from here\n" >&2; exit 130' INT TERM

# stage NAME WHAT COMMAND...: runs it unless it is done, its output in logs/NAME.log, one line of progress.
stage() {
  local name="$1" what="$2" log="${RUN}/logs/$1.log" start="${SECONDS}" status=0 line
  shift 2
  NUMBER=$((NUMBER + 1))
  if [[ -e "${RUN}/.done-${name}" ]]; then
    printf '[%d/%d] %s: done before\n' "${NUMBER}" "${STAGES}" "${what}"
    return
  fi
  printf '[%d/%d] %s ...\n' "${NUMBER}" "${STAGES}" "${what}"
  VIDEOKR_DEMO_MARK="${MARK}" "$@" >"${log}" 2>&1 9>&- &
  local job=$!
  while kill -0 "${job}" 2>/dev/null; do
    sleep 1
    if [[ -t 1 ]]; then
      line="$(tail -c 400 "${log}" | tr '\r' '\n' | grep -v '^ *$' | tail -n 1 | cut -c 1-100 || true)"
      printf '\r\033[K      %4d s  %s' "$((SECONDS - start))" "${line}"
    fi
  done
  [[ ! -t 1 ]] || printf '\r\033[K'
  wait "${job}" || status=$?
  sweep
  if ((status)); then
    tail -n 15 "${log}" >&2
    printf 'error: %s failed with status %d; its whole output is in %s\n' "${what}" "${status}" "${log}" >&2
    exit "$((status == 2 ? 2 : 1))"
  fi
  touch "${RUN}/.done-${name}"
  printf '      %4d s\n' "$((SECONDS - start))"
}

# in_env STAGE COMMAND...: the command with that environment's Python in front.
in_env() {
  local python="${REPO_DIR}/.venvs/$1/bin/python"
  shift
  "${python}" "$@"
}

prepare() {
  local stage kind=("${FAMILY%_moe}")
  [[ "${FAMILY}" != *_moe ]] || kind+=(--moe)
  for stage in sft rl eval; do
    bash local_script/setup_env.sh "${stage}" --cpu
  done
  [[ -e "${CORPUS}" ]] || in_env sft -m "data_prep.demo.${CLIPS}" --output "${CORPUS}" --seed "${SEED}"
  rm -rf "${MODEL}"
  in_env sft -m data_prep.demo.tiny_model "${kind[@]}" --data "${CORPUS}/sft.jsonl" --output "${MODEL}" --seed "${SEED}"
}

# noted COMMAND...: a verb that ends with status 3 where it found something to tell; the demo goes on.
noted() {
  "$@" || (($? == 3))
}

# prepare_data: from somebody's own tables to the rows of both hosts; the verbs of README, "Data".
prepare_data() {
  local split videokr=(in_env rl -m videokr) own=("${DATA}/own/sft.jsonl" "${DATA}/own/rl.jsonl")
  local columns=(--column id=name --column question=asked --column answer=key --column video=clip)
  rm -rf "${DATA}"
  "${videokr[@]}" import "${CORPUS}/sft.csv" --videos "${CORPUS}" --output "${own[0]}" "${columns[@]}" --column think=why
  "${videokr[@]}" import "${CORPUS}/rl.csv" --videos "${CORPUS}" --output "${own[1]}" "${columns[@]}"
  "${videokr[@]}" check --data "${own[@]}" --videos "${CORPUS}" --level probe --manifest "${DATA}/manifest.parquet"
  noted "${videokr[@]}" lint --data "${own[@]}" "${CORPUS}/eval.jsonl" --json "${DATA}/lint.json"
  for split in sft rl; do
    "${videokr[@]}" decontaminate --train "${DATA}/own/${split}.jsonl" --videos "${CORPUS}" \
      --eval "${CORPUS}/eval.jsonl" --output "${DATA}/clean/${split}"
  done
  "${videokr[@]}" stats --data "${DATA}"/clean/{sft/sft,rl/rl}.jsonl --manifest "${DATA}/manifest.parquet" \
    --model "${MODEL}" --output "${DATA}/stats"
  "${videokr[@]}" prepare sft --input "${DATA}/clean/sft/sft.jsonl" --output "${DATA}/videokr_train.json" \
    --media-dir "${CORPUS}" --manifest "${DATA}/manifest.parquet" --no-rationale answer-only
  "${videokr[@]}" prepare rl --val-size 8 --seed "${SEED}" --input-json "${DATA}/clean/rl/rl.jsonl" \
    --video-base-dir "${CORPUS}" --manifest "${DATA}/manifest.parquet" --together "${DATA}/clean/rl/together.jsonl" \
    --output-dir "${DATA}/rl"
}

# prepare_dialogues: the rows of both hosts, in which the system turn tells of the tool.
prepare_dialogues() {
  local videokr=(in_env rl -m videokr)
  rm -rf "${DATA}"
  "${videokr[@]}" check --data "${CORPUS}"/{sft,plain,rl}.jsonl --videos "${CORPUS}" --level probe --manifest "${DATA}/manifest.parquet"
  "${videokr[@]}" prepare sft --agentic --input "${CORPUS}/sft.jsonl" --output "${DATA}/videokr_dialogues.json" \
    --media-dir "${CORPUS}"
  "${videokr[@]}" prepare sft --input "${CORPUS}/plain.jsonl" --output "${DATA}/videokr_plain.json" --media-dir "${CORPUS}"
  "${videokr[@]}" prepare rl --agentic --val-size 8 --seed "${SEED}" --input-json "${CORPUS}/rl.jsonl" \
    --video-base-dir "${CORPUS}" --output-dir "${DATA}/rl"
}

train_sft() {
  mapfile -t settings < <(grep -v '^#' data_prep/demo/sft.args)
  rm -rf "${SFT}" # LLaMA-Factory would go on writing an interrupted run's log
  MODEL_NAME_OR_PATH="${MODEL}" DATASET_DIR="${DATA}" OUTPUT_DIR="${SFT}" FORCE_TORCHRUN=0 OMP_NUM_THREADS=1 \
    bash local_script/train_videokr.sh "${FAMILY}" ${RECIPE:+"${RECIPE}"} "media_dir=${CORPUS}" "seed=${SEED}" "${settings[@]}" \
    ${RECIPE:+dataset=videokr_dialogues,videokr_plain video_maxlen=8 video_max_pixels=4096 cutoff_len=2048}
}

train_grpo() {
  mapfile -t settings < <(grep -v '^#' data_prep/demo/grpo.args)
  [[ -z "${RECIPE}" ]] || settings+=(data.max_response_length=512 data.max_prompt_length=1024)
  rm -rf "${GRPO}" "${RUN}/rollouts" # verl would go on from the one checkpoint, its last, and log no step
  AGENTIC="$([[ -z "${RECIPE}" ]] || echo 1)" MODEL_PATH="${SFT}" DATA_DIR="${DATA}/rl" OUTPUT_DIR="${GRPO}" \
    bash local_script/train_videokr_grpo.sh "data.seed=${SEED}" "trainer.rollout_data_dir=${RUN}/rollouts" "${settings[@]}"
  in_env rl -m videokr explain-rollouts "${RUN}/rollouts"
}

merge() {
  local last
  last="$(<"${GRPO}/checkpoints/latest_checkpointed_iteration.txt")"
  bash local_script/merge_videokr_checkpoint.sh "${GRPO}/checkpoints/global_step_${last}/actor" "${MERGED}"
}

# evaluate NAME CHECKPOINT [FLAG...]
evaluate() {
  VIDEOKR_MODEL="$2" RUN_NAME="$1" OUTPUT_PATH="${RUN}/eval/$1" VIDEOKR_EVAL_ROOT="${CORPUS}" VIDEOKR_EVAL_FILE=eval.jsonl \
    VIDEOKR_USE_VLM_JUDGE=0 ANSWER_FORM=tagged MAX_MODEL_LEN=2048 MAX_PIXELS=4096 MAX_FRAME_NUM=8 \
    GEN_KWARGS="${SAMPLING}" bash local_script/eval_videokr.sh "${@:3}"
}

# dialogues: the stages of the other recipe.
dialogues() {
  stage data "dialogues to training rows (check, prepare)" prepare_dialogues
  stage sft "supervised fine-tuning (LLaMA-Factory)" train_sft
  stage grpo "GRPO (verl, vLLM rollouts of several rounds)" train_grpo
  stage merge "merging the checkpoint" merge
  stage eval-at-once "evaluation after SFT, without the tool (lmms-eval, vLLM)" evaluate sft_at_once "${SFT}"
  stage eval-sft "evaluation after SFT, with the tool" evaluate sft "${SFT}" --tool crop
  stage eval-grpo "evaluation after SFT + GRPO, with the tool" evaluate grpo "${MERGED}" --tool crop
  NUMBER=$((NUMBER + 1))
  printf '[%d/%d] table and report\n\n' "${NUMBER}" "${STAGES}"
  in_env sft -m data_prep.demo.table "${RUN}" --title "VideoKR demo, dialogues, ${FAMILY}, seed ${SEED}"
  in_env sft -m videokr report "${RUN}"/eval/{grpo,sft} --output "${RUN}/report.html" --markdown "${RUN}/report.md"
  printf '\n%d s in all; logs in %s\n' "${SECONDS}" "${RUN}/logs"
}

# One function, so that bash has read it all before it runs: the file may change meanwhile.
main() {
  local start
  start="${SECONDS}"
  stage preparation "environments, videos with exact answers, a tiny ${FAMILY} model" prepare
  if [[ -n "${RECIPE}" ]]; then
    dialogues
    return
  fi
  stage data "own tables to training rows (import, check, lint, decontaminate, stats, prepare)" prepare_data
  stage parity "the same examples through all three hosts" in_env sft -m videokr parity --cpu --model "${MODEL}" \
    --records "${CORPUS}/sft.jsonl" --n 2 --max-pixels 4096 --sheet "${RUN}/parity.png"
  stage sft "supervised fine-tuning (LLaMA-Factory)" train_sft
  stage grpo "GRPO (verl, vLLM rollouts)" train_grpo
  stage merge "merging the checkpoint" merge
  stage eval-base "evaluation of the base model (lmms-eval, vLLM)" evaluate base "${MODEL}"
  stage eval-sft "evaluation after SFT" evaluate sft "${SFT}"
  stage eval-grpo "evaluation after SFT + GRPO" evaluate grpo "${MERGED}"
  NUMBER=$((NUMBER + 1))
  printf '[%d/%d] table and report\n\n' "${NUMBER}" "${STAGES}"
  in_env sft -m data_prep.demo.table "${RUN}" --title "VideoKR demo, ${FAMILY}, seed ${SEED}"
  in_env sft -m videokr report "${RUN}"/eval/{grpo,sft,base} --output "${RUN}/report.html" --markdown "${RUN}/report.md"
  printf '\n%d s in all; logs in %s\n' "$((SECONDS - start))" "${RUN}/logs"
}

main
