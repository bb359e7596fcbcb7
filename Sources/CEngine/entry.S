// The engine's edges: first instruction, doors to Linux, guest-memory copies, signal return.
//
// Signal handlers recognise where they interrupted the engine by these labels (engine_labels.h):
// between persona_interruptible_begin and _end no call has taken effect, in the copy routines a
// fault is the guest's bad pointer, and between persona_return and persona_return_end a signal that
// arrives must be looked at before the guest runs on.

#include "layout.h"

        .text

// The first instruction of the process. rsp: argc, argv, envp, auxv as Linux laid them out.
        .globl  _start
_start:
        movq    %rsp, %rdi
        xorl    %ebp, %ebp
        andq    $-16, %rsp
        call    engine_start
        hlt

// void persona_on_stack(uint64_t stack, void (*function)(void *), void *argument): does not return
        .globl  persona_on_stack
persona_on_stack:
        movq    %rdi, %rsp
        andq    $-16, %rsp
        movq    %rdx, %rdi
        xorl    %ebp, %ebp
        call    *%rsi
        hlt

// int64_t persona_syscall(number, a, b, c, d, e, f)
        .globl  persona_syscall
persona_syscall:
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %r10
        movq    %r9, %r8
        movq    8(%rsp), %r9
        syscall
        ret

// int64_t persona_interruptible(thread, number, a, b, c, d, e, f)
        .globl  persona_interruptible, persona_interruptible_begin, persona_interruptible_end
        .globl  persona_interruptible_give_up
persona_interruptible:
        pushq   %rbx
        pushq   %rsi                    // the number, for who makes the call again (goOnWaiting)
        leaq    THREAD_PENDING(%rdi), %rbx
        movq    %rsi, %rax
        movq    %rdx, %rdi
        movq    %rcx, %rsi
        movq    %r8, %rdx
        movq    %r9, %r10
        movq    24(%rsp), %r8
        movq    32(%rsp), %r9
persona_interruptible_begin:
        cmpl    $0, (%rbx)
        jne     persona_interruptible_give_up
        syscall
persona_interruptible_end:
        addq    $8, %rsp
        popq    %rbx
        ret
persona_interruptible_give_up:
        movq    $-512, %rax             // PERSONA_RESTART
        addq    $8, %rsp
        popq    %rbx
        ret

// int64_t persona_same(thread, number): persona_interruptible with a patched call's own registers
        .globl  persona_same
persona_same:
        pushq   %rbx
        pushq   %rsi
        leaq    THREAD_PENDING(%rdi), %rbx
        movq    %rsi, %rax
        movq    REGISTER(8), %rdi
        movq    REGISTER(9), %rsi
        movq    REGISTER(12), %rdx
        movq    REGISTER(2), %r10
        movq    REGISTER(0), %r8
        movq    REGISTER(1), %r9
        jmp     persona_interruptible_begin

// int64_t persona_clone(flags, stack, parent_tid, child_tid, tls, function, argument):
// the child calls function(argument) on its own stack.
        .globl  persona_clone
persona_clone:
        movl    $56, %eax               // __NR_clone
        movq    %rcx, %r10              // child_tid
        movq    8(%rsp), %r11           // argument: survives in the child's stack, not in r11
        andq    $-16, %rsi
        subq    $16, %rsi
        movq    %r9, (%rsi)             // function
        movq    %r11, 8(%rsi)           // argument
        syscall                         // r8 = tls, rdx = parent_tid
        testq   %rax, %rax
        jz      1f
        ret
1:      xorl    %ebp, %ebp
        popq    %rax
        popq    %rdi
        call    *%rax
        hlt

// Register `number` of the ucontext at rsp.
#define CONTEXT(number) (CONTEXT_REGISTERS + 8 * number)(%rsp)

// Where every signal handler of the engine returns to; rsp points at the interrupted ucontext.
        .globl  persona_return, persona_return_end
persona_return:
        movq    %rsp, %rdi
        andq    $-THREAD_BYTES, %rdi
        addq    $THREAD_PLACE, %rdi
        cmpl    $0, THREAD_PENDING(%rdi)
        jne     1f
2:      movl    $15, %eax               // __NR_rt_sigreturn
        syscall
persona_return_end:
        hlt
1:      movq    %rsp, %rsi
        movq    %rsp, %rbx
        andq    $-16, %rsp
        subq    $128, %rsp
        call    engine_deliver_pending  // (thread, ucontext): 0 returns now, 1 looks again, 2 goes on in the engine
        movq    %rbx, %rsp
        cmpl    $1, %eax
        je      persona_return
        jb      2b
