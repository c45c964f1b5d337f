"""Completion in bash, zsh and fish: the script for each shell, and the answers that the script asks the program for.

Click knows what may follow. Its own scripts and formats are not used, because they lose names with spaces, quotes or
commas, and what is before the `=` of an option. `framed` and `framectl` use this module too, so it imports nothing
but click.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import click
from click.shell_completion import CompletionItem, ShellComplete

SHELLS: Final = ("bash", "zsh", "fish")

_BASH: Final = r"""@FUNCTION@() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            plain,*) COMPREPLY+=("${line#plain,}") ;;
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
        esac
    done < <(COMP_WORDS="$(IFS=$'\n'; echo "${COMP_WORDS[*]}")" COMP_CWORD=$COMP_CWORD COMP_TEXT=$2 \
        COMP_LINE=${COMP_LINE:0:${COMP_POINT:-0}} @VARIABLE@=bash_complete @PROGRAM@ 2>/dev/null)
}
complete -o nosort -F @FUNCTION@ @PROGRAM@
"""
_ZSH: Final = r"""#compdef @PROGRAM@
@FUNCTION@() {
    local -a completions described response
    local kind value help
    response=("${(@f)$(COMP_WORDS="${(F)words[1,CURRENT]}" COMP_CWORD=$((CURRENT-1)) \
        @VARIABLE@=zsh_complete @PROGRAM@ 2>/dev/null)}")
    for kind value help in "${response[@]}"; do
        case $kind in
            plain) if [[ $help == _ ]]; then completions+=("$value"); else described+=("${value//:/\\:}:$help"); fi ;;
            dir) compset -P '--*='; _path_files -/ ;;
            file) compset -P '--*='; _path_files ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#completions )) && compadd -U -V unsorted -a completions
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    @FUNCTION@ "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef @FUNCTION@ @PROGRAM@
fi
"""
_FISH: Final = r"""function @FUNCTION@
    set -l base (string match --regex -- '^--[^=]*=' (commandline -ct))
    set -l response (env @VARIABLE@=fish_complete COMP_WORDS=(commandline -cp | string collect) \
        @PROGRAM@ 2>/dev/null)
    for line in $response
        set -l kind (string split --max 1 , -- $line)
        switch $kind[1]
            case plain
                printf '%s\n' $kind[2]
            case dir
                printf '%s\n' "$base"(__fish_complete_directories $kind[2])
            case file
                printf '%s\n' "$base"(__fish_complete_path $kind[2])
        end
    end
end
complete --no-files --command @PROGRAM@ --arguments '(@FUNCTION@)'
"""
_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_SPECIAL_BARE: Final = re.compile(r"[^\w@%+=:,./-]")
_SPECIAL_IN_DOUBLE_QUOTES: Final = re.compile(r"[\\\"$`]")


def variable(program: str) -> str:
    """The name of the environment variable by which the script asks."""
    return f"_{program.upper().replace('-', '_')}_COMPLETE"


def script(program: str, shell: str) -> str:
    """What the shell evaluates to complete the program's command lines."""
    function = f"_{program.replace('-', '_')}_completion"
    values = {"@FUNCTION@": function, "@VARIABLE@": variable(program), "@PROGRAM@": program}
    return re.sub(r"@[A-Z]+@", lambda match: values[match[0]], _SCRIPTS[shell])


def directory(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For `shell_complete`: the shell's own completion of folders."""
    return [CompletionItem(incomplete, type="dir")]


def file(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For `shell_complete`: the shell's own completion of files."""
    return [CompletionItem(incomplete, type="file")]


@dataclass(frozen=True)
class Word:
    """A word of a command line without its quotes; the last one may have no end yet."""

    text: str
    quote: str = ""
    """The quote that is still open at its end."""


def answer(
    program: str, environ: Mapping[str, str], choose: Callable[[Sequence[str]], tuple[click.Command, Sequence[str]]]
) -> str:
    """The lines that the script expects. `choose`: from what is typed before the incomplete word, without the program's
    name, to the command that it is for and its arguments.
    """
    shell = environ[variable(program)].partition("_")[0]
    typed = _typed(environ)
    *before, last = typed[1:] or [Word("")]
    command, arguments = choose([word.text for word in before])
    items = ShellComplete(command, {}, program, variable(program)).get_completions([*arguments], last.text)
    option, equals, _ = last.text.partition("=")
    # Click answers with the value alone; the shells replace the complete word.
    base = f"{option}=" if equals and option.startswith("--") else ""
    replaced = environ.get("COMP_TEXT") if environ.get("COMP_LINE") else None
    return "\n".join(_line(item, shell, base, last, replaced) for item in items)


def _typed(environ: Mapping[str, str]) -> list[Word]:
    """The words up to the cursor, the last of them incomplete, perhaps empty."""
    if line := environ.get("COMP_LINE"):
        return split_line(line)
    words = environ.get("COMP_WORDS", "")
    if "COMP_CWORD" not in environ:
        return split_line(words)
    position = int(environ["COMP_CWORD"])
    # A shell that knows its words gives one in a line, as they were typed.
    split = [(split_line(word) or [Word("")])[0] for word in words.split("\n")] if "\n" in words else split_line(words)
    return [*split, Word("")][: position + 1]


def split_line(line: str) -> list[Word]:
    """The words of a command line that may end within one; an empty one where a new word would begin."""
    words: list[Word] = []
    text: str | None = None
    quote = ""
    characters = iter(line)
    for character in characters:
        if quote == "'" or (quote == '"' and character not in '\\"'):
            text, quote = ((text or ""), "") if character == quote else ((text or "") + character, quote)
        elif character == "\\":
            following = next(characters, "")
            kept = "\\" if quote and following not in '\\"$`' else ""
            text = (text or "") + kept + following
        elif character == quote:
            quote = ""
        elif character in "'\"":
            text, quote = text or "", character
        elif character.isspace():
            words += [Word(text)] if text is not None else []
            text = None
        else:
            text = (text or "") + character
    return [*words, Word(text or "", quote)]


def _line(item: CompletionItem, shell: str, base: str, last: Word, readline_text: str | None) -> str:
    value = f"{base}{item.value}" if item.type == "plain" else str(item.value)
    match shell:
        case "zsh":
            return f"{item.type}\n{value}\n{_one_line(item.help) or '_'}"
        case "fish":
            return f"{item.type},{value}" + (f"\t{_one_line(item.help)}" if item.help else "")
        case _:
            return f"{item.type},{_for_readline(value, last, readline_text) if item.type == 'plain' else value}"


def _for_readline(value: str, last: Word, text: str | None) -> str:
    """The value quoted as the word on the line is, without the part of the word that readline leaves as it is.

    `text`: the part that it replaces, as it is typed; what is before it is an open quote, or ends with `=` or `:`.
    """
    if text is not None:
        replaced = split_line(f"{last.quote}{text}")[-1].text
        kept = last.text.removesuffix(replaced)
        value = value.removeprefix(kept)
    match last.quote:
        case "'":
            quoted = value.replace("'", "'\\''")
        case '"':
            quoted = _SPECIAL_IN_DOUBLE_QUOTES.sub(r"\\\g<0>", value)
        case _:
            return _SPECIAL_BARE.sub(r"\\\g<0>", value)
    # Readline ends the quotes, but not after a character that looks as if it did.
    return quoted + last.quote if quoted.endswith(last.quote) else quoted


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
