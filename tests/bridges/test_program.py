"""A program behind a bridge: its pipes, its ends, and what belongs to which question."""

from __future__ import annotations

import sys
import time
from functools import partial

import pytest

from pqvalidate.adapters.program import Program, ProgramEnded, ProgramFault, Running, last_line, unhex

ECHO = "import sys\nfor line in sys.stdin:\n    print(line.strip(), flush=True)\n"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def line(running: Running) -> bytes:
    return running.take_line(1 << 24)


def test_questions_and_answers_far_longer_than_a_pipe_do_not_lock_up() -> None:
    question = b"x" * (4 << 20)
    with Program(python(ECHO)) as program:
        assert program.ask(question + b"\n", line) == question
        assert program.ask(b"again\n", line) == b"again"


def test_a_talkative_log_does_not_lock_up_and_its_end_is_kept() -> None:
    code = "import sys\nsys.stderr.write('x' * 300_000 + '\\nlast words\\n')\nsys.exit(4)\n"
    with pytest.raises(
        ProgramEnded, match="status 4 without an answer; the last line that it wrote: last words"
    ) as end:
        Program(python(code)).ask(b"", line)
    assert (end.value.refused, end.value.last_line) == (True, "last words")


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("import sys; sys.exit(1)", True),
        ("import sys; sys.exit(0)", False),
        ("import os; os.abort()", False),
        ("import os; os.write(1, b'half'); os._exit(1)", False),
        ("import os; os.write(2, b'panic: runtime error: index out of range [1]\\n'); os._exit(2)", False),
        ("import os; os.write(2, b'==1==ERROR: AddressSanitizer: heap-buffer-overflow\\n'); os._exit(1)", False),
        ("import os; os.write(2, b'panic: bad key\\n'); os._exit(2)", True),
    ],
)
def test_only_an_exit_by_itself_without_the_trace_of_a_crash_is_a_refusal(code: str, refused: bool) -> None:  # noqa: FBT001
    with pytest.raises(ProgramEnded) as end:
        Program(python(code)).ask(b"question\n", line)
    assert end.value.refused is refused


def test_output_that_comes_after_an_answer_is_never_taken_for_the_next_one() -> None:
    code = "import time\nwhile input():\n    print('a', flush=True)\n    time.sleep(0.2)\n    print('b', flush=True)\n"
    with Program(python(code)) as program:
        assert program.ask(b"1\n", line) == b"a"
        time.sleep(0.6)
        with pytest.raises(ProgramFault, match="2 bytes that belong to no answer"):
            program.ask(b"2\n", line)
        assert program.ask(b"3\n", line) == b"a"


def test_an_end_between_two_questions_is_told_with_the_next_and_not_hidden() -> None:
    with Program(python("print(input(), flush=True)\n")) as program:
        assert program.ask(b"1\n", line) == b"1"
        time.sleep(0.5)
        with pytest.raises(ProgramFault, match="after an answer and before the next question, the program exited with"):
            program.ask(b"2\n", line)
        assert program.ask(b"3\n", line) == b"3"


def test_an_answer_before_the_question_was_read_is_no_answer() -> None:
    program = Program(python("import time\nprint('early', flush=True)\ntime.sleep(30)\n"))
    with pytest.raises(ProgramFault, match="answered before it had read the question"):
        program.ask(b"x" * (1 << 20), line)


def test_a_line_and_an_output_without_end_are_cut_off() -> None:
    flood = python("import sys\nwhile True:\n    sys.stdout.write('x' * 65536)\n")
    with pytest.raises(ProgramFault, match="a line of more than 1000 bytes"):
        Program(flood).ask(b"", partial(Running.take_line, longest=1000))
    with pytest.raises(ProgramFault, match="more than 1000 bytes"):
        Program(flood).ask(b"", partial(Running.take_rest, most=1000))


def test_a_program_that_is_not_there_says_so() -> None:
    with pytest.raises(ProgramFault, match="/nonexistent cannot be started: "):
        Program(["/nonexistent"]).start()


def test_the_last_line_of_a_log_is_printable_and_short() -> None:
    assert last_line(b"one\ntwo\x1b[31m\xff\n \n") == "two [31m�"
    assert len(last_line(b"x" * 5000)) == 200
    assert last_line(b"\n \n") == ""


@pytest.mark.parametrize("text", ["0", "0g", "0 0", "00 ", "0x00", "\uff10\uff10"])
def test_what_is_not_hexadecimal_is_no_value(text: str) -> None:
    with pytest.raises(ProgramFault, match="a k that is not hexadecimal"):
        unhex("k", text)


def test_hexadecimal_digits_of_both_cases_are_a_value() -> None:
    assert unhex("k", "00aAFf") == b"\0\xaa\xff"
    assert unhex("k", "") == b""
