"""Runs a program on a pseudo terminal of its own: what arrives on stdin is typed, what the program shows goes to stdout.

Usage: run_on_pty.py COLUMNS ROWS STDOUT COMMAND [ARGUMENT...], where STDOUT is "-" (the terminal) or a file for the program's standard output.
Descriptor 3 takes commands, one a line (`size COLUMNS ROWS`, `signal NUMBER`) and descriptor 4 tells `pid N` and `exit STATUS`.
It knows nothing of the program that it runs.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios


def set_size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def tell(line):
    try:
        os.write(4, (line + "\n").encode())
    except BrokenPipeError:  # the test has gone
        sys.exit(1)


def obey(line, terminal, child):
    word, *numbers = line.split()
    if word == "size":
        set_size(terminal, int(numbers[0]), int(numbers[1]))
    elif word == "signal":
        os.kill(child, int(numbers[0]))


def relay(terminal, child):
    """Until the program has let go of its terminal: keys in, screen out, commands obeyed."""
    sources = {0, 3, terminal}
    commands = b""
    while True:
        readable, _, _ = select.select(sources, [], [])
        if 0 in readable:
            keys = os.read(0, 65536)
            if keys:
                os.write(terminal, keys)
            else:
                sources.discard(0)
        if 3 in readable:
            more = os.read(3, 4096)
            if not more:  # the test has gone: nothing may stay behind
                os.kill(child, signal.SIGKILL)
                return
            commands += more
            *lines, commands = commands.split(b"\n")
            for line in lines:
                obey(line.decode(), terminal, child)
        if terminal in readable:
            try:
                shown = os.read(terminal, 65536)
            except OSError:  # EIO: the last program has let go of the terminal
                return
            if not shown:
                return
            os.write(1, shown)


def main():
    columns, rows, stdout, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    ready_read, ready_write = os.pipe()
    child, terminal = pty.fork()
    if child == 0:
        os.close(ready_write)
        os.read(ready_read, 1)  # the window has its size before the program looks at it
        for fd in (3, 4, ready_read):
            os.close(fd)
        if stdout != "-":
            os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
        os.execvp(command[0], command)
    set_size(terminal, columns, rows)
    os.close(ready_read)
    os.close(ready_write)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tell("pid %d" % child)
    relay(terminal, child)
    _, status = os.waitpid(child, 0)
    tell("exit %d" % (os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)))


main()
