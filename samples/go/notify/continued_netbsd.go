package main

// WCONTINUED of sys/wait.h, which package syscall lacks for NetBSD.
const waitContinued = 0x10
