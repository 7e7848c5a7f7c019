# What the benchmarks share: the release binary on one core, wrk on another, and beside it a route that only signs.
[ -x "$(command -v cargo)" ] || PATH="$HOME/.cargo/bin:$PATH"
target=${CARGO_TARGET_DIR:-$PWD/target}
seconds=${BENCH_SECONDS:-5} rounds=${BENCH_ROUNDS:-5}
binary=$target/release/countersign
declare -A port pid requests

stop() { for one in "${pid[@]}"; do kill "$one" 2>/dev/null || true; done; }
trap stop EXIT

install_what_is_missing() {
    local packages=()
    command -v wrk >/dev/null || packages+=(wrk)
    command -v curl >/dev/null || packages+=(curl)
    command -v python3 >/dev/null || packages+=(python3)
    if [ ${#packages[@]} -gt 0 ]; then
        if [ "$(id -u)" = 0 ]; then apt-get update -q && apt-get install -q -y "${packages[@]}"
        else sudo apt-get update -q && sudo apt-get install -q -y "${packages[@]}"; fi
    fi
}

# The repository's file, on a port and in a folder of its own.
configure() {
    mkdir -p "$work/$1"
    sed -e "s|^issuer = .*|issuer = \"http://localhost:${port[$1]}\"|" \
        -e "s|^# listen = .*|listen = [\"127.0.0.1:${port[$1]}\"]|" \
        -e "s|^# data_dir = .*|data_dir = \"$work/$1/data\"|" providers.toml >"$work/$1/providers.toml"
}

fill() {
    local size=$1 begin=$SECONDS
    rm -rf "${work:?}/$size"
    configure "$size"
    BENCH_CONFIG=$work/$size/providers.toml BENCH_USERS=$size BENCH_TOKENS=$many \
        cargo test -q --lib --locked --features cedar -- --ignored --exact bench::fill >"$work/$size/fill.log" 2>&1 || { cat "$work/$size/fill.log"; exit 1; }
    echo "$size users: $((SECONDS - begin)) s, $(du -sh "$work/$size/data" | cut -f1)"
}

start() {
    local name=$1
    if [ "$name" = ceiling ]; then
        taskset -c 0 "$target/release/examples/ceiling" "127.0.0.1:${port[$name]}" &
    else
        taskset -c 0 "$binary" --config "$work/$name/providers.toml" >"$work/$name/out" 2>"$work/$name/log" &
    fi
    pid[$name]=$!
    curl -sf -o /dev/null --retry 50 --retry-connrefused --retry-delay 1 \
        "http://localhost:${port[$name]}/$([ "$name" = ceiling ] || echo health/ready)"
}

# Processor time of a server, in hundredths of a second.
ticks() { awk '{ print $14 + $15 }' "/proc/${pid[$1]}/stat"; }

# One round: requests per second, and per second of processor time.
round() {
    local name=$1 path=$2 tokens=$3 length=$4 before after out
    before=$(ticks "$name")
    out=$(taskset -c 1 wrk -t1 -c32 -d"${length}s" -s tests/bench/tokens.lua "http://localhost:${port[$name]}$path" \
        -- ${tokens:+"$work/$name/tokens" "$tokens"} | tail -n 1)
    after=$(ticks "$name")
    # shellcheck disable=SC2086
    set -- $out
    [ "$3" = 0 ] || { echo "$3 requests to $path failed" >&2; exit 1; }
    requests[$name]=$((${requests[$name]:-0} + $1))
    awk -v n="$1" -v us="$2" -v ticks=$((after - before)) 'BEGIN { printf "%d %d\n", n * 1e6 / us, n * 100 / ticks }'
}

middle() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

build() { cargo build --release --locked --features cedar --bin countersign --example ceiling; }

machine() {
    lscpu | sed -nE 's/^Model name: *//p'
    echo "$(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r), load $(cut -d' ' -f1 /proc/loadavg) before the first round"
}

# All rounds of these rows, in turn.
alternate() {
    local nth row name path tokens text
    for ((nth = 0; nth <= rounds; nth++)); do
        for row in "$@"; do
            read -r name path tokens text <<<"${rows[row]}"
            if [ "$nth" = 0 ]; then round "$name" "$path" "${tokens#0}" 1 >"$work/row$row"; : >"$work/row$row"
            else round "$name" "$path" "${tokens#0}" "$seconds" >>"$work/row$row"; fi
        done
    done
}

# One row, of another: by the wall clock (1) or per CPU second (2).
share() { awk -v a="$(cut -d' ' -f"$3" "$work/row$1" | middle)" -v b="$(cut -d' ' -f"$3" "$work/row$2" | middle)" 'BEGIN { printf "%.0f %%", 100 * a / b }'; }

table() {
    local row name path tokens text
    printf '\n%-52s %12s %16s\n' '' 'requests/s' 'per CPU second'
    for row in "${!rows[@]}"; do
        read -r name path tokens text <<<"${rows[row]}"
        printf '%-52s %12d %16d\n' "$text" "$(cut -d' ' -f1 "$work/row$row" | middle)" "$(cut -d' ' -f2 "$work/row$row" | middle)"
    done
}