// The engine goes on where the signal found it, at once: all signals stay blocked, as they are in a handler.
        movq    CONTEXT_STATE(%rsp), %rcx
        movl    472(%rcx), %eax         // fx_sw_bytes.xfeatures
        movl    476(%rcx), %edx
        xrstor64 (%rcx)
        movq    CONTEXT(15), %rax
        movq    CONTEXT(16), %rdx
        movq    %rdx, -136(%rax)        // below the red zone, which Linux's functions use
        movq    CONTEXT(17), %rdx
        movq    %rdx, -144(%rax)
        subq    $144, %rax
        movq    %rax, CONTEXT(15)
        movq    CONTEXT(0), %r8
        movq    CONTEXT(1), %r9
        movq    CONTEXT(2), %r10
        movq    CONTEXT(3), %r11
        movq    CONTEXT(4), %r12
        movq    CONTEXT(5), %r13
        movq    CONTEXT(6), %r14
        movq    CONTEXT(7), %r15
        movq    CONTEXT(8), %rdi
        movq    CONTEXT(9), %rsi
        movq    CONTEXT(10), %rbp
        movq    CONTEXT(11), %rbx
        movq    CONTEXT(12), %rdx
        movq    CONTEXT(13), %rax
        movq    CONTEXT(14), %rcx
        movq    CONTEXT(15), %rsp
        popfq
        ret     $128

// void persona_resume(void *ucontext)
        .globl  persona_resume
persona_resume:
        movq    %rdi, %rsp
        jmp     persona_return

// void persona_leave(void): goes on with what the thread's `patched` and `whole` say
        .globl  persona_leave
persona_leave:
        jmp     persona_patched_exit

// MARK: patched call sites
//
// A site's stub jumps here with rcx = the address behind its `syscall`, all else as the guest left it. gs is the
// thread's block, so that no stack and no register of the guest's is touched before everything is kept. Until
// persona_patched_saved nothing has happened: a signal finds the guest before its call. From persona_patched_exit on
// everything has, and the way back can begin anew. The engine uses no vector registers, which therefore stay.

        .macro  RESTORE
        movq    REGISTER(0), %r8
        movq    REGISTER(1), %r9
        movq    REGISTER(2), %r10
        movq    REGISTER(8), %rdi
        movq    REGISTER(9), %rsi
        movq    REGISTER(12), %rdx
        movq    REGISTER(13), %rax
        movq    REGISTER(16), %rcx
        movq    REGISTER(15), %rsp
        .endm

        .globl  persona_patched_entry, persona_patched_saved, persona_patched_exit, persona_patched_exit_end
        .globl  persona_whole_exit, persona_whole_exit_end
persona_patched_entry:
        movq    %r8, REGISTER(0)
        movq    %r9, REGISTER(1)
        movq    %r10, REGISTER(2)
        movq    %rdi, REGISTER(8)
        movq    %rsi, REGISTER(9)
        movq    %rbp, REGISTER(10)
        movq    %rbx, REGISTER(11)
        movq    %rdx, REGISTER(12)
        movq    %rax, REGISTER(13)
        movq    %rsp, REGISTER(15)
        movq    %rcx, REGISTER(16)
        movl    $0, %gs:THREAD_WHOLE
persona_patched_saved:
        movq    %gs:THREAD_STACK, %rsp
        pushfq
        popq    REGISTER(17)
        cld
        movq    %gs:0, %rdi
        leaq    THREAD_PATCHED(%rdi), %rsi
        call    engine_on_patched

persona_patched_exit:
        movq    %gs:THREAD_STACK, %rsp
        cmpq    $0, %gs:THREAD_PENDING  // nothing pending, nothing whole
        jne     persona_patched_whole
        movl    REGISTER_BYTE(17, 1), %eax  // not all at once: the engine may just have written the byte that holds the carry
        testl   $0x404, %eax            // direction, alignment check
        jnz     3f
        btl     $3, %eax                // overflow, then the other status flags
        setc    %cl
        addb    $0x7f, %cl
        movb    REGISTER(17), %ah
        sahf
1:      RESTORE
        jmpq    *%rcx
3:      pushq   REGISTER(17)
        popfq
        jmp     1b
persona_patched_exit_end:

// A call that needs all registers and the mask, or a handler to be entered. The engine has kept what it did not save.
persona_patched_whole:
        cmpl    $2, %gs:THREAD_WHOLE
        je      1f
        movq    %r12, REGISTER(4)
        movq    %r13, REGISTER(5)
        movq    %r14, REGISTER(6)
        movq    %r15, REGISTER(7)
        movq    REGISTER(16), %rcx      // as the instruction itself leaves them
        movq    %rcx, REGISTER(14)
        movq    REGISTER(17), %rcx
        movq    %rcx, REGISTER(3)
1:      movq    %gs:0, %rdi
        call    engine_on_whole

persona_whole_exit:
        cmpl    $0, %gs:THREAD_PENDING
        jne     persona_patched_whole
        pushq   REGISTER(17)
        popfq
        movq    REGISTER(3), %r11
        movq    REGISTER(4), %r12
        movq    REGISTER(5), %r13
        movq    REGISTER(6), %r14
        movq    REGISTER(7), %r15
        movq    REGISTER(10), %rbp
        movq    REGISTER(11), %rbx
        RESTORE
        movq    REGISTER(14), %rcx
        jmpq    *REGISTER(16)
