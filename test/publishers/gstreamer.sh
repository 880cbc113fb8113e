#!/bin/sh
# GStreamer encodes a clip anew and pushes it: gstreamer.sh SERVER KEY CLIP SECONDS
# ffmpeg only decodes the clip; encoders, muxer and RTMP are GStreamer's.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The clip's sound begins one access unit before its pictures: its encoder's priming.
ffmpeg -v error -nostdin -i "$3" -t "$4" -vn -af atrim=start_sample=1024 "$work/sound.wav"
mkfifo "$work/pictures"
ffmpeg -v error -nostdin -i "$3" -t "$4" -an -pix_fmt yuv420p -f yuv4mpegpipe -y "$work/pictures" &
gst-launch-1.0 -q -e \
  flvmux name=mux streamable=true ! rtmp2sink location="$1/$2" \
  filesrc location="$work/pictures" ! y4mdec ! queue ! clocksync \
  ! x264enc tune=zerolatency speed-preset=superfast bitrate=1500 key-int-max=60 \
  ! video/x-h264,profile=main ! h264parse ! queue ! mux. \
  filesrc location="$work/sound.wav" ! wavparse ! audioconvert ! queue ! clocksync \
  ! voaacenc bitrate=128000 ! aacparse ! queue ! mux.
wait
