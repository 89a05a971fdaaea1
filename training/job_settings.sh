# What grpo.sh and sft.sh share; sourced by them with ROOT set. Which Python, how many GPUs, names, how to launch.
# macOS has bash 3.2, old clusters 4.2: no ${name,,}, and an empty list is written ${list[@]+"${list[@]}"}.

# Bash would compute with a word, and with 08 as an octal number.
for name in NUM_GPUS NODES NODE_RANK NUM_EXAMPLES MAX_NEW_TOKENS; do
    least=1
    [[ "$name" == NUM_GPUS || "$name" == NODE_RANK ]] && least=0
    if [[ -n "${!name:-}" ]] && { [[ ! "${!name}" =~ ^(0|[1-9][0-9]{0,8})$ ]] || ((${!name} < least)); }; then
        echo "Error: $name is '${!name}', which is not a whole number from $least." >&2
        echo "Give a number such as $name=$((least + 1)), or leave it out." >&2
        exit 2
    fi
done

PYTHON="${PYTHON:-$([[ -x "$ROOT/.venv/bin/python" ]] && echo "$ROOT/.venv/bin/python" || echo python)}"
if [[ -z "${NUM_GPUS:-}" ]] && ! NUM_GPUS="$("$PYTHON" -c 'import torch; print(torch.cuda.device_count())')"; then
    echo "Error: $PYTHON cannot count the GPUs: see the lines above." >&2
    echo "If torch is missing, type make install, or name a Python that has it: PYTHON=... bash training/grpo.sh" >&2
    exit 2
fi

if ((NUM_GPUS > 0)); then
    DEFAULT_GRPO_CONFIG="$ROOT/training/configs/grpo_paper.yaml"
    DEFAULT_SFT_CONFIG="$ROOT/training/configs/sft_paper.yaml"
else
    DEFAULT_GRPO_CONFIG="$ROOT/training/configs/grpo_cpu.yaml"
    DEFAULT_SFT_CONFIG="$ROOT/training/configs/sft_cpu.yaml"
fi

# Lists of words stand unquoted in the scripts: a word such as * is a word, and not a pattern of files.
set -f

