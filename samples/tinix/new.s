# A program for what `persona new fresh` makes: 4 writes, 1 exits, and the note is the folder's name.
        .globl  _start
_start:
        movl    $4, %eax
        movl    $1, %edi
        leaq    line(%rip), %rsi
        movl    $6, %edx
        syscall
        movl    $1, %eax
        xorl    %edi, %edi
        syscall
line:   .ascii  "hello\n"
        .section .note.fresh, "a", @note
        .long   6, 4, 1
        .asciz  "fresh"
        .balign 4
        .long   0
