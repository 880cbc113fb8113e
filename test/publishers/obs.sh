#!/bin/sh
# OBS itself, on a virtual screen, plays a clip and streams it: obs.sh SERVER KEY CLIP SECONDS
# Its keyframe interval is left on "auto" (250 frames). OBS may crash as it quits: judge by what arrived.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
config=$home/.config/obs-studio
mkdir -p "$config/basic/profiles/Touchline" "$config/basic/scenes"
mkdir -m 700 "$home/run"
cp "$here/obs/global.ini" "$config/global.ini"
cp "$here/obs/basic.ini" "$config/basic/profiles/Touchline/basic.ini"
sed "s|@CLIP@|$3|" "$here/obs/scene.json" > "$config/basic/scenes/Touchline.json"
cat > "$config/basic/profiles/Touchline/service.json" <<JSON
{"type": "rtmp_custom", "settings": {"server": "$1", "key": "$2", "use_auth": false}}
JSON
status=0
HOME=$home XDG_CONFIG_HOME=$home/.config XDG_RUNTIME_DIR=$home/run LIBGL_ALWAYS_SOFTWARE=1 QT_QPA_PLATFORM=xcb \
  xvfb-run -a -s '-screen 0 800x600x24 +extension GLX' \
  timeout -s INT -k 10 "$4" obs --multi --profile Touchline --collection Touchline --scene Scene \
  --startstreaming --minimize-to-tray > "$home/obs.log" 2>&1 || status=$?
grep -E 'Streaming Start|Streaming Stop|dropped|lagged|skipped|[Rr]econnect|[Ff]ailed to (connect|open)' "$home/obs.log" \
  | tail -8 || echo "OBS said nothing about streaming, exit $status: $(tail -3 "$home/obs.log")"