# A run is a folder in CKPT_DIR, and never one elsewhere.
if [[ "${RUN_NAME:-}" == */* || "${RUN_NAME:-}" == .* ]]; then
    echo "Error: RUN_NAME is '$RUN_NAME', which is not a simple folder name." >&2
    echo "Give a name without slashes or a leading dot; the place is chosen with CKPT_DIR." >&2
    exit 2
fi

LAUNCH_DIR="$ROOT/training/launch"
LAUNCH="${LAUNCH:-zero3_offload}"         # zero2, zero3, zero3_offload, fsdp2, or plain (the whole model on each GPU)
NODES="${NODES:-1}"                       # 2: the same job on both, with NODE_RANK 0 and 1, and MAIN_ADDRESS of the first

if [[ "$LAUNCH" != fsdp2 && "$LAUNCH" != plain && ! -f "$LAUNCH_DIR/$LAUNCH.json" ]]; then
    echo "Error: LAUNCH is '$LAUNCH', which is not one of: zero2, zero3, zero3_offload, fsdp2, plain." >&2
    echo "Choose one, e.g. LAUNCH=zero3 bash training/grpo.sh" >&2
    exit 2
fi
if ((NODES > 1)) && [[ "$LAUNCH" == fsdp2 || -z "${NODE_RANK:-}" || -z "${MAIN_ADDRESS:-}" ]]; then
    echo "Error: with NODES=$NODES each node needs NODE_RANK and MAIN_ADDRESS, and LAUNCH another than fsdp2." >&2
    echo "E.g. NODES=2 NODE_RANK=0 MAIN_ADDRESS=10.0.0.1 LAUNCH=zero3 bash training/grpo.sh" >&2
    exit 2
fi
if ((NODES > 1 && NODE_RANK >= NODES)); then
    echo "Error: NODE_RANK is $NODE_RANK, but the $NODES nodes have the ranks 0 to $((NODES - 1))." >&2
    echo "Give each node its own rank, and the node of MAIN_ADDRESS the rank 0." >&2
    exit 2
fi

DEEPSPEED_CONFIG=""

# Leaves the run's DeepSpeed config in its folder; the trainer fills every "auto" from its own settings.
write_deepspeed_config() {
    [[ -f "$LAUNCH_DIR/$LAUNCH.json" ]] || return 0
    DEEPSPEED_CONFIG="$1/deepspeed_$LAUNCH.json"
    mkdir -p "$1"
    cp "$LAUNCH_DIR/$LAUNCH.json" "$DEEPSPEED_CONFIG"
}

is_dataset() { [[ -f "$1/dataset_dict.json" || -f "$1/state.json" ]]; }

# Checks packages, GPUs, memory, disk, steps and checkpoints before anything is made; the job stops if it would fail.
# $1: grpo or sft; $2: rows of the data set if it does not exist yet; $3: the GRPO data set, whose texts are checked in
# the pool if it does not exist; the others are the trainer's words.
check_job() {
    [[ "${SKIP_DOCTOR:-0}" == 1 ]] && return
    local method="$1" rows="$2" words=()
    is_dataset "$3" || words+=(--pool "$POOL" --ref_models $REF_MODELS)
    shift 3
    if ((NUM_GPUS > 0)); then
        words+=(--processes "$((NUM_GPUS * NODES))" --nodes "$NODES")
        [[ "$LAUNCH" == fsdp2 ]] && words+=(--launch fsdp2)
        [[ -f "$LAUNCH_DIR/$LAUNCH.json" ]] && words+=(--deepspeed "$LAUNCH")
    fi
    echo "Checking the job (bleuberi doctor) ..."
    local code=0
    "$PYTHON" -m bleuberi.cli.main doctor --method "$method" --planned_rows "$rows" ${words[@]+"${words[@]}"} "$@" || code=$?
    case "$code" in
        0) return ;;
        2) echo "Error: the job would fail, so nothing was started." >&2
            echo "Fix the problems above, or start it without these checks: SKIP_DOCTOR=1." >&2 ;;
        129 | 130 | 143) exit "$code" ;; # stopped
        *) echo "Error: the check itself crashed (exit code $code), so nothing was started. The job may be right." >&2
            echo "Report the lines above, and start the job without these checks: SKIP_DOCTOR=1." >&2 ;;
    esac
    exit 2
}

# With GPUs: one process a GPU. Without: one process on the CPU, with the small presets.
launch() {
    if ((NUM_GPUS == 0)); then
        echo "No GPU found: training on the CPU, without DeepSpeed (its config is written all the same), with $CONFIG."
        GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-0}" "$PYTHON" -m bleuberi.cli.main "$@"
        return
    fi
    local machines="$LAUNCH_DIR/one_node.yaml"
    local words=(--num_processes "$((NUM_GPUS * NODES))")
    if [[ "$LAUNCH" == fsdp2 ]]; then
        machines="$LAUNCH_DIR/fsdp2.yaml"
    elif ((NODES > 1)); then
        machines="$LAUNCH_DIR/two_nodes.yaml"
        words+=(--num_machines "$NODES" --machine_rank "$NODE_RANK" --main_process_ip "$MAIN_ADDRESS")
    fi
    local deepspeed=()
    [[ -n "$DEEPSPEED_CONFIG" ]] && deepspeed=(--deepspeed "$DEEPSPEED_CONFIG")
    "$PYTHON" -m accelerate.commands.launch --config_file "$machines" "${words[@]}" \
        --module bleuberi.cli.main "$@" ${deepspeed[@]+"${deepspeed[@]}"}
}

lower() { tr '[:upper:]' '[:lower:]' <<<"$1"; }

# The paper's short name of a reference model.
short_reference() {
    local name
    name="$(lower "$1")"
    case "$name" in
        *o4-mini*) echo o4mini ;;
        *deepseek*) echo deepseek ;;
        *claude*) echo claude ;;
        *gemini*) echo gemini ;;
        *llama*) echo llama ;;
        *) echo "$name" ;;
    esac
}

# E.g. 2ref-gold-claude. REF_MODELS is a list of words, so it stands unquoted.
references_label() {
    local words=($REF_MODELS) label name
    label="${#words[@]}ref"
    for name in "${words[@]}"; do label+="-$(short_reference "$name")"; done
    echo "$label"
}

# The paper's name of a data set, e.g. BLEUBERI-Tulu3-50k_bleu_Qwen2.5-7B_1ref-gold_hard_5000. Both scripts have it, so
# sft.sh trains on the data set that grpo.sh made.
default_dataset_name() {
    local pool model="${MODEL%/}" label
    pool="$(basename "$POOL" .gz)"
    pool="${pool%.jsonl}" pool="${pool%.json}" pool="${pool%.parquet}"
    label="$(basename "$model")"
    [[ "$label" == checkpoint-* && "$model" == */* ]] && label="$(basename "$(dirname "$model")")_$label"
    label="${pool}_${METRIC}_${label}_$(references_label)_${SELECTION_MODE}_${NUM_EXAMPLES}"
    echo "${label//[^A-Za-z0-9._@+-]/_}"
}

# The paper's name of a run, e.g. qwen7b_BLEU_1ref-gold_5k; $1: what the model learns from.
default_run_name() {
    local model count="$NUM_EXAMPLES" name
    model="$(basename "${MODEL%/}")"
    if [[ "$(lower "$model")" =~ ^([a-z]+)[a-z0-9.-]*-([0-9.]+b)(-.*)?$ ]]; then
        model="${BASH_REMATCH[1]}${BASH_REMATCH[2]}${BASH_REMATCH[3]}"
    fi
    ((count % 1000 == 0)) && count="$((count / 1000))k"
    name="${model}_$(tr '[:lower:]' '[:upper:]' <<<"$1")_$(references_label)_$count"
    [[ "$SELECTION_MODE" == hard ]] || name+="_$SELECTION_MODE"
    echo "${name//[^A-Za-z0-9._@+-]/-}"
}

# How the config prompts a base model without a template: the data are made with the same prompts.
base_template() {
    local found
    found="$(cat "$CONFIG" "$ROOT/training/configs/$CONFIG.yaml" 2>/dev/null | sed -n 's/^base_template: *\([a-z]*\).*/\1/p' || true)"
    echo "${found:-plain}"
}

# ENGINE_FLAGS: further words for the engine that answers, e.g. "--engine vllm --engine_args max_model_len=4096".
# Makes the GRPO data set $1, a folder in a folder data_grpo; one that is there is used.
make_grpo_data() {
    # REF_MODELS is a list of words, so it stands unquoted.
    "$PYTHON" "$ROOT/training/create_training_data.py" grpo \
        --hf_dataset_path "$POOL" \
        --ref_models $REF_MODELS \
        --selection_mode "$SELECTION_MODE" \
        --num_examples "$NUM_EXAMPLES" \
        --metric "$METRIC" \
        --model "$MODEL" \
        --inference_max_new_tokens "$MAX_NEW_TOKENS" \
        --base_template "$(base_template)" \
        ${ENGINE_FLAGS:-} \
        --output_dir "$(dirname "$(dirname "$1")")" \
        --output_dataset_name "$(basename "$1")"
}
