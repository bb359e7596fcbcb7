//go:build !netbsd

package main

import "syscall"

const waitContinued = syscall.WCONTINUED
