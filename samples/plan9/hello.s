# Writes a line, asks for a file that is not there, writes the system's words for it, and ends with words.
# Arguments lie on the stack above the place of a return address; the number is in rbp.
        .globl  _start
_start:
        subq    $64, %rsp
        movq    $1, 8(%rsp)             # pwrite(1, line, 14, -1)
        leaq    line(%rip), %rax
        movq    %rax, 16(%rsp)
        movq    $14, 24(%rsp)
        movq    $-1, 32(%rsp)
        movq    $51, %rbp
        syscall
        leaq    missing(%rip), %rax     # open(missing, OREAD)
        movq    %rax, 8(%rsp)
        movq    $0, 16(%rsp)
        movq    $14, %rbp
        syscall
        cmpq    $-1, %rax
        jne     1f
        movq    $0x400000, 8(%rsp)      # errstr(bss, 128)
        movq    $128, 16(%rsp)
        movq    $41, %rbp
        syscall
        movq    $1, 8(%rsp)             # pwrite(1, bss, 19, -1)
        movq    $0x400000, 16(%rsp)
        movq    $19, 24(%rsp)
        movq    $-1, 32(%rsp)
        movq    $51, %rbp
        syscall
1:      leaq    words(%rip), %rax       # exits("done badly")
        movq    %rax, 8(%rsp)
        movq    $8, %rbp
        syscall
line:   .ascii  "hello, Plan 9\n"
missing: .asciz "/no/such/file"
words:  .asciz  "done badly"
