#!/bin/sh
# ffmpeg pushes a clip as it is: ffmpeg.sh SERVER KEY CLIP SECONDS
set -eu
exec ffmpeg -v error -nostdin -re -i "$3" -t "$4" -c copy -f flv "$1/$2"