persona_whole_exit_end:

// void persona_save_state(void *area, uint64_t features)
        .globl  persona_save_state, persona_load_state
persona_save_state:
        movl    %esi, %eax
        movq    %rsi, %rdx
        shrq    $32, %rdx
        xsave64 (%rdi)
        ret

// void persona_load_state(const void *area, uint64_t features)
persona_load_state:
        movl    %esi, %eax
        movq    %rsi, %rdx
        shrq    $32, %rdx
        xrstor64 (%rdi)
        ret

// struct persona_thread *persona_current(void)
        .globl  persona_current
persona_current:
        movq    %rsp, %rax
        andq    $-THREAD_BYTES, %rax
        addq    $THREAD_PLACE, %rax
        ret

// MARK: guest memory. A fault anywhere in here continues at persona_copy_fault.

        .globl  persona_copy_begin, persona_copy_end, persona_copy_fault
        .globl  persona_copy_in, persona_copy_out, persona_copy_string
        .globl  persona_load32, persona_store32, persona_swap32
persona_copy_begin:

// (destination, source, count) for both: only one side is the guest's
persona_copy_in:
persona_copy_out:
        movq    %rdx, %rcx
        cmpq    $64, %rcx
        ja      1f
4:      subq    $8, %rcx
        jb      5f
        movq    (%rsi), %rax
        movq    %rax, (%rdi)
        addq    $8, %rsi
        addq    $8, %rdi
        jmp     4b
5:      addq    $8, %rcx
        jz      3f
2:      movb    (%rsi), %al
        movb    %al, (%rdi)
        incq    %rsi
        incq    %rdi
        decq    %rcx
        jnz     2b
3:      xorl    %eax, %eax
        ret
1:      rep movsb
        xorl    %eax, %eax
        ret

// (destination, source, limit): length, or -ENAMETOOLONG
persona_copy_string:
        xorl    %eax, %eax
1:      cmpq    %rdx, %rax
        jae     2f
        movb    (%rsi,%rax), %cl
        movb    %cl, (%rdi,%rax)
        testb   %cl, %cl
        jz      3f
        incq    %rax
        jmp     1b
2:      movq    $-36, %rax
3:      ret

persona_load32:
        movl    (%rdi), %eax
        movl    %eax, (%rsi)
        xorl    %eax, %eax
        ret

persona_store32:
        movl    %esi, (%rdi)
        xorl    %eax, %eax
        ret

persona_swap32:
        movl    (%rsi), %eax
        lock cmpxchgl %edx, (%rdi)
        movl    %eax, (%rsi)
        sete    %al
        movzbl  %al, %eax
        ret
        .globl  persona_store_pair
persona_store_pair:
        movq    %rsi, (%rdi)
        movq    %rdx, 8(%rdi)
        xorl    %eax, %eax
        ret

// int64_t persona_follow(step, native, foreign): each kind of step has a way, which leads on to the next step's.
        .macro  NEXT_STEP
        movzwl  6(%rdi), %eax           // kind
        movzwl  (%rdi), %ecx            // foreign_offset
        movzwl  2(%rdi), %r9d           // native_offset
        addq    $8, %rdi
        movslq  (%r10,%rax,4), %rax
        addq    %r10, %rax
        jmpq    *%rax
        .endm

        .globl  persona_follow
persona_follow:
        leaq    ways(%rip), %r10
        NEXT_STEP
        .irp    word, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
copy_\word:
        movq    8*\word(%rsi,%r9), %rax
        movq    %rax, 8*\word(%rdx,%rcx)
        .endr
        NEXT_STEP
        .irp    word, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
zero_\word:
        movq    $0, 8*\word(%rdx,%rcx)
        .endr
        NEXT_STEP
copy_byte:
        movb    (%rsi,%r9), %al
        movb    %al, (%rdx,%rcx)
        NEXT_STEP
copy_two:
        movw    (%rsi,%r9), %ax
        movw    %ax, (%rdx,%rcx)
        NEXT_STEP
copy_four:
        movl    (%rsi,%r9), %eax
        movl    %eax, (%rdx,%rcx)
        NEXT_STEP
zero_byte:
        movb    $0, (%rdx,%rcx)
        NEXT_STEP
zero_two:
        movw    $0, (%rdx,%rcx)
        NEXT_STEP
zero_four:
        movl    $0, (%rdx,%rcx)
        NEXT_STEP
stop:   leaq    -8(%rdi), %rax
        ret
persona_copy_end:

persona_copy_fault:
        movq    $-14, %rax
        ret

        .section .rodata
        .balign 4
// By enum persona_step_kind.
ways:   .long   stop - ways, stop - ways
        .long   copy_byte - ways, copy_two - ways, copy_four - ways, zero_byte - ways, zero_two - ways, zero_four - ways
        .irp    word, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        .long   copy_\word - ways
        .endr
        .irp    word, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        .long   zero_\word - ways
        .endr

        .section .note.GNU-stack, "", @progbits
