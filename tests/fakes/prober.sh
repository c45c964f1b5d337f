# A prober for tests, for films of words as extractor.py takes them: sh prober.sh FILM --json
#
# What it says of the film stands in the film's first line, a few words of:
#
#     unopenable      it is not whole yet
#     needs FILE      it is not whole unless FILE exists
#     hung            nothing, for a long time
#     length S        it is so many seconds long (default 60)

film=$1
words=$(head -n 1 "$film" | tr -d '\0') || exit 74
length=60
no_film() { echo "frame-extractor: ${film##*/}: an MP4 without its index (moov)" >&2; exit 65; }
set -f
set -- $words
while [ $# -gt 0 ]; do
    case $1 in
        unopenable) no_film ;;
        needs) shift; [ -e "$1" ] || no_film ;;
        hung) exec sleep 600 ;;
        length) shift; length=$1 ;;
    esac
    shift
done
size=$(stat -Lc %s "$film")
hash=$( (printf %s "$size"; cat "$film") | b2sum -l 128 | cut -d ' ' -f 1)
printf '{"path": "", "fingerprint": "%x-%s", "container": "mp4", "codec": "h264", "width": 1920, "height": 1080, ' \
    "$size" "$hash"
printf '"fps": 24.0, "duration_s": %s, "source_frames": %s}' "$length" "$((length * 24))"
