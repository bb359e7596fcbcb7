// Files opens, seeks, truncates, links, locks and dates files, and shows every error's words.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

var root string

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func at(name string) string { return filepath.Join(root, name) }

func show(title string, values ...any) {
	text := fmt.Sprintln(append([]any{title + ":"}, values...)...)
	fmt.Print(strings.ReplaceAll(text, root, "ROOT"))
}

func describe(name string) string {
	info, err := os.Lstat(at(name))
	if err != nil {
		return err.Error()
	}
	if info.IsDir() {
		return fmt.Sprint(info.Name(), " ", info.Mode())
	}
	return fmt.Sprint(info.Name(), " ", info.Mode(), " ", info.Size())
}

func main() {
	var err error
	root, err = os.MkdirTemp("", "files")
	check(err)
	defer os.RemoveAll(root)
	syscall.Umask(0o027)

	// Opening
	_, err = os.Open(at("missing"))
	show("missing", err, errors.Is(err, fs.ErrNotExist))
	check(os.WriteFile(at("plain"), []byte("0123456789"), 0o666))
	show("plain", describe("plain"))
	_, err = os.OpenFile(at("plain"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	show("exclusive", err)
	_, err = os.Open(at("plain/below"))
	show("below a file", err)
	_, err = os.OpenFile(root, os.O_WRONLY, 0)
	show("a folder for writing", err)
	_, err = os.Open(strings.Repeat("n", 300))
	show("long name", errors.Is(err, syscall.ENAMETOOLONG))
	_, err = os.Open("with\x00nul")
	show("nul", err)
	_, err = os.ReadDir(at("plain"))
	show("read a file as a folder", err != nil)
	handle, err := os.OpenFile(at("plain"), os.O_APPEND|os.O_RDWR, 0)
	check(err)
	_, err = handle.WriteString("appended")
	check(err)
	_, err = handle.Seek(-8, io.SeekEnd)
	check(err)
	text, err := io.ReadAll(handle)
	show("appended", string(text), err)
	buffer := make([]byte, 4)
	count, err := handle.ReadAt(buffer, 3)
	show("read at", count, string(buffer), err)
	check(handle.Truncate(5))
	show("truncated", describe("plain"))
	show("sync", handle.Sync())
	check(handle.Close())
	_, err = handle.Read(buffer)
	show("closed", err)
	handle, err = os.Open(at("plain"))
	check(err)
	_, err = handle.Write(buffer)
	show("write to a file for reading", err)
	_, err = syscall.Seek(int(handle.Fd()), -100, io.SeekStart)
	show("seek before the start", err)
	check(handle.Close())
	show("close twice", handle.Close())
	show("bad descriptor", syscall.Close(9999))

	// Holes
	handle, err = os.Create(at("holes"))
	check(err)
	_, err = handle.WriteAt([]byte("end"), 5<<30)
	check(err)
	_, err = handle.WriteAt([]byte("middle"), 1<<20)
	check(err)
	show("holes", describe("holes"))
	position, err := handle.Seek(5<<30-1, io.SeekStart)
	check(err)
	text, err = io.ReadAll(handle)
	show("after a hole", position, fmt.Sprintf("%q", text), err)
	check(handle.Close())

	// Links
	check(os.Symlink("plain", at("soft")))
	check(os.Link(at("plain"), at("hard")))
	target, err := os.Readlink(at("soft"))
	show("link", target, err)
	first, err := os.Stat(at("soft"))
	check(err)
	second, err := os.Stat(at("hard"))
	check(err)
	show("same", os.SameFile(first, second), first.Sys().(*syscall.Stat_t).Nlink)
	check(os.Symlink("loop", at("loop")))
	_, err = os.Stat(at("loop"))
	show("loop", err)
	_, err = os.Readlink(at("plain"))
	show("no link", err)
	resolved, err := filepath.EvalSymlinks(at("soft"))
	check(err)
	show("resolved", filepath.Base(resolved))
	show("link again", os.Link(at("plain"), at("hard")))

	// Folders
	check(os.MkdirAll(at("a/b/c"), 0o777))
	show("folder", describe("a"))
	show("make again", os.Mkdir(at("a"), 0o777))
	show("remove full", os.Remove(at("a")))
	show("rename", os.Rename(at("a/b"), at("moved")), describe("moved"))
	show("rename missing", os.Rename(at("nothing"), at("moved")))
	show("rename onto a folder", os.Rename(at("plain"), at("moved")))
	check(os.Chdir(at("moved")))
	folder, err := os.Getwd()
	show("here", filepath.Base(folder), err)
	check(os.WriteFile("relative", []byte("r"), 0o600))
	show("relative", describe("moved/relative"))
	parent, err := os.Open("..")
	check(err)
	check(parent.Chdir())
	check(parent.Close())
	folder, err = os.Getwd()
	check(err)
	show("above", filepath.Base(folder) == filepath.Base(root))

	// Modes, owners, times
	check(os.Chmod(at("plain"), os.ModeSetuid|0o751))
	show("mode", describe("plain"))
	check(os.Chmod(at("moved"), os.ModeSticky|0o777))
	show("sticky", describe("moved"))
	show("owner", os.Chown(at("plain"), os.Getuid(), os.Getgid()), os.Lchown(at("soft"), -1, -1))
	moment := time.Date(2001, 2, 3, 4, 5, 6, 789012345, time.UTC)
	check(os.Chtimes(at("plain"), moment, moment.Add(time.Hour)))
	info, err := os.Stat(at("plain"))
	check(err)
	show("time", info.ModTime().UTC().Format(time.RFC3339Nano))
	old := time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
	check(os.Chtimes(at("plain"), old, old))
	info, err = os.Stat(at("plain"))
	check(err)
	show("before 1970", info.ModTime().UTC().Format(time.RFC3339Nano))
	check(os.Chtimes(at("plain"), time.Time{}, moment))
	check(syscall.Access(at("plain"), 4))
	show("access", syscall.Access(at("nothing"), 0))

	// Locks
	one, err := os.OpenFile(at("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	check(err)
	two, err := os.OpenFile(at("lock"), os.O_RDWR, 0)
	check(err)
	check(syscall.Flock(int(one.Fd()), syscall.LOCK_EX))
	err = syscall.Flock(int(two.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	show("locked", err == syscall.EWOULDBLOCK)
	check(syscall.Flock(int(one.Fd()), syscall.LOCK_UN))
	show("unlocked", syscall.Flock(int(two.Fd()), syscall.LOCK_SH|syscall.LOCK_NB))
	region := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: int16(io.SeekStart), Start: 10, Len: 20}
	show("region", syscall.FcntlFlock(one.Fd(), syscall.F_SETLK, &region))
	query := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: int16(io.SeekStart)}
	show("query", syscall.FcntlFlock(two.Fd(), syscall.F_GETLK, &query), query.Type == syscall.F_UNLCK)

	// Pipes, fifos
	check(syscall.Mkfifo(at("fifo"), 0o600))
	show("fifo", describe("fifo"))
	go func() {
		writer, err := os.OpenFile(at("fifo"), os.O_WRONLY, 0)
		check(err)
		fmt.Fprint(writer, "through a fifo")
		check(writer.Close())
	}()
	text, err = os.ReadFile(at("fifo"))
	show("fifo", string(text), err)
	reader, writer, err := os.Pipe()
	check(err)
	check(reader.SetReadDeadline(time.Now().Add(30 * time.Millisecond)))
	_, err = reader.Read(buffer)
	show("deadline", err, errors.Is(err, os.ErrDeadlineExceeded))
	check(reader.SetReadDeadline(time.Time{}))
	go func() { time.Sleep(10 * time.Millisecond); writer.Write([]byte("late")); writer.Close() }()
	text, err = io.ReadAll(reader)
	show("pipe", string(text), err)
	reader, writer, err = os.Pipe()
	check(err)
	check(reader.Close())
	_, err = writer.Write(buffer)
	show("broken pipe", err)

	// Memory
	handle, err = os.OpenFile(at("mapped"), os.O_CREATE|os.O_RDWR, 0o600)
	check(err)
	check(handle.Truncate(8192))
	memory, err := syscall.Mmap(int(handle.Fd()), 0, 8192, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	check(err)
	copy(memory[4090:], "across pages")
	_, err = handle.ReadAt(buffer, 4094)
	show("mapped", string(buffer), err)
	check(syscall.Munmap(memory))
	_, err = syscall.Mmap(-1, 0, 0, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	show("empty", err)
	private, err := syscall.Mmap(-1, 0, 1<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	check(err)
	private[1<<20-1] = 7
	_, _, code := syscall.Syscall(syscall.SYS_MPROTECT, uintptr(unsafe.Pointer(&private[0])), 1<<20, syscall.PROT_READ)
	show("private", code, private[1<<20-1], private[0])
	func() {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() { show("fault", recover()) }()
		private[5] = 1
	}()
	show("unmapped", syscall.Munmap(private))

	// Temporary files and copies
	temporary, err := os.CreateTemp(root, "t-*.txt")
	check(err)
	show("temporary", strings.HasSuffix(temporary.Name(), ".txt"))
	source, err := os.Open(at("mapped"))
	check(err)
	copied, err := io.Copy(temporary, source)
	show("copied", copied, err)
	check(os.CopyFS(at("copy"), os.DirFS(at("moved"))))
	show("copied tree", describe("copy/relative"))
	inside, err := os.OpenRoot(root)
	check(err)
	_, err = inside.Open("../etc/passwd")
	show("escape", err)
	inner, err := inside.Open("moved/relative")
	check(err)
	text, err = io.ReadAll(inner)
	show("inside", string(text), err)
	check(os.WriteFile("/dev/null", []byte("nothing"), 0))
	zero, err := os.Open("/dev/zero")
	check(err)
	_, err = io.ReadFull(zero, buffer)
	show("zero", buffer, err)
}
